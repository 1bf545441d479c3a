/**
 * What BERT's uncased tokenizers do to each character before words are looked up: control characters go, accents go, case goes,
 * and every character becomes part of a word, the end of one, or a word of its own.
 */

/** Part of a word; `unitOf` says as what. */
export const LETTER = 0;
/** Ends a word. */
export const SPACE = 1;
/** A word of its own: punctuation and Chinese characters. `unitOf` says as what. */
export const ALONE = 2;
/** As if it were not there, even inside a word. */
export const DROPPED = 3;
/** Becomes several UTF-16 units, or is half of a surrogate pair: ask `normalise`. */
export const COMPLEX = 4;
/** Not looked at yet. */
const UNKNOWN = 5;

const OTHER = /^[\p{Cc}\p{Cf}\p{Co}\p{Cs}]$/u;
const WHITE_SPACE = /^\p{White_Space}$/u;
const PUNCTUATION = /^[!-/:-@[-`{-~\p{P}]$/u;
const MARKS = /\p{Mn}/gu;

/** The blocks that BERT splits into single characters: Chinese, but not Japanese syllables or Korean. */
const CHINESE: readonly (readonly [number, number])[] = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b820, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
];

export interface Normalised {
  /** LETTER, SPACE, ALONE or DROPPED, for each of `units`' characters alike. */
  kind: number;
  /** What the character becomes: lower case, without accents. */
  text: string;
}

function isChinese(point: number): boolean {
  return point >= 0x3400 && CHINESE.some(([first, last]) => point >= first && point <= last);
}

/** One character by the rules, the slow way. A lone surrogate is dropped. */
export function normalise(point: number): Normalised {
  const original = String.fromCodePoint(point);
  if (point === 0x09 || point === 0x0a || point === 0x0d) return { kind: SPACE, text: '' };
  if (point === 0 || point === 0xfffd || OTHER.test(original)) return { kind: DROPPED, text: '' };
  if (WHITE_SPACE.test(original)) return { kind: SPACE, text: '' };
  const bare = original.normalize('NFD').replace(MARKS, '');
  // Character by character, as the rules have it: the capital sigma at the end of a word is no special case.
  const text = Array.from(bare, (character) => character.toLowerCase()).join('');
  if (text === '') return { kind: DROPPED, text };
  const alone = isChinese(point) || PUNCTUATION.test(text);
  return { kind: alone ? ALONE : LETTER, text };
}

/** The kind of each UTF-16 unit, filled in a block of 256 at a time: a text seldom needs more than a few blocks. */
export const kindOf = new Uint8Array(65_536).fill(UNKNOWN);
/** What a LETTER or ALONE unit becomes. */
export const unitOf = new Uint16Array(65_536);

function fillBlock(unit: number): void {
  const first = unit & 0xff00;
  for (let point = first; point < first + 256; point++) {
    if (point >= 0xd800 && point <= 0xdfff) {
      kindOf[point] = COMPLEX;
      continue;
    }
    const { kind, text } = normalise(point);
    kindOf[point] = text.length > 1 ? COMPLEX : kind;
    if (text.length === 1) unitOf[point] = text.charCodeAt(0);
  }
}

/** `kindOf[unit]`, after making sure that it is known. */
export function kindOfUnit(unit: number): number {
  if (kindOf[unit] === UNKNOWN) fillBlock(unit);
  return kindOf[unit];
}

fillBlock(0);
