/**
 * In which chunks a term stands, and how often: read from FTS5's index once, and kept. What was read stays true, since the words of a
 * chunk's number never change; chunks that are gone are left out by whoever reads the list.
 */
import type Database from 'better-sqlite3';

export interface Postings {
  ids: Uint32Array;
  /** How often it stands in each, 255 at most. */
  counts: Uint8Array;
  /** All chunks with a lower number are in the list. */
  end: number;
}

const BYTES_EACH = 5;
const MAX_COUNT = 255;
/** A term's share of the chunks moves slowly: it is counted again when there are so many times as many. */
const RECOUNT = 1.1;

export class PostingLists {
  readonly #lists = new Map<string, Postings>();
  readonly #shares = new Map<string, { chunks: number; total: number }>();
  readonly #limit: number;
  readonly #read: Database.Statement<[string], string | null>;
  readonly #chunks: Database.Statement<[string], number>;
  #bytes = 0;

  /** `limit`: bytes that the lists may take. */
  constructor(db: Database.Database, limit: number) {
    db.exec(`
      CREATE VIRTUAL TABLE temp.instances USING fts5vocab (main, words, 'instance');
      CREATE VIRTUAL TABLE temp.terms USING fts5vocab (main, words, 'row');
    `);
    this.#limit = limit;
    // As one string: SQLite hands over a million rows a second, and ten times as many numbers in a string.
    this.#read = db.prepare<[string], string | null>('SELECT group_concat(doc) FROM instances WHERE term = ?').pluck();
    this.#chunks = db.prepare<[string], number>('SELECT doc FROM terms WHERE term = ?').pluck();
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Share of the chunks that hold the term, about. */
  share(term: string, total: number): number {
    if (total === 0) return 0;
    let known = this.#shares.get(term);
    const stale = known === undefined || total > known.total * RECOUNT || known.total > total * RECOUNT;
    if (known === undefined || stale) {
      known = { chunks: this.#chunks.get(term) ?? 0, total };
      if (this.#shares.size > 100_000) this.#shares.clear();
      this.#shares.set(term, known);
    }
    return known.chunks / known.total;
  }

  /** The list for all chunks with a number below `end`. */
  get(term: string, end: number): Postings {
    const known = this.#lists.get(term);
    if (known !== undefined) {
      this.#lists.delete(term); // and put back at the end, as the last used
      this.#bytes -= known.ids.length * BYTES_EACH;
    }
    const list = known?.end === end ? known : parse(this.#read.get(term) ?? '', end);
    this.#lists.set(term, list);
    this.#bytes += list.ids.length * BYTES_EACH;
    for (const [oldest, { ids }] of this.#lists) {
      if (this.#bytes <= this.#limit || oldest === term) break;
      this.#lists.delete(oldest);
      this.#bytes -= ids.length * BYTES_EACH;
    }
    return list;
  }
}

/** From `3,3,7`: chunk 3 twice and chunk 7 once. */
function parse(text: string, end: number): Postings {
  let places = text === '' ? 0 : 1;
  for (let i = text.indexOf(','); i >= 0; i = text.indexOf(',', i + 1)) places++;
  const ids = new Uint32Array(places);
  const counts = new Uint8Array(places);
  let n = 0;
  let id = 0;
  for (let i = 0; i <= text.length && places > 0; i++) {
    const c = i < text.length ? text.charCodeAt(i) : 44;
    if (c !== 44) id = id * 10 + c - 48;
    else {
      if (n > 0 && ids[n - 1] === id) counts[n - 1] = Math.min(counts[n - 1] + 1, MAX_COUNT);
      else {
        ids[n] = id;
        counts[n++] = 1;
      }
      id = 0;
    }
  }
  return { ids: ids.slice(0, n), counts: counts.slice(0, n), end };
}
