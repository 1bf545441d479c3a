/**
 * Lists of words from the pages of FTS5's index as they lie in its table. Asked by SQL, FTS5 gives one row for each place of a word: for a
 * common word that is ten times the work of reading the pages. The format is FTS5's version 4, which SQLite promises to keep readable
 * (https://www.sqlite.org/fts5.html, fts5_index.c): a segment is a run of pages with its terms in order, each with its list; a list goes on over
 * as many pages as it needs. A test holds what is read here against what FTS5 says.
 */
import type Database from 'better-sqlite3';
import { QuiverError } from '../../../lib/errors.js';

export interface WordList {
  ids: Uint32Array;
  /** How often it stands in each, 255 at most. */
  counts: Uint8Array;
}

interface Segment {
  number: number;
  firstPage: number;
  lastPage: number;
}

/** FTS5 writes others once `secure-delete` is set, which a store never does. */
const VERSION = 4;
const STRUCTURE_ROW = 10;
/** In front of each term: of the main index, not of one of prefixes. */
const MAIN_INDEX = '0';
/** Begins a structure with the fields that deleting from a table without content needs. */
const STRUCTURE_V2 = 0xff000001;
const MAX_LEVELS = 64;
const HEADER = 4;
/** A page's row: the segment in the upper bits, the page in the lower ones. */
const PAGES_PER_SEGMENT = 2 ** 37;
const MAX_COUNT = 255;
const NEXT_COLUMN = 1;

/** Reads numbers of FTS5's kind: 7 bits a byte, the highest first. */
class Numbers {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** NaN past the end. */
  next(): number {
    let value = 0;
    for (let i = 0; i < 9; i++) {
      if (this.at >= this.#bytes.length) return NaN;
      const byte = this.#bytes[this.at++];
      if (i === 8) return value * 256 + byte;
      value = value * 128 + (byte & 127);
      if (byte < 128) return value;
    }
    return value;
  }
}

export class WordPages {
  readonly #path: string;
  readonly #version: Database.Statement<[], unknown>;
  readonly #block: Database.Statement<[number], unknown>;
  readonly #page: Database.Statement<[number, Buffer], number>;
  #structure: Buffer | undefined;
  #segments: Segment[] = [];

  constructor(db: Database.Database) {
    this.#path = db.name;
    this.#version = db.prepare<[], unknown>(`SELECT v FROM words_config WHERE k = 'version'`).pluck();
    this.#block = db.prepare<[number], unknown>('SELECT block FROM words_data WHERE id = ?').pluck();
    this.#page = db
      .prepare<[number, Buffer], number>(
        'SELECT pgno >> 1 FROM words_idx WHERE segid = ? AND term <= ? ORDER BY term DESC LIMIT 1',
      )
      .pluck();
  }

  /** The chunks with a term, in the order of their numbers, all below `end`; those among them that are gone may be in it too. */
  read(term: string, end: number): WordList {
    const wanted = Buffer.from(MAIN_INDEX + term);
    const list = new ListBuilder();
    for (const segment of this.#current()) {
      const first = Math.max(this.#page.get(segment.number, wanted) ?? 0, segment.firstPage);
      if (!this.#readFrom(segment, first, wanted, list)) throw this.#damaged(`a list in segment ${segment.number}`);
    }
    const done = list.finish();
    if ((done.ids.at(-1) ?? 0) >= Math.max(end, 1)) throw this.#damaged('a list, with a chunk that is yet to come,');
    return done;
  }

  /** Which segments there are. Looked at each time: FTS5 joins them also when nothing else changes. */
  #current(): Segment[] {
    const structure = this.#block.get(STRUCTURE_ROW);
    if (!Buffer.isBuffer(structure)) throw this.#damaged('its first page');
    if (this.#structure === undefined || !structure.equals(this.#structure)) {
      const version = this.#version.get();
      if (version !== VERSION) throw this.#damaged(`its version, ${String(version)} and not ${VERSION},`);
      const segments = segmentsOf(structure);
      if (segments === undefined) throw this.#damaged('its first page');
      this.#segments = segments;
      this.#structure = structure;
    }
    return this.#segments;
  }

  /** False where the pages make no sense. */
  #readFrom({ number, lastPage }: Segment, first: number, wanted: Buffer, list: ListBuilder): boolean {
    list.begin();
    for (let n = first; n <= lastPage; n++) {
      const page = this.#block.get(number * PAGES_PER_SEGMENT + n);
      if (!Buffer.isBuffer(page) || page.length < HEADER) return false;
      const size = page.readUInt16BE(2);
      if (size < HEADER || size > page.length) return false;
      const place = n === first ? findTerm(page, size, wanted) : { from: HEADER, to: firstTerm(page, size) };
      if (place === undefined) return true; // not in this segment
      if (!(place.from <= place.to && place.to <= size) || !list.take(page, place.from, place.to)) return false;
      if (place.to < size) break; // another term begins
    }
    return list.complete;
  }

  #damaged(what: string): QuiverError {
    return new QuiverError(
      'E_CORRUPT',
      `${this.#path}: the index of words is damaged: ${what} cannot be read. Restore a backup, or move the folder away and ingest the documents again.`,
      { expected: 'an index as FTS5 writes it', actual: what },
    );
  }
}

/** The segments that a structure lists; undefined where it makes no sense. */
function segmentsOf(structure: Buffer): Segment[] | undefined {
  if (structure.length < 8 || structure.readUInt32BE(4) !== STRUCTURE_V2) return undefined;
  const numbers = new Numbers(structure, 8);
  const levels = numbers.next();
  const total = numbers.next();
  numbers.next(); // writes so far
  if (!(levels <= MAX_LEVELS)) return undefined;
  // Each level holds what is older than the level before, so that the lists come out in order.
  let segments: Segment[] = [];
  for (let level = 0; level < levels; level++) {
    const newer = segments;
    segments = [];
    numbers.next(); // segments that are being joined
    for (let left = numbers.next(); left > 0; left--) {
      const [number = NaN, firstPage = NaN, lastPage = NaN] = Array.from({ length: 8 }, () => numbers.next());
      if (!(number > 0 && firstPage > 0 && lastPage >= firstPage)) return undefined;
      segments.push({ number, firstPage, lastPage });
    }
    segments.push(...newer);
  }
  return segments.length === total ? segments : undefined;
}

/** Where the first term of a page begins; the end of the page where the list before goes on over all of it. */
function firstTerm(page: Buffer, size: number): number {
  return size < page.length ? new Numbers(page, size).next() : size;
}

/** From where to where a term's list lies on the page, if it begins there. */
function findTerm(page: Buffer, size: number, wanted: Buffer): { from: number; to: number } | undefined {
  const places = new Numbers(page, size);
  let same = 0; // so many bytes of the wanted term are those of the term before
  let at = 0;
  let isFirst = true;
  while (places.at < page.length) {
    at += places.next();
    const numbers = new Numbers(page, at);
    const kept = isFirst ? 0 : numbers.next();
    const added = numbers.next();
    isFirst = false;
    if (!(numbers.at + added <= size)) return { from: NaN, to: NaN };
    if (kept < same) return undefined; // the terms from here on are greater
    if (kept > same) continue;
    let i = 0;
    while (i < added && same < wanted.length && page[numbers.at + i] === wanted[same]) {
      i++;
      same++;
    }
    if (i === added && same === wanted.length) {
      return { from: numbers.at + added, to: places.at < page.length ? at + places.next() : size };
    }
    if (i < added && (same === wanted.length || page[numbers.at + i] > wanted[same])) return undefined;
  }
  return undefined;
}

/** Puts the parts of a list together, page by page and segment by segment. */
class ListBuilder {
  #ids = new Uint32Array(256);
  #counts = new Uint8Array(256);
  #n = 0;
  /** The part that is being read begins there. */
  #part = 0;
  /** Bytes of the last chunk's places that are on the next page. */
  #left = 0;
  /** The number of a column is on the next page. */
  #inColumn = false;
  #ordered = true;

  begin(): void {
    this.#part = this.#n;
    this.#left = 0;
    this.#inColumn = false;
  }

  get complete(): boolean {
    return this.#left === 0;
  }

  /** Takes what lies from `from` to `to` of a page: for each chunk its number, the bytes of its places, and those. */
  take(page: Buffer, from: number, to: number): boolean {
    this.#room(to - from);
    let at = this.#places(page, from, Math.min(to, from + this.#left));
    // The first number on a page is a number; those that follow are distances.
    let id = 0;
    while (at < to) {
      let byte = page[at++];
      let value = byte & 127;
      while (byte > 127 && at < to) value = value * 128 + ((byte = page[at++]) & 127);
      id += value;
      let size = (byte = page[at++]) & 127;
      while (byte > 127 && at < to) size = size * 128 + ((byte = page[at++]) & 127);
      size >>= 1; // the lowest bit is another's
      const before = this.#ids[this.#n - 1];
      if (at > to || id > 0xffffffff || (this.#n > this.#part && id <= before)) return false;
      if (this.#n > 0 && id <= before) this.#ordered = false;
      this.#ids[this.#n] = id;
      this.#counts[this.#n++] = 0;
      this.#left = size;
      at = this.#places(page, at, Math.min(to, at + size));
    }
    return true;
  }

  /** Counts the places from `from` to `to`, which are the last chunk's. */
  #places(page: Buffer, from: number, to: number): number {
    if (from >= to) return from;
    let count = 0;
    let begins = true;
    let inColumn = this.#inColumn;
    for (let at = from; at < to; at++) {
      const byte = page[at];
      if (byte > 127) begins = false;
      else {
        if (inColumn) inColumn = false;
        else if (begins && byte === NEXT_COLUMN) inColumn = true;
        else count++;
        begins = true;
      }
    }
    this.#inColumn = inColumn;
    this.#counts[this.#n - 1] = Math.min(this.#counts[this.#n - 1] + count, MAX_COUNT);
    this.#left -= to - from;
    return to;
  }

  /** A chunk takes two bytes at least. */
  #room(bytes: number): void {
    const needed = this.#n + (bytes >> 1) + 1;
    if (needed <= this.#ids.length) return;
    const ids = new Uint32Array(Math.max(needed, this.#ids.length * 2));
    ids.set(this.#ids);
    this.#ids = ids;
    const counts = new Uint8Array(ids.length);
    counts.set(this.#counts);
    this.#counts = counts;
  }

  finish(): WordList {
    const ids = this.#ids.slice(0, this.#n);
    const counts = this.#counts.slice(0, this.#n);
    if (this.#ordered) return { ids, counts };
    // FTS5 keeps segments by age, and numbers only go up: not to be expected, and nothing should hang on it.
    const pairs = Float64Array.from(ids, (id, i) => id * 256 + counts[i]).sort();
    return { ids: Uint32Array.from(pairs, (pair) => pair / 256), counts: Uint8Array.from(pairs, (pair) => pair % 256) };
  }
}
