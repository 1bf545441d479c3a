/** What the tests of lib/ share: seeded vectors, a plain search to compare with, and errors checked to the letter. */
import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Index, QuiverError, type ErrorCode, type Id, type IndexOptions, type Metric } from '../../lib/index.js';
import type { SearchResult } from '../../lib/index.js';

export interface Failure {
  code: ErrorCode;
  message: string | RegExp;
  expected?: string | RegExp;
  actual?: string | RegExp;
}

function same(what: string, value: string | undefined, wanted: string | RegExp | undefined): void {
  if (wanted instanceof RegExp) assert.match(value ?? '', wanted, what);
  else assert.equal(value, wanted, what);
}

/** The work, a function that throws or a promise that rejects, fails with exactly this error. Returns the error. */
export async function fails(work: (() => unknown) | Promise<unknown>, failure: Failure): Promise<QuiverError> {
  let error: unknown;
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error !== undefined, `it was accepted; ${failure.code} was due`);
  if (!(error instanceof QuiverError))
    assert.fail(`not a QuiverError but ${error instanceof Error ? String(error) : typeof error}`);
  assert.equal(error.name, 'QuiverError');
  assert.equal(error.code, failure.code, error.message);
  same('message', error.message, failure.message);
  same('expected', error.expected, failure.expected);
  same('actual', error.actual, failure.actual);
  return error;
}

/** A generator of numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** n vectors in a row, uniform between low and high. */
export function vectors(n: number, dim: number, seed: number, low = -1, high = 1): Float32Array {
  const next = random(seed);
  return Float32Array.from({ length: n * dim }, () => low + (high - low) * next());
}

/** n vectors around a few centres, as real embeddings lie. */
export function clustered(n: number, dim: number, seed: number, centres = 20): Float32Array {
  const next = random(seed);
  const middle = vectors(centres, dim, seed + 1);
  const data = new Float32Array(n * dim);
  for (let i = 0; i < n; i++) {
    const centre = Math.floor(next() * centres) * dim;
    for (let j = 0; j < dim; j++) data[i * dim + j] = middle[centre + j] + (next() - 0.5) * 0.4;
  }
  return data;
}

export function row(data: Float32Array, i: number, dim: number): Float32Array {
  return data.subarray(i * dim, (i + 1) * dim);
}

const sum = (a: Float32Array, term: (x: number, i: number) => number): number => {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += term(a[i], i);
  return total;
};
const dot = (a: Float32Array, b: Float32Array): number => sum(a, (x, i) => x * b[i]);

/** Each metric as its definition says, in double precision. */
export const DISTANCES: Record<Metric, (a: Float32Array, b: Float32Array, arg: number) => number> = {
  l2: (a, b) => sum(a, (x, i) => (x - b[i]) ** 2),
  ip: dot,
  cosine: (a, b) => {
    const length = Math.sqrt(dot(a, a) * dot(b, b));
    return length === 0 ? 0 : dot(a, b) / length;
  },
  l1: (a, b) => sum(a, (x, i) => Math.abs(x - b[i])),
  linf: (a, b) => a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0),
  lp: (a, b, p) => sum(a, (x, i) => Math.abs(x - b[i]) ** p),
  canberra: (a, b) => sum(a, (x, i) => Math.abs(x - b[i]) / (Math.abs(x) + Math.abs(b[i]))),
  braycurtis: (a, b) => sum(a, (x, i) => Math.abs(x - b[i])) / sum(a, (x, i) => Math.abs(x + b[i])),
  jensenshannon: (a, b) =>
    sum(a, (x, i) => {
      const y = b[i];
      const middle = (x + y) / 2;
      return (-x * Math.log(middle / x) - y * Math.log(middle / y)) / 2;
    }),
  jaccard: (a, b) => sum(a, (x, i) => Math.min(x, b[i])) / sum(a, (x, i) => Math.max(x, b[i])),
};

export const similarity = (metric: Metric): boolean => ['ip', 'cosine', 'jaccard'].includes(metric);

export interface Known {
  id: Id;
  vector: Float32Array;
}

/** The k nearest of all, best first: what an exact search has to find. */
export function nearest(all: readonly Known[], query: Float32Array, k: number, metric: Metric = 'l2', arg = 2) {
  const sign = similarity(metric) ? -1 : 1;
  return all
    .map(({ id, vector }) => ({ id, distance: DISTANCES[metric](query, vector, arg) }))
    .sort((a, b) => sign * (a.distance - b.distance) || (a.id < b.id ? -1 : 1))
    .slice(0, k);
}

export function known(data: Float32Array, dim: number, ids?: readonly Id[]): Known[] {
  return Array.from({ length: data.length / dim }, (_, i) => ({ id: ids?.[i] ?? i, vector: row(data, i, dim) }));
}

export function close(value: number, wanted: number, what = '', tolerance = 1e-4): void {
  const room = tolerance * Math.max(1, Math.abs(wanted));
  assert.ok(Math.abs(value - wanted) <= room, `${what} ${value} is not ${wanted}`);
}

/**
 * The result is the exact answer: the same distances in order, and each id has the distance that it is given with
 * (ids of all but equal distances may change places, because floats round).
 */
export function isExact(
  result: SearchResult,
  all: readonly Known[],
  queries: Float32Array,
  dim: number,
  metric: Metric = 'l2',
  arg = 2,
): void {
  const byId = new Map(all.map(({ id, vector }) => [id, vector]));
  for (let q = 0; q < result.n; q++) {
    const query = row(queries, q, dim);
    const wanted = nearest(all, query, result.k, metric, arg);
    const hits = result.row(q);
    assert.equal(hits.length, wanted.length, `hits of query ${q}`);
    assert.equal(new Set(hits.map((hit) => hit.id)).size, hits.length, `query ${q} has an id twice`);
    hits.forEach(({ id, distance }, i) => {
      close(distance, wanted[i].distance, `${metric}: place ${i} of query ${q}:`);
      const vector = byId.get(id);
      assert.ok(vector !== undefined, `the id ${String(id)} is not one of those allowed`);
      close(distance, DISTANCES[metric](query, vector, arg), `${metric}: id ${String(id)} of query ${q}:`);
    });
  }
}

/** The share of the true neighbours that were found. */
export function recall(found: SearchResult, truth: SearchResult): number {
  let hits = 0;
  let wanted = 0;
  for (let q = 0; q < truth.n; q++) {
    const right = new Set(truth.row(q).map((hit) => hit.id));
    wanted += right.size;
    hits += found.row(q).filter((hit) => right.has(hit.id)).length;
  }
  return hits / wanted;
}

/** Indexes that are closed after each test. */
export function indexes() {
  const open: Index[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((index) => index.close()));
  });
  const keep = (index: Index): Index => {
    open.push(index);
    return index;
  };
  return {
    keep,
    /** Made, trained where it must be, and filled. */
    make: async (options: IndexOptions, data?: Float32Array, ids?: readonly number[] | readonly bigint[]) => {
      const index = keep(await Index.create(options));
      if (data === undefined) return index;
      if (!index.stats().trained || options.type === 'ivf') await index.train(data);
      await index.add(data, ids === undefined ? {} : { ids });
      return index;
    },
  };
}

/** A folder for one suite, gone after it. */
export function suiteFolder(): (name: string) => string {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'quiver-lib-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}

/** Numbers 0 to n - 1, times `step`, from `first`. */
export function counting(n: number, first = 0, step = 1): number[] {
  return Array.from({ length: n }, (_, i) => first + i * step);
}
