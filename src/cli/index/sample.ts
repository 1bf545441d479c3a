import type { Inputs } from './inputs.js';
import { readAll } from './inputs.js';

/** What k-means may hold in memory, whatever the size of the files. */
const MAX_BYTES = 2 ** 30;
/** FAISS uses up to 256 vectors a list and warns below 39. */
const PER_LIST = { best: 256, least: 64 };
const DEFAULT_SIZE = 100_000;

export interface Sample {
  /** `n * dim` floats, picked evenly at random from all of the input. */
  vectors: Float32Array;
  /** Vectors in the sample. */
  size: number;
  /** Vectors in all of the input. */
  seen: number;
}

/** How many vectors to train on. */
export function sampleSize(dim: number, nlist: number | undefined): number {
  const wanted = nlist === undefined ? DEFAULT_SIZE : Math.max(DEFAULT_SIZE, PER_LIST.least * nlist);
  const most = nlist === undefined ? wanted : Math.min(wanted, PER_LIST.best * nlist);
  return Math.max(1, Math.min(most, Math.floor(MAX_BYTES / (4 * dim))));
}

/** The number of lists in a factory string such as `OPQ16,IVF256,PQ16`. */
export function listsOfFactory(type: string): number | undefined {
  const digits = /\bIVF(\d+)/i.exec(type)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** One pass over the input: each vector has the same chance (reservoir sampling), and each run picks the same ones. */
export async function takeSample(
  inputs: Inputs,
  capacity: number,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (done: number) => void },
): Promise<Sample> {
  const { dim } = inputs;
  const room = Math.min(capacity, inputs.count ?? capacity);
  const kept = new Float32Array(room * dim);
  const random = randomNumbers(0x5eed);
  let seen = 0;
  for await (const { vectors } of readAll(inputs, { signal })) {
    for (let from = 0; from < vectors.length; from += dim, seen++) {
      const place = seen < room ? seen : Math.floor(random() * (seen + 1));
      if (place < room) kept.set(vectors.subarray(from, from + dim), place * dim);
    }
    onProgress(seen);
  }
  const size = Math.min(seen, room);
  return { vectors: kept.subarray(0, size * dim), size, seen };
}

/** mulberry32: small, and good enough to pick a sample. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
