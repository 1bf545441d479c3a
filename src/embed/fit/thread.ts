/** Runs a job of fitting in a worker thread of its own, which ends with it. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { aborted } from '../../../lib/calls.js';
import type { LongCallOptions } from '../../../lib/index.js';
import { progressReporter } from '../progress.js';
import { shared } from '../static/memory.js';
import type { Job, JobMessage, JobResult, JobTexts } from './messages.js';

/** Texts in one message to the worker. */
const TEXTS_AT_ONCE = 500;
/** Numbers copied in one turn of the event loop: a millisecond or so. */
const NUMBERS_AT_ONCE = 1 << 19;

/** A copy that the worker sees too, made in slices. */
export async function inSharedMemory(values: Float32Array): Promise<Float32Array> {
  const copy = shared(Float32Array, values.length);
  for (let from = 0; from < values.length; from += NUMBERS_AT_ONCE) {
    copy.set(values.subarray(from, from + NUMBERS_AT_ONCE), from);
    await nextTurn();
  }
  return copy;
}

async function send(worker: Worker, texts: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  for (let from = 0; from < texts.length && signal?.aborted !== true; from += TEXTS_AT_ONCE) {
    const message: JobTexts = {
      texts: texts.slice(from, from + TEXTS_AT_ONCE),
      last: from + TEXTS_AT_ONCE >= texts.length,
    };
    worker.postMessage(message);
    await nextTurn();
  }
}

/** The result of the job over the texts. Errors: E_ABORTED. */
export async function runJob<T extends Job>(
  job: T,
  texts: readonly string[],
  { signal, onProgress }: LongCallOptions,
): Promise<JobResult<T>> {
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: job,
    name: 'quiver-fit',
    execArgv: [],
  });
  let report: ((done: number) => void) | undefined;
  let onAbort: (() => void) | undefined;
  try {
    const result = new Promise<JobResult<T>>((resolve, reject) => {
      // What the caller's own callback throws, Error or not, is what the caller gets.
      const fail: (reason: unknown) => void = reject;
      onAbort = () => {
        if (signal !== undefined) reject(aborted(signal));
      };
      if (signal?.aborted === true) onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      worker.once('error', reject);
      worker.on('message', (message: JobMessage) => {
        if ('result' in message) {
          resolve(message.result as JobResult<T>);
          return;
        }
        try {
          report ??= progressReporter('fit', message.steps, onProgress === undefined ? {} : { onProgress });
          report(message.step);
        } catch (thrown) {
          fail(thrown);
        }
      });
    });
    result.catch(() => undefined); // awaited below, after the texts are sent
    await send(worker, texts, signal);
    return await result;
  } finally {
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    await worker.terminate();
  }
}
