/** Fits a table to a teacher's vectors, in a worker thread. `train.ts` has the mathematics. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { aborted, checkCall } from '../../../lib/calls.js';
import { QuiverError } from '../../../lib/errors.js';
import type { LongCallOptions } from '../../../lib/index.js';
import { progressReporter } from '../progress.js';
import { shared } from '../static/memory.js';
import type { Vocabulary } from '../static/vocabulary.js';
import type { FitData, FitReport, FitTexts } from './messages.js';
import type { TrainSettings } from './train.js';

export interface FitInput {
  vocabulary: Vocabulary;
  dim: number;
  /** The table to begin with, `tokens * dim`. It is not changed. */
  rows: Float32Array;
  texts: readonly string[];
  /** The teacher's vectors in the space of the table, one of length 1 a text. */
  targets: Float32Array;
}

export interface FitOptions extends LongCallOptions, Partial<TrainSettings> {
  /** The same seed gives the same table. Default 1. */
  seed?: number;
  /** Tokens of a text that count. Default 256, as for most teachers. */
  longestText?: number;
}

export interface Fitted {
  rows: Float32Array;
  /** Mean of 1 - cosine to the teacher, for each epoch. */
  losses: number[];
}

/** Found on sentences and lists of words; the table depends on them little. */
export const TRAIN_DEFAULTS: TrainSettings = { epochs: 5, batch: 256, learningRate: 3e-3, warmUp: 50 };

/** Texts in one message to the worker. */
const TEXTS_AT_ONCE = 500;

function checkInput({ vocabulary, dim, rows, texts, targets }: FitInput): void {
  const check = (name: string, actual: number, expected: number): void => {
    if (actual === expected) return;
    const message = `${name} must hold ${expected} numbers, but has ${actual}.`;
    throw new QuiverError('E_DIMENSION', message, { expected: String(expected), actual: String(actual) });
  };
  check('rows', rows.length, vocabulary.size * dim);
  check('targets', targets.length, texts.length * dim);
  if (texts.length > 0) return;
  throw new QuiverError('E_ARGUMENT', 'texts must hold at least one text to fit to, but is empty.', {
    expected: 'at least one text',
    actual: 'none',
  });
}

function inSharedMemory(values: Float32Array): Float32Array {
  const copy = shared(Float32Array, values.length);
  copy.set(values);
  return copy;
}

/** Errors: E_ARGUMENT, E_DIMENSION, E_ABORTED. */
export async function fitTable(input: FitInput, options: FitOptions = {}): Promise<Fitted> {
  checkCall(options);
  checkInput(input);
  const { signal, onProgress, seed = 1, longestText = 256, ...settings } = options;
  const rows = inSharedMemory(input.rows);
  const workerData: FitData = {
    vocabulary: input.vocabulary.parts,
    dim: input.dim,
    rows,
    targets: inSharedMemory(input.targets),
    settings: { ...TRAIN_DEFAULTS, ...settings },
    seed,
    longestText,
  };
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData, name: 'quiver-fit' });
  let report: ((done: number) => void) | undefined;
  let onAbort: (() => void) | undefined;
  try {
    const losses = new Promise<number[]>((resolve, reject) => {
      onAbort = () => reject(aborted(signal as AbortSignal));
      signal?.addEventListener('abort', onAbort, { once: true });
      worker.once('error', reject);
      worker.on('message', ({ step, steps, losses: found, done }: FitReport) => {
        try {
          report ??= progressReporter('fit', steps, { ...(onProgress && { onProgress }) });
          if (!done) report(step);
        } catch (thrown) {
          reject(thrown as Error);
        }
        if (done) resolve(found);
      });
    });
    losses.catch(() => undefined); // awaited below, after the texts are sent
    for (let from = 0; from < input.texts.length && signal?.aborted !== true; from += TEXTS_AT_ONCE) {
      const texts = input.texts.slice(from, from + TEXTS_AT_ONCE);
      const message: FitTexts = { texts, last: from + TEXTS_AT_ONCE >= input.texts.length };
      worker.postMessage(message);
      await nextTurn();
    }
    return { losses: await losses, rows };
  } finally {
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    await worker.terminate();
  }
}
