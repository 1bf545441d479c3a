/**
 * The one order of all changes. Writes that wait together become one transaction, so that many callers share one sync of the disk; jobs
 * that need the store to stand still run between transactions.
 *
 * A transaction: rows go to the writer while the vectors go into the index, where searches do not see them yet; commit; publish the new
 * generation; take the old vectors out. So whatever moment a search meets, it finds each document in one version.
 */
import { aborted } from '../../../lib/calls.js';
import { QuiverError } from '../../../lib/errors.js';
import type { PreparedDocument } from '../entry.js';
import { closed, staleVectors } from '../errors.js';
import type { Live } from './live.js';
import type { Remote } from '../../thread/rpc.js';
import { removeChunks, sizeOf } from './vector-index.js';
import type { ChunkRange, Removal } from './document-writer.js';
import type { WriterCalls } from './writer.js';

/** `model`: the number of the one that made the vectors. */
export type Change = { put: PreparedDocument[]; model: number } | { remove: readonly string[] };

export interface Changed {
  /** Older documents that were replaced or deleted. */
  removed: number;
  generation: number;
}

interface Write {
  change: Change;
  bytes: number;
  resolve: (changed: Changed) => void;
  reject: (error: unknown) => void;
}
interface Job {
  run: () => Promise<void>;
}
type Task = { write: Write } | { job: Job };

/** One transaction takes what waits, up to so much text and vectors. */
const TRANSACTION_BYTES = 16 << 20;

export class Lane {
  readonly #writer: Remote<WriterCalls>;
  readonly #live: Live;
  readonly #warn: (message: string) => void;
  readonly #tasks: Task[] = [];
  /** Called after each transaction. */
  afterCommit: () => void = () => undefined;
  #nextDocument: number;
  #nextChunk: number;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(writer: Remote<WriterCalls>, live: Live, warn: (message: string) => void) {
    this.#writer = writer;
    this.#live = live;
    this.#warn = warn;
    this.#nextDocument = live.state.nextDocument;
    this.#nextChunk = live.state.nextChunk;
  }

  /** Stores or deletes; resolves when it is on disk. An abort before its transaction begins leaves nothing behind. */
  write(change: Change, bytes: number, signal?: AbortSignal): Promise<Changed> {
    return this.#enqueue<Changed>(signal, (resolve, reject) => ({ write: { change, bytes, resolve, reject } }));
  }

  /** Runs `work` between transactions, and after all that was asked for before. */
  alone<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#enqueue<T>(signal, (resolve, reject) => ({ job: { run: () => work().then(resolve, reject) } }));
  }

  /** Something is being done, or waits for it. */
  get busy(): boolean {
    return this.#running !== undefined;
  }

  /** Refuses what comes, and waits for what is here. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#running !== undefined) await this.#running;
  }

  #enqueue<T>(
    signal: AbortSignal | undefined,
    task: (resolve: (value: T) => void, reject: (error: unknown) => void) => Task,
  ): Promise<T> {
    if (this.#closed) return Promise.reject(closed());
    if (signal?.aborted === true) return Promise.reject(aborted(signal));
    let onAbort = (): void => undefined;
    const outcome = new Promise<T>((resolve, reject) => {
      const one = task(resolve, reject);
      this.#tasks.push(one);
      onAbort = () => {
        const at = this.#tasks.indexOf(one);
        if (at < 0) return; // has begun: its outcome stands
        this.#tasks.splice(at, 1);
        if (signal !== undefined) reject(aborted(signal));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      // The next turn: what is asked for in this one goes together.
      this.#running ??= Promise.resolve().then(() => this.#run());
    });
    return outcome.finally(() => signal?.removeEventListener('abort', onAbort));
  }

  async #run(): Promise<void> {
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) {
      if ('job' in task) await task.job.run();
      else {
        const writes = [task.write];
        let bytes = task.write.bytes;
        for (let next = this.#tasks[0]; next !== undefined && 'write' in next; next = this.#tasks[0]) {
          bytes += next.write.bytes;
          if (bytes > TRANSACTION_BYTES) break;
          writes.push(next.write);
          this.#tasks.shift();
        }
        await this.#transact(writes);
      }
    }
    this.#running = undefined;
  }

  async #transact(waiting: readonly Write[]): Promise<void> {
    const writes = waiting.filter((write) => this.#fits(write));
    if (writes.length === 0) return;
    const added: ChunkRange[] = [];
    try {
      const removals: Removal[] = [];
      this.#live.pending = true;
      for (const { change } of writes) removals.push(await this.#apply(change, added));
      const next = { nextDocument: this.#nextDocument, nextChunk: this.#nextChunk };
      const version = await this.#writer.call('commit', next);
      const gone = removals.flatMap(({ chunks }) => chunks);
      this.#live.publish(
        { ...this.#live.state, ...next, ...version },
        this.#live.changed + sizeOf(added) + sizeOf(gone),
      );
      await this.#forget(gone);
      writes.forEach(({ resolve }, i) => resolve({ removed: removals[i].documents, generation: version.generation }));
    } catch (error) {
      await this.#undo(added);
      for (const { reject } of writes) reject(ownCopy(error));
    } finally {
      this.#live.pending = false;
    }
    this.afterCommit();
  }

  /** Vectors of a model that was replaced while their documents waited are refused. */
  #fits({ change, reject }: Write): boolean {
    const { model } = this.#live.state;
    if ('remove' in change || change.model === model.number) return true;
    reject(staleVectors('put', model.fingerprint, 'that of the model before'));
    return false;
  }

  async #apply(change: Change, added: ChunkRange[]): Promise<Removal> {
    if ('remove' in change) return this.#writer.call('remove', change.remove);
    const documents = change.put;
    const number = this.#nextDocument;
    const firstChunk = this.#nextChunk;
    const count = documents.reduce((sum, { chunks }) => sum + chunks.length, 0);
    // Numbers are used up also when the transaction fails: nothing is ever known under a number but what it stands for.
    this.#nextDocument += documents.length;
    this.#nextChunk += count;
    if (count > 0) added.push({ first: firstChunk, count });
    const vectors = joined(documents);
    const transfer = documents.map((one) => one.vectors.buffer as ArrayBuffer);
    const rows = this.#writer.call('insert', { documents, number, firstChunk }, { transfer });
    const indexed = count === 0 ? undefined : this.#live.index.add(vectors, { ids: idsFrom(firstChunk, count) });
    // Both to their end, also when one fails: what is undone must not be under way.
    const [stored, held] = await Promise.allSettled([rows, indexed]);
    if (stored.status === 'rejected') throw stored.reason;
    if (held.status === 'rejected') throw held.reason;
    return stored.value;
  }

  /** The change is on disk, whatever happens here: old vectors do no harm, since no reader knows their chunks. */
  async #forget(ranges: readonly ChunkRange[]): Promise<void> {
    for (const index of [this.#live.index, this.#live.coming?.index]) {
      try {
        if (index !== undefined) await removeChunks(index, ranges);
      } catch (error) {
        this.#warn(`Old vectors stay in the index until it is made anew: ${messageOf(error)}`);
      }
    }
  }

  async #undo(added: readonly ChunkRange[]): Promise<void> {
    await Promise.allSettled([this.#writer.call('rollback', undefined), removeChunks(this.#live.index, added)]);
    this.#live.wake();
  }
}

function joined(documents: readonly PreparedDocument[]): Float32Array {
  const all = new Float32Array(documents.reduce((sum, { vectors }) => sum + vectors.length, 0));
  let at = 0;
  for (const { vectors } of documents) {
    all.set(vectors, at);
    at += vectors.length;
  }
  return all;
}

function idsFrom(first: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => first + i);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Callers that shared a transaction each get an error of their own. */
function ownCopy(error: unknown): unknown {
  if (!(error instanceof QuiverError)) return error;
  const { code, message, expected, actual, cause } = error;
  return new QuiverError(code, message, {
    ...(expected !== undefined && { expected }),
    ...(actual !== undefined && { actual }),
    cause,
  });
}
