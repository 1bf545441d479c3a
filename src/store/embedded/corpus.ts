/** What a reader knows of all chunks: which there are, and how many words each has. Kept up to date by number. */
import type Database from 'better-sqlite3';
import type { Meta } from './meta.js';

/** Rows read as one string: a row at a time is ten times slower. */
const SLICE = 65_536;
const MAX_LENGTH = 65_534;

export class Corpus {
  /** Generation that the rest describes. -1: nothing is known yet. */
  generation = -1;
  /** Numbers below it may be chunks. */
  end = 0;
  count = 0;
  /** Words of all chunks. */
  words = 0;
  /** By number: words of the chunk plus one; 0 where there is none. */
  lengths = new Uint16Array(1_024);
  readonly #meta: Meta;
  readonly #removed: Database.Statement<[number], [first: number, count: number]>;
  readonly #sizes: Database.Statement<[number, number], string | null>;

  constructor(db: Database.Database, meta: Meta) {
    this.#meta = meta;
    this.#removed = db
      .prepare<[number], [number, number]>('SELECT first_chunk, chunks FROM removed WHERE generation > ?')
      .raw();
    // FTS5 keeps the number of tokens of each column there, as a row of varints.
    this.#sizes = db
      .prepare<[number, number], string | null>(
        `SELECT group_concat(id || ':' || hex(sz)) FROM words_docsize WHERE id >= ? AND id < ?`,
      )
      .pluck();
  }

  /** Takes in what was committed since. To be called within the read transaction. */
  sync(): void {
    const generation = this.#meta.number('generation');
    if (generation === this.generation) return;
    if (this.generation < this.#meta.number('forgotten')) this.#reset();
    for (const [first, count] of this.#removed.all(this.generation)) {
      for (let id = first; id < Math.min(first + count, this.end); id++) this.#drop(id);
    }
    const end = this.#meta.number('next_chunk');
    this.#grow(end);
    for (let from = this.end; from < end; from += SLICE) {
      const sizes = this.#sizes.get(from, Math.min(from + SLICE, end));
      if (typeof sizes === 'string') this.#take(sizes);
    }
    this.end = end;
    this.generation = generation;
  }

  #reset(): void {
    this.end = this.count = this.words = 0;
    this.lengths.fill(0);
  }

  #grow(end: number): void {
    if (end <= this.lengths.length) return;
    const larger = new Uint16Array(Math.max(end, Math.ceil(this.lengths.length * 1.5)));
    larger.set(this.lengths);
    this.lengths = larger;
  }

  #drop(id: number): void {
    const length = this.lengths[id];
    if (length === 0) return;
    this.lengths[id] = 0;
    this.count--;
    this.words -= length - 1;
  }

  /** `id:hex,id:hex,...` */
  #take(sizes: string): void {
    let id = 0;
    let length = 0;
    let value = 0; // of the varint under way
    let high = -1; // first digit of a byte
    let inHex = false;
    for (let i = 0; i <= sizes.length; i++) {
      const c = i < sizes.length ? sizes.charCodeAt(i) : 44;
      if (c === 44) {
        // ','
        this.lengths[id] = Math.min(length, MAX_LENGTH) + 1;
        this.words += Math.min(length, MAX_LENGTH);
        this.count++;
        id = length = 0;
        inHex = false;
      } else if (c === 58) {
        // ':'
        inHex = true;
        value = 0;
      } else if (!inHex) id = id * 10 + c - 48;
      else {
        const digit = c < 58 ? c - 48 : c - 55;
        if (high < 0) high = digit;
        else {
          value = value * 128 + ((high & 7) * 16 + digit);
          if (high < 8) {
            length += value;
            value = 0;
          }
          high = -1;
        }
      }
    }
  }
}
