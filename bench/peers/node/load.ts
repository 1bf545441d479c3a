/** Queries as a service gets them: from many clients at once, or as they come, or with new vectors between them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { watchLoop, type LoopDelay } from '../../../src/cli/bench/event-loop.js';
import { mulberry32 } from '../../support/data.js';
import { quantiles, type Quantiles } from '../../support/statistics.js';
import type { Library } from './library.js';

export interface Load {
  /** Of all of them. */
  seconds: number;
  /** Milliseconds that a search took, from when its client asked. */
  waits: Quantiles;
  loop: LoopDelay;
}

/** A request comes by a turn of the event loop, whoever answers it. */
const turn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Seconds that some work takes, and how late timers came meanwhile, also when it lets none come before its end. */
export async function watched(work: () => unknown): Promise<{ seconds: number; loop: LoopDelay }> {
  const { value, delay } = await watchLoop(async () => {
    await sleep(5); // a delay is that between two timers: the first must have come
    const began = performance.now();
    await work();
    return (performance.now() - began) / 1000;
  });
  return { seconds: value, loop: delay };
}

/** Each client asks its next query when its answer has come. A `share` of what they ask is a new vector. */
export async function clients(
  library: Library,
  queries: readonly Float32Array[],
  { k, atOnce, count, share = 0 }: { k: number; atOnce: number; count: number; share?: number },
): Promise<Load> {
  const random = mulberry32(19);
  const waits: number[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) {
      const vector = queries[i % queries.length] ?? new Float32Array();
      const began = performance.now();
      await turn();
      if (random() < share) await library.add(vector);
      else {
        await library.ask(vector, k);
        waits.push(performance.now() - began);
      }
    }
  };
  const seen = await watched(() => Promise.all(Array.from({ length: atOnce }, client)));
  return { ...seen, waits: quantiles(waits) };
}

/** Queries come at random moments, `rate` a second, whether or not those before were answered. */
export async function steady(
  library: Library,
  queries: readonly Float32Array[],
  { k, rate, count }: { k: number; rate: number; count: number },
): Promise<Load> {
  const random = mulberry32(23);
  const waits: number[] = [];
  let due = 0;
  const times = Array.from({ length: count }, () => (due -= (Math.log(1 - random()) / rate) * 1000));
  const work = async (): Promise<void> => {
    const under: Promise<unknown>[] = [];
    const began = performance.now();
    while (under.length < count) {
      const i = under.length;
      const at = began + (times[i] ?? 0);
      if (at > performance.now()) await turn();
      else {
        const answered = library.ask(queries[i % queries.length] ?? new Float32Array(), k);
        under.push(answered.then(() => waits.push(performance.now() - at)));
      }
    }
    await Promise.all(under);
  };
  return { ...(await watched(work)), waits: quantiles(waits) };
}
