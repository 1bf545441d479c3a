/** Which chunks a filter takes, as one bit a number; kept from search to search. */
import type Database from 'better-sqlite3';
import type { FilterNode } from '../filter.js';
import type { Corpus } from './corpus.js';
import { toSql } from './filter-sql.js';

interface Taken {
  /** Bit `id & 7` of byte `id >> 3`, as FAISS has it. Chunks that are gone may have theirs. */
  bits: Uint8Array;
  /** Documents with a lower number have been looked at. */
  end: number;
}

const MAX_KEPT = 64;

export class FilterBits {
  readonly #db: Database.Database;
  readonly #corpus: Corpus;
  readonly #kept = new Map<string, Taken>();

  constructor(db: Database.Database, corpus: Corpus) {
    this.#db = db;
    this.#corpus = corpus;
  }

  /** To be called within the read transaction, after corpus.sync(). `nextDocument`: the number that no document has yet. */
  of(filter: FilterNode, nextDocument: number): Uint8Array {
    const key = JSON.stringify(filter);
    const known = this.#kept.get(key);
    this.#kept.delete(key); // and put back at the end, as the last used
    const taken = this.#extend(filter, known, nextDocument);
    this.#kept.set(key, taken);
    const oldest = this.#kept.keys().next();
    if (this.#kept.size > MAX_KEPT && oldest.done === false) this.#kept.delete(oldest.value);
    return taken.bits;
  }

  /** Only documents that are new are looked at: what a filter says of a number never changes. */
  #extend(filter: FilterNode, known: Taken | undefined, nextDocument: number): Taken {
    const bytes = (this.#corpus.end + 7) >> 3;
    let bits = known?.bits ?? new Uint8Array(bytes);
    if (bits.length < bytes) {
      bits = new Uint8Array(bytes);
      bits.set(known?.bits ?? []);
    }
    const from = known?.end ?? 0;
    if (from === nextDocument) return { bits, end: from };
    const { sql, values } = toSql(filter);
    const ranges = this.#db
      .prepare<unknown[], string | null>(
        `SELECT group_concat(first_chunk || ' ' || chunks) FROM documents d WHERE d.number >= ? AND d.chunks > 0 AND ${sql}`,
      )
      .pluck()
      .get(from, ...values);
    for (const range of ranges?.split(',') ?? []) {
      const [first, count] = range.split(' ').map(Number);
      for (let id = first; id < first + count; id++) bits[id >> 3] |= 1 << (id & 7);
    }
    return { bits, end: nextDocument };
  }
}

export function hasBit(bits: Uint8Array, id: number): boolean {
  return ((bits[id >> 3] ?? 0) & (1 << (id & 7))) !== 0;
}
