/** The vectors that are searched: fashion-mnist, or synthetic clusters where it cannot be had. */
import { loadData } from '../../src/cli/bench/data.js';

export interface Data {
  /** Says what it is, also when it is not what was wanted. */
  name: string;
  dim: number;
  base: Float32Array;
  count: number;
  queries: Float32Array;
  queryCount: number;
}

const FALLBACK = { dim: 784, count: 60_000, queryCount: 10_000, clusters: 200 };

/** @param limit only the first base vectors */
export async function benchData(limit?: number): Promise<Data> {
  const { signal } = new AbortController();
  try {
    return await loadData({ data: 'fashion-mnist', limit, signal });
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
    const { dim, clusters, queryCount } = FALLBACK;
    const count = Math.min(limit ?? Infinity, FALLBACK.count);
    const random = mulberry32(1);
    const centres = Float32Array.from({ length: clusters * dim }, () => random() * 255);
    return {
      name: `synthetic, ${clusters} clusters (fashion-mnist: ${reason})`,
      dim,
      base: around(centres, dim, count, random),
      count,
      queries: around(centres, dim, queryCount, random),
      queryCount,
    };
  }
}

function around(centres: Float32Array, dim: number, count: number, random: () => number): Float32Array {
  const vectors = new Float32Array(count * dim);
  for (let i = 0; i < count; i++) {
    const centre = Math.floor((random() * centres.length) / dim) * dim;
    for (let j = 0; j < dim; j++) vectors[i * dim + j] = (centres[centre + j] ?? 0) + (random() + random() - 1) * 60;
  }
  return vectors;
}

/** `count * dim` numbers in [0, 1), the same on every run. */
export function uniform(count: number, dim: number, seed: number): Float32Array {
  const random = mulberry32(seed);
  const vectors = new Float32Array(count * dim);
  for (let i = 0; i < vectors.length; i++) vectors[i] = random();
  return vectors;
}

/** A small generator with a seed, so that every run measures the same vectors. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Part of the true neighbours that were found. */
export function recallOf(truth: ArrayLike<number>, found: ArrayLike<number>, k: number): number {
  let hits = 0;
  for (let from = 0; from < found.length; from += k) {
    const near = new Set<number>();
    for (let i = from; i < from + k; i++) near.add(truth[i] ?? -1);
    for (let i = from; i < from + k; i++) if (near.has(found[i] ?? -2)) hits++;
  }
  return hits / found.length;
}
