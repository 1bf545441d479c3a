import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Index, SearchResult } from '../../../lib/index.js';
import type { AddBatch, IdArray, IndexOptions, Metric } from '../../../lib/types.js';
import { rowsPerBatch } from '../../vectors/types.js';
import { loadLibrary } from '../library.js';
import type { BenchData } from './data.js';
import { watchLoop } from './event-loop.js';
import type { LoopDelay } from './event-loop.js';

export const K = 10;
/** Single searches: that many, or as many as fit the time (an exact one over 60,000 images takes milliseconds). */
const SINGLES = { most: 1000, least: 100, seconds: 10, warmUp: 20 };
/** A batch is repeated for that long, so that a fast index is not measured by one short call. */
const BATCH_SECONDS = 1.5;

export interface Row {
  type: string;
  kind: string;
  factory: string;
  settings: Record<string, number>;
  buildSeconds: number;
  /** Part of the true 10 nearest that one batch search found. */
  recall: number;
  /** Milliseconds of one async search after the other. */
  single: { p50: number; p99: number; queries: number };
  batch: { queriesPerSecond: number; queries: number };
  bytesPerVector: number;
  loop: { build: LoopDelay; search: LoopDelay };
}

export interface Measured {
  rows: Row[];
  /** While all of it ran. */
  loop: LoopDelay;
  seconds: number;
}

export interface Step {
  label: string;
  /** What `update` counts, and up to which number. */
  unit: string;
  total: number;
}

export interface MeasureOptions {
  types: readonly string[];
  metric: Metric;
  signal: AbortSignal;
  /** Runs each step, such as `hnsw: build`, and may show how far it is. */
  step: <T>(work: Step, run: (update: (done: number) => void) => Promise<T>) => Promise<T>;
}

/** Builds and searches an index of each type; the first flat search gives the truth that recall is measured by. */
export async function measure(data: BenchData, options: MeasureOptions): Promise<Measured> {
  const began = performance.now();
  const { value: rows, delay } = await watchLoop(() => measureAll(data, options));
  return { rows, loop: delay, seconds: (performance.now() - began) / 1000 };
}

async function measureAll(data: BenchData, options: MeasureOptions): Promise<Row[]> {
  const rows: Row[] = [];
  const flatFirst = [...options.types].sort((a, b) => Number(b === 'flat') - Number(a === 'flat'));
  let truth = flatFirst[0] === 'flat' ? undefined : await exactNeighbours(data, options);
  for (const type of flatFirst) {
    const measured = await measureType(type, data, options, truth);
    truth ??= measured.truth;
    rows.push(measured.row);
  }
  return rows.sort((a, b) => options.types.indexOf(a.type) - options.types.indexOf(b.type));
}

/** For a run without `flat` among its types. */
async function exactNeighbours(data: BenchData, { metric, signal, step }: MeasureOptions): Promise<IdArray> {
  const { Index } = await loadLibrary();
  const flat = await Index.create({ dim: data.dim, metric, type: 'flat' });
  try {
    return await step({ label: 'exact neighbours', unit: 'queries', total: 0 }, async () => {
      await flat.addFrom(batches(data), { signal });
      return (await flat.search(data.queries, K, { signal })).ids;
    });
  } finally {
    await flat.close();
  }
}

async function measureType(
  type: string,
  data: BenchData,
  options: MeasureOptions,
  known: IdArray | undefined,
): Promise<{ row: Row; truth: IdArray }> {
  const { Index } = await loadLibrary();
  const { step, signal, metric } = options;
  const kind: IndexOptions = { dim: data.dim, metric, type };
  const index = await Index.create(kind);
  try {
    const build = await step({ label: `${type}: build`, unit: 'vectors', total: data.count }, (update) =>
      watchLoop(() => buildIndex(index, type, data, signal, update)),
    );
    const counted = (what: string, total: number): Step => ({ label: `${type}: ${what}`, unit: 'queries', total });
    const exact = (): Promise<SearchResult> => index.search(data.queries, K, { signal });
    const truth = known ?? (await step(counted('exact neighbours', 0), exact)).ids;
    const single = await step(counted('single searches', SINGLES.most), (update) =>
      watchLoop(() => singles(index, data, signal, update)),
    );
    const batch = await step(counted('batch searches', 0), () => watchLoop(() => batchSearches(index, data, signal)));
    const stats = index.stats();
    const row: Row = {
      type,
      kind: stats.kind,
      factory: stats.factory,
      settings: settingsOf(stats),
      buildSeconds: build.value,
      recall: await recall(truth, batch.value.ids, K),
      single: single.value,
      batch: batch.value.speed,
      bytesPerVector: stats.bytes / stats.count,
      loop: { build: build.delay, search: worse(single.delay, batch.delay) },
    };
    return { row, truth };
  } finally {
    await index.close();
  }
}

function worse(a: LoopDelay, b: LoopDelay): LoopDelay {
  return { p99: Math.max(a.p99, b.p99), max: Math.max(a.max, b.max) };
}

/** Train where needed, add, and wait for what still runs in the background: the seconds until the index is as it stays. */
async function buildIndex(
  index: Index,
  type: string,
  data: BenchData,
  signal: AbortSignal,
  update: (done: number) => void,
): Promise<number> {
  const began = performance.now();
  if (type !== 'auto' && !index.stats().trained) await index.train(data.base, { signal });
  await index.addFrom(batches(data), { signal, total: data.count, onProgress: ({ done }) => update(done) });
  await index.ready();
  return (performance.now() - began) / 1000;
}

/** Views, not copies: 4 MB each, as a service would stream them in. */
function* batches({ base, dim }: BenchData): Generator<AddBatch, void, undefined> {
  const step = rowsPerBatch(dim) * dim;
  for (let from = 0; from < base.length; from += step) yield base.subarray(from, from + step);
}

async function singles(
  index: Index,
  data: BenchData,
  signal: AbortSignal,
  update: (done: number) => void,
): Promise<Row['single']> {
  const { dim, queries, queryCount } = data;
  const query = (i: number): Float32Array => queries.subarray((i % queryCount) * dim, ((i % queryCount) + 1) * dim);
  for (let i = 0; i < SINGLES.warmUp; i++) await index.search(query(i), K);
  const times: number[] = [];
  const end = performance.now() + SINGLES.seconds * 1000;
  while (times.length < SINGLES.most && (times.length < SINGLES.least || performance.now() < end)) {
    const began = performance.now();
    await index.search(query(times.length), K, { signal });
    times.push(performance.now() - began);
    update(times.length);
  }
  times.sort((a, b) => a - b);
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), queries: times.length };
}

/** Nearest rank, of sorted values. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? NaN;
}

async function batchSearches(
  index: Index,
  { queries, queryCount }: BenchData,
  signal: AbortSignal,
): Promise<{ ids: IdArray; speed: Row['batch'] }> {
  const began = performance.now();
  const spent = (): number => (performance.now() - began) / 1000;
  let done = 0;
  let ids: IdArray | undefined;
  while (ids === undefined || spent() < BATCH_SECONDS) {
    ({ ids } = await index.search(queries, K, { signal }));
    done += queryCount;
  }
  return { ids, speed: { queriesPerSecond: done / spent(), queries: queryCount } };
}

/** Queries compared in one turn of the event loop, whose delay is being measured. */
const RECALL_AT_ONCE = 200;

/** Part of the true neighbours that were found: recall@k, the mean over all queries. */
export async function recall(truth: IdArray, found: IdArray, k: number): Promise<number> {
  let hits = 0;
  let expected = 0;
  for (let from = 0; from < truth.length; from += k) {
    const near = new Set<number | bigint>(truth.subarray(from, from + k));
    near.delete(-1);
    near.delete(-1n);
    expected += near.size;
    for (const id of found.subarray(from, from + k)) if (near.has(id)) hits++;
    if (from % (RECALL_AT_ONCE * k) === 0) await nextTurn();
  }
  return expected === 0 ? 1 : hits / expected;
}

function settingsOf(
  stats: Partial<Record<'M' | 'efConstruction' | 'efSearch' | 'nlist' | 'nprobe', number>>,
): Record<string, number> {
  const names = ['M', 'efConstruction', 'efSearch', 'nlist', 'nprobe'] as const;
  return Object.fromEntries(names.flatMap((name) => (stats[name] === undefined ? [] : [[name, stats[name]]])));
}
