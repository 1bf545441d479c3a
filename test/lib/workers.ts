/** Worker_threads that have opened an index of this one. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export interface Attached {
  /** Calls a method of its index, or reads its count. */
  ask: (method: string, ...args: unknown[]) => Promise<unknown>;
  /** Lets the worker end by itself, its index not closed. */
  leave: () => Promise<void>;
}

interface Answer {
  number: number;
  value?: unknown;
  failure?: string;
}

/** Starts workers that attach to `token`; they are ended after each test. */
export function workers() {
  const running: Worker[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((worker) => worker.terminate()));
  });
  return async (token: string): Promise<Attached> => {
    const worker = new Worker(new URL('./fixtures/attached.js', import.meta.url), { workerData: { token } });
    running.push(worker);
    const waiting = new Map<number, (answer: Answer) => void>();
    worker.on('message', (answer: Answer) => {
      waiting.get(answer.number)?.(answer);
      waiting.delete(answer.number);
    });
    await once(worker, 'message');
    let last = 0;
    return {
      ask: async (method, ...args) => {
        const number = ++last;
        const answered = new Promise<Answer>((resolve) => waiting.set(number, resolve));
        worker.postMessage({ number, method, args });
        const { value, failure } = await answered;
        if (failure !== undefined) throw new Error(failure);
        return value;
      },
      leave: async () => {
        worker.postMessage({ number: ++last, method: 'leave', args: [] });
        await once(worker, 'exit');
      },
    };
  };
}
