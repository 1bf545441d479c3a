/**
 * In which chunks a term stands, and how often: read from the index of words once, and kept. What was read stays true, since the words of a
 * chunk's number never change; chunks that are gone are left out by whoever reads the list.
 */
import type Database from 'better-sqlite3';
import type { Corpus } from './corpus.js';
import { WordPages, type WordList } from './word-pages.js';

export interface Postings extends WordList {
  /** All chunks with a lower number are in the list. */
  end: number;
}

const BYTES_EACH = 5;
/** What a list takes beside its numbers, about: words that are in no chunk are kept too, and anybody can ask for as many as they like. */
const BYTES_OF_ONE = 400;
/** A term's share of the chunks moves slowly: it is counted again when there are so many times as many. */
const RECOUNT = 1.1;

export class PostingLists {
  readonly #lists = new Map<string, Postings>();
  readonly #shares = new Map<string, { chunks: number; total: number }>();
  readonly #limit: number;
  readonly #pages: WordPages;
  #bytes = 0;

  /** `limit`: bytes that the lists may take. */
  constructor(db: Database.Database, limit: number) {
    this.#limit = limit;
    this.#pages = new WordPages(db);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Share of the chunks that hold the term, about. */
  share(term: string, corpus: Corpus): number {
    const total = corpus.count;
    if (total === 0) return 0;
    let known = this.#shares.get(term);
    if (known === undefined || total > known.total * RECOUNT || known.total > total * RECOUNT) {
      known = { chunks: this.#count(term, corpus), total };
      if (this.#shares.size > 100_000) this.#shares.clear();
      this.#shares.set(term, known);
    }
    return known.chunks / known.total;
  }

  /** From the list itself, which most terms of a question need next. */
  #count(term: string, { lengths, end }: Corpus): number {
    const { ids } = this.get(term, end);
    let chunks = 0;
    for (let i = 0; i < ids.length; i++) if (lengths[ids[i]] > 0) chunks++;
    return chunks;
  }

  /** The list for all chunks with a number below `end`. */
  get(term: string, end: number): Postings {
    const known = this.#lists.get(term);
    if (known !== undefined) {
      this.#lists.delete(term); // and put back at the end, as the last used
      this.#bytes -= bytesOf(known);
    }
    const list = known?.end === end ? known : { ...this.#pages.read(term, end), end };
    this.#lists.set(term, list);
    this.#bytes += bytesOf(list);
    for (const [oldest, other] of this.#lists) {
      if (this.#bytes <= this.#limit || oldest === term) break;
      this.#lists.delete(oldest);
      this.#bytes -= bytesOf(other);
    }
    return list;
  }
}

function bytesOf({ ids }: WordList): number {
  return BYTES_OF_ONE + ids.length * BYTES_EACH;
}
