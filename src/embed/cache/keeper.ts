/** The calls of the cache's thread. None of them fails: what does not work is told, and the answer is as if nothing were there. */
import { createHash } from 'node:crypto';
import { Moved } from '../../thread/rpc.js';
import { inodeOf, meaningOf, openDatabase, setAside, type OpenDatabase } from './database.js';
import { KEY_BYTES, type CacheCalls, type CacheData, type Found, type Trouble } from './messages.js';
import { VectorRows } from './vector-rows.js';

interface Opened extends OpenDatabase {
  rows: VectorRows;
}

/** Others hold the file for milliseconds; where one holds it for longer, waiting for it again and again would be slower than no cache. */
const PAUSE_MS = 5_000;

/** In UTF-16: in UTF-8 texts that differ only in halves of surrogate pairs would be the same. */
function keysOf(texts: readonly string[]): Uint8Array {
  const keys = new Uint8Array(texts.length * KEY_BYTES);
  texts.forEach((text, at) => keys.set(createHash('sha256').update(text, 'utf16le').digest(), at * KEY_BYTES));
  return keys;
}

export class Keeper {
  readonly #path: string;
  readonly #maxBytes: number;
  #opened: Opened | undefined;
  /** Times in a row that the file was busy, and until when it is left alone for that. */
  #busy = 0;
  #pausedUntil = 0;

  constructor({ path, maxBytes }: CacheData) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  get calls(): CacheCalls {
    return {
      find: ({ texts, ...space }) => {
        const keys = keysOf(texts);
        const vectors = new Float32Array(texts.length * space.dim);
        const bytes = new Uint8Array(vectors.buffer);
        let at: number[] = [];
        const trouble = this.#try((rows) => {
          at = [];
          rows.find(space, keys, (number, vector) => bytes.set(vector, space.dim * 4 * (at.push(number) - 1)));
        });
        // What came before the trouble was whole, but half an answer is none.
        if (trouble !== undefined) at = [];
        const found: Found = {
          keys,
          at: Uint32Array.from(at),
          vectors: vectors.subarray(0, at.length * space.dim),
          trouble,
        };
        return new Moved(found, [keys.buffer, vectors.buffer]) as unknown as Found;
      },
      keep: ({ keys, vectors, ...space }) => ({ trouble: this.#try((rows) => rows.keep(space, keys, vectors)) }),
      close: () => {
        if (this.#opened !== undefined) this.#try((rows) => rows.flush());
        this.#close();
      },
    };
  }

  #rows(): VectorRows {
    if (this.#opened === undefined) {
      const opened = openDatabase(this.#path);
      try {
        this.#opened = { ...opened, rows: new VectorRows(opened.db, this.#maxBytes) };
      } catch (error) {
        opened.db.close();
        throw error;
      }
    }
    return this.#opened.rows;
  }

  #close(): void {
    try {
      this.#opened?.db.close();
    } catch {
      // Nothing that it could still have written is needed.
    }
    this.#opened = undefined;
  }

  /** Works with the rows; where the file is damaged, with those of a new one. */
  #try(work: (rows: VectorRows) => void): Trouble | undefined {
    const first = this.#attempt(work);
    if (first?.kind !== 'damaged') return first;
    const second = this.#attempt(work);
    // Damaged again at once: the disk is not one for a cache.
    if (second?.kind === 'damaged') return { ...second, kind: 'unusable' };
    return second ?? first;
  }

  #attempt(work: (rows: VectorRows) => void): Trouble | undefined {
    if (performance.now() < this.#pausedUntil) return undefined;
    // Which file is there now: one that another process puts in its place must not be set aside for this one's damage.
    const inode = this.#opened?.inode ?? inodeOf(this.#path);
    try {
      work(this.#rows());
      this.#busy = 0;
      return undefined;
    } catch (error) {
      const meaning = meaningOf(error);
      const reason = error instanceof Error ? error.message : String(error);
      if (meaning === 'busy') return this.#isBusy(reason);
      if (meaning === 'damaged') return this.#replace(reason, inode);
      if (meaning === 'unusable') return { kind: meaning, message: reason };
      const message = `${this.#path}: ${reason}. Check the disk's room and the rights of the folder.`;
      return { kind: this.#opened === undefined ? 'unusable' : 'failing', message };
    }
  }

  /** Once may be chance. */
  #isBusy(reason: string): Trouble | undefined {
    if (++this.#busy < 2) return undefined;
    this.#pausedUntil = performance.now() + PAUSE_MS;
    const message = `${this.#path}: ${reason}. Another program holds it; what it may know is embedded anew meanwhile.`;
    return { kind: 'busy', message };
  }

  #replace(reason: string, inode: number | undefined): Trouble {
    this.#close();
    try {
      const aside = setAside(this.#path, inode);
      const where =
        aside === undefined ? 'Another process has begun a new one.' : `It was moved to ${aside}, and a new one begun.`;
      return { kind: 'damaged', message: `${this.#path} is damaged (${reason}). ${where}` };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return {
        kind: 'unusable',
        message: `${this.#path} is damaged (${reason}) and cannot be moved away: ${why}. Delete it.`,
      };
    }
  }
}
