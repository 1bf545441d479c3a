import { checkInteger, QuiverError } from '../../lib/errors.js';
import { memoryUse } from './resources.js';

export interface GuardOptions {
  /** Items of a batch while memory suffices. Default: 100. */
  batchSize?: number;
  /** From this percent of memory on, batches are halved (see `MemoryUse.pressure`). Default: 90. */
  pressure?: number;
  signal?: AbortSignal;
}

/** An item for which memory did not suffice even alone. */
export interface Skipped<T> {
  /** Its place in the input. */
  place: number;
  item: T;
  error: unknown;
}

/** What a batch came to: the result of the work, or the item that was left out. */
export type GuardEvent<T, R> =
  { kind: 'done'; first: number; items: readonly T[]; result: R } | { kind: 'skipped'; skipped: Skipped<T> };

/** Batches without trouble until the next may be twice as large. */
const CALM = 8;

/** Whether something failed for want of memory, here, in a worker or in native code. */
export function isOutOfMemory(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (code === 'E_OUT_OF_MEMORY' || code === 'ERR_WORKER_OUT_OF_MEMORY' || code === 'ERR_MEMORY_ALLOCATION_FAILED')
    return true;
  return error instanceof RangeError && /allocation failed/i.test(error.message);
}

/**
 * Runs `work` over `items` in batches, and yields what each came to, in order. Work that fails for want of memory is done again
 * in halves, down to single items, and an item that fails alone is skipped; any other error ends it all. So `work` must do a
 * batch as a whole or not at all, or be such that doing it twice does no harm. Items are taken as they are needed: the input
 * may be larger than memory.
 */
export async function* guardMemory<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  work: (batch: readonly T[]) => Promise<R> | R,
  options: GuardOptions = {},
): AsyncGenerator<GuardEvent<T, R>, void, undefined> {
  const largest = checkInteger('batchSize', options.batchSize ?? 100, 1, 1_000_000);
  const pressure = checkInteger('pressure', options.pressure ?? 90, 1, 100);
  let size = largest;
  let calm = 0;
  let first = 0;
  let waiting: T[] = [];
  const halve = (): void => {
    size = Math.max(1, Math.floor(size / 2));
    calm = 0;
  };
  const nextBatch = async function* (atLeast: number): AsyncGenerator<GuardEvent<T, R>, void, undefined> {
    while (waiting.length >= atLeast && waiting.length > 0) {
      checkAborted(options.signal);
      if (memoryUse().pressure > pressure) halve();
      else if (calm >= CALM) [size, calm] = [Math.min(largest, size * 2), 0];
      const batch = waiting.slice(0, size);
      let event: GuardEvent<T, R>;
      try {
        event = { kind: 'done', first, items: batch, result: await work(batch) };
        calm++;
      } catch (error) {
        if (!isOutOfMemory(error)) throw error;
        // What was tried counts, not what was allowed: the last batch may be shorter than the size.
        size = batch.length;
        halve();
        if (batch.length > 1) continue;
        const [item] = batch as [T];
        event = { kind: 'skipped', skipped: { place: first, item, error } };
      }
      first += batch.length;
      waiting = waiting.slice(batch.length);
      yield event;
    }
  };
  for await (const item of items) {
    waiting.push(item);
    if (waiting.length >= size) yield* nextBatch(size);
  }
  yield* nextBatch(1);
}

function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new QuiverError('E_ABORTED', 'The work in batches was aborted.', { cause: signal.reason as unknown });
}
