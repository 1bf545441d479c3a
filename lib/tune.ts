/** Finds the least effort (efSearch or nprobe) that reaches a recall, on queries with known answers. */
import { aborted, checkCall } from './calls.js';
import { QuiverError } from './errors.js';
import { writeOn, checkOpen, type Handle } from './handle.js';
import { checkK, checkRecall, MAX_EF } from './options.js';
import { allIds, get } from './read.js';
import type { SearchResult } from './results.js';
import { search } from './search.js';
import type { Id, IdsInput, SearchParams, TuneOptions, TuneResult } from './types.js';
import { checkQuery, toVectors } from './vectors.js';

const OWN_QUERIES = 500;

/** What is turned, and as far as it makes sense; 'none' on kinds that always compare with everything. */
interface Effort {
  parameter: 'efSearch' | 'nprobe' | 'none';
  max: number;
}

function effortOf({ native }: Handle): Effort {
  const { kind, nlist, count } = native.stats();
  if (kind === 'HNSW') return { parameter: 'efSearch', max: Math.min(count, MAX_EF) };
  return kind.startsWith('IVF') ? { parameter: 'nprobe', max: nlist } : { parameter: 'none', max: 0 };
}

/** Queries to measure with; `own` are their ids when they were taken from the index. */
interface Sample {
  queries: Float32Array;
  own?: Id[];
}

async function sampleOf(handle: Handle, { queries, signal }: TuneOptions): Promise<Sample> {
  if (queries !== undefined) {
    const { data, n } = toVectors('queries', queries, handle.dim);
    for (let i = 0; i < n; i++) checkQuery(data.subarray(i * handle.dim, (i + 1) * handle.dim));
    return { queries: data };
  }
  const options = signal ? { signal } : {};
  const all = await allIds(handle, options);
  const length = Math.min(all.length, OWN_QUERIES);
  const own = Array.from({ length }, (_, i): Id => all[Math.floor((i * all.length) / length)]);
  return { queries: await get(handle, own as IdsInput, options), own };
}

/** Share of the true neighbours that were found, over all queries. `skip` leaves an id out of a query's answers. */
function recallOf(found: SearchResult, truth: SearchResult, k: number, skip?: readonly Id[]): number {
  let hits = 0;
  let wanted = 0;
  for (let i = 0; i < truth.n; i++) {
    const own = skip?.[i];
    const without = (result: SearchResult): Id[] =>
      result
        .row(i)
        .map((hit) => hit.id)
        .filter((id) => id !== own)
        .slice(0, k);
    const right = new Set(without(truth));
    wanted += right.size;
    for (const id of without(found)) if (right.has(id)) hits++;
  }
  return wanted === 0 ? 1 : hits / wanted;
}

export async function tune(handle: Handle, options: TuneOptions): Promise<TuneResult> {
  checkCall(options);
  const { signal, k = 10 } = options;
  const recall = checkRecall(options.recall);
  checkK(k);
  const effort = effortOf(handle);
  if (effort.parameter !== 'none' && handle.native.count() === 0) {
    throw new QuiverError('E_ARGUMENT', 'An empty index has nothing to measure a recall on: add vectors first.', {
      expected: 'an index with vectors',
      actual: 'an empty one',
    });
  }
  const { queries, own } = await sampleOf(handle, options);
  const tuned = { k, queries: queries.length / handle.dim };
  const { parameter } = effort;
  if (parameter === 'none') return { parameter, value: 0, recall: 1, ...tuned };
  // A query taken from the index finds itself: ask for one more and leave that out.
  const places = own === undefined ? k : k + 1;
  const ask = async (params: SearchParams): Promise<SearchResult> => {
    checkOpen(handle);
    return search(handle, queries, places, { ...params, ...(signal && { signal }) });
  };
  const truth = await ask({ exact: true });
  const measure = async (value: number): Promise<number> => {
    if (signal?.aborted === true) throw aborted(signal);
    return recallOf(await ask({ [parameter]: value }), truth, k, own);
  };
  const found = await leastValue(measure, effort, places, recall);
  const [efSearch, nprobe] = parameter === 'efSearch' ? [found.value, 0] : [0, found.value];
  await writeOn(handle, (native, number) => native.setParameters(number, 0, efSearch, nprobe));
  return { parameter, ...found, ...tuned };
}

/** Doubles the value until it is enough, then halves the gap: recall grows with effort. */
async function leastValue(
  measureOnce: (value: number) => Promise<number>,
  { parameter, max }: Effort,
  places: number,
  recall: number,
): Promise<{ value: number; recall: number }> {
  const measured = new Map<number, number>();
  const measure = async (value: number): Promise<number> => {
    const known = measured.get(value) ?? (await measureOnce(value));
    measured.set(value, known);
    return known;
  };
  let low = parameter === 'efSearch' ? Math.max(1, places - 1) : 0;
  let high = parameter === 'efSearch' ? places : 1;
  while ((await measure(Math.min(high, max))) < recall) {
    if (high >= max) {
      const best = await measure(max);
      throw new QuiverError(
        'E_RANGE',
        `No ${parameter} reaches recall ${String(recall)} on this index: ${String(max)} gives ${(best * 100).toFixed(1)} %. Build it with more links (M, efConstruction) or larger codes.`,
        { expected: `recall ${String(recall)}`, actual: String(best) },
      );
    }
    low = high;
    high *= 2;
  }
  high = Math.min(high, max);
  while (high - low > Math.max(1, Math.floor(high / 32))) {
    const middle = Math.floor((low + high) / 2);
    if ((await measure(middle)) >= recall) high = middle;
    else low = middle;
  }
  return { value: high, recall: await measure(high) };
}
