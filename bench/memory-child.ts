/** Fills one index in a process of its own and tells the resident set before, with it, and after it was closed. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Index } from '../lib/index.js';
import { uniform } from './support/data.js';

export interface MemoryJob {
  type: string;
  dim: number;
  count: number;
}

export interface MemoryResult {
  /** Bytes resident. */
  before: number;
  filled: number;
  closed: number;
  /** The most that were resident while vectors came in. */
  peak: number;
  statsBytes: number;
}

const BATCH = 20_000;
const TRAINING = 20_000;
/** Threads and the kernel give memory back within this time. */
const SETTLE_MS = 1500;

async function resident(): Promise<number> {
  const end = performance.now() + SETTLE_MS;
  let least = Infinity;
  while (performance.now() < end) {
    globalThis.gc?.();
    await sleep(100);
    least = Math.min(least, process.memoryUsage.rss());
  }
  return least;
}

function status(field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(found) * 1024;
}

async function fill(type: string, vectors: Float32Array, dim: number, count: number): Promise<Index> {
  const index = await Index.create({ dim, type });
  await index.train(vectors.subarray(0, TRAINING * dim));
  for (let done = 0; done < count; done += BATCH) {
    await index.add(vectors.subarray(0, Math.min(BATCH, count - done) * dim));
  }
  await index.search(vectors.subarray(0, dim * 64), 10);
  return index;
}

const { type, dim, count } = JSON.parse(process.argv[2] ?? '') as MemoryJob;
const vectors = uniform(BATCH, dim, 3);
// Threads, buffers of BLAS and compiled code belong to the process, not to the index.
await (await fill(type, vectors, dim, BATCH)).close();
const before = await resident();
const index = await fill(type, vectors, dim, count);
const filled = await resident();
const peak = status('VmHWM');
const statsBytes = index.stats().bytes;
await index.close();
const closed = await resident();
process.send?.({ before, filled, closed, peak, statsBytes } satisfies MemoryResult);
