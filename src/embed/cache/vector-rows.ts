/** The rows of the cache: found, kept, and forgotten in the order of their last use. */
import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';
import { QuiverError } from '../../../lib/errors.js';
import { KEY_BYTES, type Space } from './messages.js';

/** Rows that are written in one transaction: other processes wait no longer than for these. */
const STEP = 256;
/** Steps of forgetting after one of keeping; what is too much then goes next time. */
const STEPS = 40;
/** Uses that wait to be noted; more are not: they cost only the order in which rows are forgotten. */
const MOST_USES = 65_536;
/** An entry, its places in two indexes, and its part of a page: what a row needs besides its vector. */
const ENTRY_BYTES = 160;

interface Row {
  number: number;
  used: number;
  vector: unknown;
  sum: unknown;
}

/** Of the vector and of all that it belongs to: a row that came under a wrong key is damaged too. */
function sumOf({ fingerprint, input }: Space, key: Uint8Array, vector: Uint8Array): number {
  return crc32(vector, crc32(key, crc32(`${input} ${fingerprint}`)));
}

/** The clock's time; a clock that was lost means that the file is damaged. */
function whole(time: unknown): number {
  if (typeof time === 'number') return time;
  throw new QuiverError('E_CORRUPT', 'its clock is gone');
}

export class VectorRows {
  readonly #db: Database.Database;
  readonly #maxBytes: number;
  readonly #statements: ReturnType<typeof statementsOf>;
  /** Entries that were found and whose last use is long ago. */
  readonly #uses = new Set<number>();

  constructor(db: Database.Database, maxBytes: number) {
    this.#db = db;
    this.#maxBytes = maxBytes;
    this.#statements = statementsOf(db);
  }

  /** Calls `found` with each vector that is there and whole. */
  find(space: Space, keys: Uint8Array, found: (at: number, vector: Uint8Array) => void): void {
    const { space: spaceOf, row, clock } = this.#statements;
    this.#db.transaction(() => {
      const number = spaceOf.get(space.fingerprint, space.input);
      if (number === undefined) return;
      const old = whole(clock.get()) - this.#maxBytes / 16;
      for (let at = 0; at * KEY_BYTES < keys.length; at++) {
        const key = keys.subarray(at * KEY_BYTES, (at + 1) * KEY_BYTES);
        const one = row.get(number, key) as Row | undefined;
        if (one === undefined || !(one.vector instanceof Uint8Array)) continue;
        if (one.vector.length !== space.dim * 4 || one.sum !== sumOf(space, key, one.vector)) continue;
        found(at, one.vector);
        if (one.used < old && this.#uses.size < MOST_USES) this.#uses.add(one.number);
      }
    })();
  }

  /** Takes the place of what is there under the same key. */
  keep(space: Space, keys: Uint8Array, vectors: Float32Array): void {
    const count = keys.length / KEY_BYTES;
    for (let from = 0; from < count; from += STEP) {
      const to = Math.min(count, from + STEP);
      this.#db.transaction(() => this.#insert(space, keys, vectors, from, to)).immediate();
      this.#shrink(space.dim * 4 + ENTRY_BYTES);
    }
  }

  #insert(space: Space, keys: Uint8Array, vectors: Float32Array, from: number, to: number): void {
    const { dim, fingerprint, input } = space;
    const { addSpace, space: spaceOf, advance, addEntry, addVector } = this.#statements;
    addSpace.run(fingerprint, input);
    const number = spaceOf.get(fingerprint, input);
    const now = whole(advance.get((to - from) * dim * 4));
    this.#noteUses(now);
    for (let at = from; at < to; at++) {
      const vector = vectors.subarray(at * dim, (at + 1) * dim);
      // A model that failed once must not have failed for good.
      if (!vector.every(Number.isFinite)) continue;
      const key = keys.subarray(at * KEY_BYTES, (at + 1) * KEY_BYTES);
      const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
      addVector.run(addEntry.get(number, key, now), bytes, sumOf(space, key, bytes));
    }
  }

  #noteUses(now: number): void {
    for (const entry of this.#uses) this.#statements.use.run(now, entry);
    this.#uses.clear();
  }

  /** Notes what was used and not written down yet. */
  flush(): void {
    if (this.#uses.size === 0) return;
    this.#db.transaction(() => this.#noteUses(whole(this.#statements.clock.get()))).immediate();
  }

  #number(pragma: string): number {
    return this.#db.pragma(pragma, { simple: true }) as number;
  }

  /** Forgets what was not used for longest, until there is some room again. The bound is the file's, so whole pages count. */
  #shrink(rowBytes: number): void {
    const page = this.#number('page_size');
    const taken = (): number => (this.#number('page_count') - this.#number('freelist_count')) * page;
    if (taken() <= this.#maxBytes) return;
    const goal = this.#maxBytes * (63 / 64);
    const { oldest, dropEntry, dropVector } = this.#statements;
    for (let step = 0, over = taken() - goal; step < STEPS && over > 0; step++, over = taken() - goal) {
      const entries = oldest.all(Math.max(8, Math.min(STEP, Math.ceil(over / rowBytes))));
      if (entries.length === 0) break;
      const drop = this.#db.transaction(() => {
        for (const entry of entries) {
          dropVector.run(entry);
          dropEntry.run(entry);
        }
      });
      drop.immediate();
    }
    // A bound that was larger once: pages without rows go back to the disk.
    const over = this.#number('page_count') * page - this.#maxBytes;
    if (over > 0) this.#db.pragma(`incremental_vacuum(${String(Math.min(4_096, Math.ceil(over / page)))})`);
  }
}

function statementsOf(db: Database.Database) {
  return {
    clock: db.prepare('SELECT written FROM clock').pluck(),
    advance: db.prepare('UPDATE clock SET written = written + ? RETURNING written').pluck(),
    space: db.prepare('SELECT number FROM spaces WHERE fingerprint = ? AND input = ?').pluck(),
    addSpace: db.prepare('INSERT INTO spaces (fingerprint, input) VALUES (?, ?) ON CONFLICT DO NOTHING'),
    row: db.prepare(
      'SELECT number, used, vector, sum FROM entries JOIN vectors ON entry = number WHERE space = ? AND key = ?',
    ),
    addEntry: db
      .prepare(
        `INSERT INTO entries (space, key, used) VALUES (?, ?, ?)
         ON CONFLICT (space, key) DO UPDATE SET used = excluded.used RETURNING number`,
      )
      .pluck(),
    addVector: db.prepare('INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)'),
    use: db.prepare('UPDATE entries SET used = ? WHERE number = ?'),
    oldest: db.prepare('SELECT number FROM entries ORDER BY used, number LIMIT ?').pluck(),
    dropEntry: db.prepare('DELETE FROM entries WHERE number = ?'),
    dropVector: db.prepare('DELETE FROM vectors WHERE entry = ?'),
  };
}
