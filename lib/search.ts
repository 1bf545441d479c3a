/** The nearest vectors of queries. A query alone takes the shortest way that there is; large batches go in pieces. */
import { call, checkCall, native } from './calls.js';
import { fromNative, QuiverError, wrongArgument } from './errors.js';
import { toSteps } from './filter.js';
import { readOn, now, type Handle } from './handle.js';
import { newIds } from './ids.js';
import type { NativeFound } from './native.js';
import { checkK, checkResults, checkSearch } from './options.js';
import { RangeResult, SearchResult } from './results.js';
import type { RangeOptions, SearchOptions, SearchParams, VectorsInput } from './types.js';
import { checkBuffer, checkQuery, toVectors } from './vectors.js';

/** A single search over so many floats at most takes a few microseconds: handing it to a thread would take longer. */
const INLINE_FLOATS = 16_384;
/** An index that was too large is so for the next, too, but it may shrink: asked again after so many. */
const AFTER_A_LARGE_ONE = 32;
const SCRATCH_K = 4_096;
/** Queries of a large batch are handed over in pieces of this many floats: the first are answered while the rest is copied. */
const PIECE_FLOATS = 1 << 20;

interface Scratch {
  query: Float32Array;
  numbers: Float64Array;
  bigints: BigInt64Array;
  distances: Float32Array;
}
let scratch: Scratch | undefined;

function sharedScratch(): Scratch {
  if (scratch === undefined) {
    const { query, ids, distances } = native().scratch();
    scratch = { query, numbers: new Float64Array(ids), bigints: new BigInt64Array(ids), distances };
  }
  return scratch;
}

/** Not async itself: the promise of Index.search is the only one that a single search makes. */
export function search(
  handle: Handle,
  queries: VectorsInput,
  k: number,
  options: SearchOptions | undefined,
): SearchResult | Promise<SearchResult> {
  checkK(k);
  if (options !== undefined) checkCall(options);
  const { efSearch, nprobe, exact, threads } = checkSearch(options);
  const { data, n } = toVectors('queries', queries, handle.dim);
  if (n === 1 && threads === 0 && options?.filter === undefined) {
    if (k <= SCRATCH_K && --handle.notInline < 0) {
      const inline = searchOne(handle, data, k, efSearch, nprobe, exact, INLINE_FLOATS);
      handle.notInline = inline === undefined ? AFTER_A_LARGE_ONE : 0;
      if (inline !== undefined) return inline;
    }
    if (options?.signal === undefined) return handle.gather.search(data, k, efSearch, nprobe, exact);
    checkQuery(data);
  }
  const filter = options?.filter === undefined ? undefined : toSteps(options.filter, handle.idType);
  checkResults(n, k);
  const ask = (part: Float32Array, count: number): Promise<NativeFound> =>
    call(
      (_, number) => handle.native.search(number, part, count, k, efSearch, nprobe, exact, threads, filter),
      options,
      true,
    );
  return handle.underway.during(() => searchInPieces(handle, data, n, k, ask));
}

export async function searchInPieces(
  { dim, idType }: Pick<Handle, 'dim' | 'idType'>,
  data: Float32Array,
  n: number,
  k: number,
  ask: (part: Float32Array, count: number) => Promise<NativeFound>,
): Promise<SearchResult> {
  const step = Math.max(1, Math.floor(PIECE_FLOATS / dim));
  if (n <= step) {
    const { ids, distances } = await ask(data, n);
    return new SearchResult(n, k, ids, distances);
  }
  const parts: Promise<NativeFound>[] = [];
  for (let at = 0; at < n; at += step) {
    if (at > 0) await new Promise((resolve) => setImmediate(resolve));
    const count = Math.min(step, n - at);
    if (data.length !== n * dim) {
      await Promise.allSettled(parts);
      throw new QuiverError('E_ARGUMENT', 'queries was transferred or resized while it was read.', {
        expected: 'an array left alone until the promise settles',
        actual: `${String(data.length)} numbers left`,
      });
    }
    const found = ask(data.subarray(at * dim, (at + count) * dim), count);
    found.catch(() => undefined); // awaited below; until then a rejection is not unhandled
    parts.push(found);
  }
  const ids = newIds(idType, n * k);
  const distances = new Float32Array(n * k);
  let at = 0;
  for (const part of parts) {
    const found = await part;
    (ids as Float64Array).set(found.ids as Float64Array, at);
    distances.set(found.distances, at);
    at += found.distances.length;
  }
  return new SearchResult(n, k, ids, distances);
}

/** One query through memory shared with native code. With a limit: undefined when it would take long or have to wait. */
function searchOne(
  { native, idType }: Handle,
  query: Float32Array,
  k: number,
  efSearch: number,
  nprobe: number,
  exact: boolean,
  limit: number,
): SearchResult | undefined {
  const shared = scratch ?? sharedScratch();
  shared.query.set(query);
  try {
    if (!native.searchOne(k, efSearch, nprobe, exact, limit)) return undefined;
  } catch (error) {
    checkQuery(query); // says it better
    throw fromNative(error);
  }
  const ids = idType === 'bigint' ? shared.bigints.slice(0, k) : shared.numbers.slice(0, k);
  return new SearchResult(1, k, ids, shared.distances.slice(0, k));
}

export function searchSync(
  handle: Handle,
  queries: VectorsInput,
  k: number,
  options: SearchParams | undefined,
): SearchResult {
  checkK(k);
  const { native, dim, idType } = handle;
  if (options === undefined && k <= SCRATCH_K && queries instanceof Float32Array && queries.length === dim) {
    checkBuffer('queries', queries);
    const found = searchOne(handle, queries, k, 0, 0, false, 0);
    if (found !== undefined) return found;
  }
  const { data, n } = toVectors('queries', queries, dim);
  checkResults(n, k);
  const { efSearch, nprobe, exact, threads } = checkSearch(options);
  const filter = options?.filter === undefined ? undefined : toSteps(options.filter, idType);
  const ids = newIds(idType, n * k);
  const distances = new Float32Array(n * k);
  now(() => native.searchSync(data, n, k, efSearch, nprobe, exact, threads, filter, ids, distances));
  return new SearchResult(n, k, ids, distances);
}

export async function range(
  handle: Handle,
  queries: VectorsInput,
  radius: number,
  options: RangeOptions,
): Promise<RangeResult> {
  checkCall(options);
  if (typeof radius !== 'number') throw wrongArgument('radius', 'a number', radius);
  if (!Number.isFinite(Math.fround(radius))) {
    throw new QuiverError('E_RANGE', `radius must be finite, but is ${String(radius)}.`, {
      expected: 'a finite number',
      actual: String(radius),
    });
  }
  const { nprobe } = checkSearch({ nprobe: options.nprobe });
  const { data, n } = toVectors('queries', queries, handle.dim);
  const filter = options.filter === undefined ? undefined : toSteps(options.filter, handle.idType);
  const { offsets, ids, distances } = await readOn<NativeFound & { offsets: Float64Array }>(
    handle,
    (native, number) => native.range(number, data, n, radius, nprobe, filter),
    options,
  );
  return new RangeResult(offsets, ids, distances);
}
