/**
 * WordPiece as BERT's uncased models have it: text to words, each word to the longest tokens that fit, from its left. No [CLS], no [SEP];
 * the names of special tokens in a text ("[SEP]") are words like others. Long texts are read in steps, so that a caller can let other
 * work in between, and may come in parts.
 */
import { ALONE, COMPLEX, DROPPED, kindOf, kindOfUnit, LETTER, normalise, SPACE, unitOf } from './characters.js';
import { mix, PIECE_SEED, type Vocabulary, WORD_SEED } from './vocabulary.js';

/** A word of more characters is one unknown token. */
const LONGEST_WORD = 100;

export class Tokenizer {
  readonly vocabulary: Vocabulary;
  /** The tokens of the last step are `ids[0..count)`. */
  ids = new Int32Array(1024);
  count = 0;

  private text = '';
  private position = 0;
  /** The word that is being read. It may go on in the next step. */
  private readonly word = new Uint16Array(2 * LONGEST_WORD + 8);
  private length = 0;
  private characters = 0;
  private hash = WORD_SEED;

  constructor(vocabulary: Vocabulary) {
    this.vocabulary = vocabulary;
  }

  /** All tokens of a text at once. */
  encode(text: string): Int32Array {
    this.begin(text);
    this.advance(text.length);
    const ids = this.ids.slice(0, this.count);
    this.end();
    if (this.count === 0) return ids;
    const all = new Int32Array(ids.length + this.count);
    all.set(ids);
    all.set(this.ids.subarray(0, this.count), ids.length);
    return all;
  }

  /** A new text, or its first part. */
  begin(text: string): void {
    this.reset();
    this.goOn(text);
  }

  /** The next part of the same text. A part may end inside a word, but not inside a surrogate pair. */
  goOn(part: string): void {
    this.text = part;
    this.position = 0;
  }

  /** Reads on for about `units` UTF-16 units. Returns whether the part goes on after them. */
  advance(units: number): boolean {
    const { text } = this;
    this.count = 0;
    let position = this.position;
    const stop = Math.min(text.length, position + units);
    while (position < stop) {
      const unit = text.charCodeAt(position++);
      let kind = kindOf[unit];
      if (kind > COMPLEX) kind = kindOfUnit(unit);
      if (kind === LETTER) this.push(unitOf[unit]);
      else if (kind === SPACE) this.endWord();
      else if (kind === ALONE) this.alone(unitOf[unit]);
      else if (kind === COMPLEX) position = this.readComplex(position - 1);
    }
    this.position = position;
    return position < text.length;
  }

  /** After the last part: the tokens of a word that only the end of the text ends. */
  end(): void {
    this.count = 0;
    this.endWord();
    this.text = '';
  }

  private push(unit: number): void {
    if (++this.characters > LONGEST_WORD) return;
    this.word[this.length++] = unit;
    this.hash = mix(this.hash, unit);
  }

  private alone(unit: number): void {
    this.endWord();
    this.push(unit);
    this.endWord();
  }

  /** One character that is a surrogate pair or becomes several characters. Returns the position after it. */
  private readComplex(position: number): number {
    const point = this.text.codePointAt(position) ?? 0;
    const after = position + (point > 0xffff ? 2 : 1);
    const { kind, text } = normaliseCached(point);
    if (kind === SPACE || kind === ALONE) this.endWord();
    if (kind === DROPPED || kind === SPACE) return after;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      // A surrogate pair is one character of the word: its second half is not counted.
      if ((unit & 0xfc00) === 0xdc00) this.characters--;
      this.push(unit);
    }
    if (kind === ALONE) this.endWord();
    return after;
  }

  private endWord(): void {
    if (this.characters === 0) return;
    const { vocabulary, word, length } = this;
    if (this.count + LONGEST_WORD >= this.ids.length) this.grow();
    if (this.characters > LONGEST_WORD) this.ids[this.count++] = vocabulary.unknown;
    else {
      const id = length <= vocabulary.longest ? vocabulary.find(this.hash, word, 0, length) : -1;
      if (id >= 0) this.ids[this.count++] = id;
      else this.split();
    }
    this.reset();
  }

  /** A word that is no token itself: the longest token that it begins with, then the longest that goes on, to its end. */
  private split(): void {
    const { vocabulary, word, length } = this;
    const first = this.count;
    let start = 0;
    while (start < length) {
      const seed = start === 0 ? WORD_SEED : PIECE_SEED;
      let end = Math.min(length, start + vocabulary.longest);
      hashes[start] = seed;
      for (let i = start; i < end; i++) hashes[i + 1] = mix(hashes[i], word[i]);
      let id = -1;
      for (; end > start && id < 0; end--) id = vocabulary.find(hashes[end], word, start, end - start);
      if (id < 0) {
        this.count = first;
        this.ids[this.count++] = vocabulary.unknown;
        return;
      }
      this.ids[this.count++] = id;
      start = end + 1;
    }
  }

  private grow(): void {
    const more = new Int32Array(this.ids.length * 2);
    more.set(this.ids);
    this.ids = more;
  }

  private reset(): void {
    this.length = 0;
    this.characters = 0;
    this.hash = WORD_SEED;
  }
}

/** `hashes[i]`: of the units from the start of a piece up to i. One tokenizer splits one word at a time, so all share it. */
const hashes = new Int32Array(2 * LONGEST_WORD + 9);

/** Emoji and Korean come again and again; the number of them is bounded by Unicode, what is kept by this. */
const CACHE_SIZE = 4096;
const cache = new Map<number, { kind: number; text: string }>();

function normaliseCached(point: number): { kind: number; text: string } {
  let found = cache.get(point);
  if (found === undefined) {
    found = normalise(point);
    if (cache.size >= CACHE_SIZE) cache.clear();
    cache.set(point, found);
  }
  return found;
}
