/** The worker thread that embeds large inputs. It starts with the first of them, and does not keep the process alive. */
import { Worker } from 'node:worker_threads';

import { QuiverError } from '../../../lib/errors.js';
import type { Answer, Batch, Forget, WorkerData } from './messages.js';
import type { StaticTable } from './table.js';

interface Waiting {
  resolve: (vectors: Float32Array) => void;
  reject: (reason: unknown) => void;
}

export interface EmbedThread {
  /** Vectors of the texts that end in the batch. */
  run: (batch: Batch) => Promise<Float32Array>;
  forget: (call: number) => void;
  close: () => Promise<void>;
}

function ended(cause: unknown): QuiverError {
  const reason = cause instanceof Error ? cause.message : `exit code ${String(cause)}`;
  return new QuiverError('E_INTERNAL', `The embedding thread ended: ${reason}. The next call starts a new one.`, {
    cause,
  });
}

/** The thread can be used until `onEnd` is called. */
export function startThread({ vocabulary, ...numbers }: StaticTable, onEnd: () => void): EmbedThread {
  const workerData: WorkerData = { ...numbers, vocabulary: vocabulary.parts };
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData,
    name: 'quiver-embed',
    execArgv: [],
  });
  worker.unref();
  // The worker answers batches in the order in which they were given.
  const waiting: Waiting[] = [];
  let over = false;
  const fail = (reason: unknown): void => {
    if (over) return;
    over = true;
    onEnd();
    const error = ended(reason);
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  worker.on('message', ({ vectors }: Answer) => {
    waiting.shift()?.resolve(vectors);
    if (waiting.length === 0) worker.unref();
  });
  worker.once('error', fail);
  worker.once('exit', fail);
  return {
    run: (batch) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        worker.ref();
        worker.postMessage(batch);
      }),
    forget: (call) => {
      const message: Forget = { call, forget: true };
      worker.postMessage(message);
    },
    close: async () => {
      await worker.terminate();
    },
  };
}
