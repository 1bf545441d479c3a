/**
 * The tokens of a model, found by their characters without making a string: text is matched as it is read, and a lookup is one
 * probe in a table of hashes. Tokens that continue a word carry BERT's mark `##` in the file and a hash of their own here.
 */
import { QuiverError } from '../../../lib/errors.js';
import { shared } from './memory.js';

export const CONTINUATION = '##';
export const UNKNOWN_TOKEN = '[UNK]';

/** Starts of the hash: the same letters are another token at the start of a word than inside one. */
export const WORD_SEED = 0x811c9dc5 | 0;
export const PIECE_SEED = 0x9e3779b9 | 0;
const PRIME = 0x01000193;

/** One more UTF-16 unit into a hash. */
export function mix(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, PRIME);
}

/** What a vocabulary is made of. The arrays lie in shared memory, so that threads can have the same one. */
export interface VocabularyParts {
  /** Hash and id + 1 of each token, in turn; id + 1 is 0 where the place is free. A power of two of places. */
  places: Int32Array;
  /** The UTF-16 units of all tokens in a row, without marks, and where each begins. */
  units: Uint16Array;
  starts: Int32Array;
  /** Units of the longest token. No match can be longer. */
  longest: number;
  /** The token for a word that no tokens make up. */
  unknown: number;
}

export class Vocabulary {
  readonly parts: VocabularyParts;
  readonly longest: number;
  readonly unknown: number;
  private readonly places: Int32Array;
  private readonly mask: number;
  private readonly units: Uint16Array;
  private readonly starts: Int32Array;

  constructor(parts: VocabularyParts) {
    this.parts = parts;
    this.longest = parts.longest;
    this.unknown = parts.unknown;
    this.places = parts.places;
    this.mask = parts.places.length / 2 - 1;
    this.units = parts.units;
    this.starts = parts.starts;
  }

  /** Token number i is `tokens[i]`. Errors: E_CORRUPT when one is empty or given twice, or `[UNK]` is not among them. */
  static of(tokens: readonly string[]): Vocabulary {
    return new Vocabulary(partsOf(tokens));
  }

  get size(): number {
    return this.starts.length - 1;
  }

  /** The token whose hash (with its seed) is `hash` and whose units are `units[from..from + length)`, or -1. */
  find(hash: number, units: Uint16Array, from: number, length: number): number {
    const { places, mask } = this;
    for (let place = firstPlace(hash, mask); ; place = (place + 1) & mask) {
      const id = places[place * 2 + 1] - 1;
      if (id < 0) return -1;
      if (places[place * 2] === hash && this.matches(id, units, from, length)) return id;
    }
  }

  private matches(id: number, units: Uint16Array, from: number, length: number): boolean {
    const start = this.starts[id];
    if (this.starts[id + 1] - start !== length) return false;
    for (let i = 0; i < length; i++) if (this.units[start + i] !== units[from + i]) return false;
    return true;
  }
}

function firstPlace(hash: number, mask: number): number {
  return (hash ^ (hash >>> 15)) & mask;
}

function unusable(token: string, id: number): QuiverError {
  const message = `Token ${id} of the vocabulary must be new and not empty, but is "${token}".`;
  return new QuiverError('E_CORRUPT', message, { expected: 'each token once', actual: `"${token}" again` });
}

function partsOf(tokens: readonly string[]): VocabularyParts {
  // At most 40 % of the places are taken: a probe then seldom meets another token.
  let count = 16;
  while (count < tokens.length * 2.5) count *= 2;
  const places = shared(Int32Array, count * 2);
  const starts = shared(Int32Array, tokens.length + 1);
  const units = shared(
    Uint16Array,
    tokens.reduce((sum, token) => sum + token.length, 0),
  );
  const vocabulary = { places, units, starts, longest: 0, unknown: 0 };
  const finder = new Vocabulary(vocabulary);
  tokens.forEach((token, id) => {
    const isPiece = token.startsWith(CONTINUATION);
    let hash = isPiece ? PIECE_SEED : WORD_SEED;
    const start = starts[id];
    let end = start;
    for (let i = isPiece ? CONTINUATION.length : 0; i < token.length; i++) {
      const unit = token.charCodeAt(i);
      units[end++] = unit;
      hash = mix(hash, unit);
    }
    if (end === start || finder.find(hash, units, start, end - start) >= 0) throw unusable(token, id);
    starts[id + 1] = end;
    vocabulary.longest = Math.max(vocabulary.longest, end - start);
    let place = firstPlace(hash, count - 1);
    while (places[place * 2 + 1] !== 0) place = (place + 1) & (count - 1);
    places[place * 2] = hash;
    places[place * 2 + 1] = id + 1;
  });
  vocabulary.unknown = tokens.indexOf(UNKNOWN_TOKEN);
  if (vocabulary.unknown < 0) {
    throw new QuiverError('E_CORRUPT', `The vocabulary must hold ${UNKNOWN_TOKEN}, but does not.`, {
      expected: UNKNOWN_TOKEN,
      actual: `${tokens.length} other tokens`,
    });
  }
  return vocabulary;
}
