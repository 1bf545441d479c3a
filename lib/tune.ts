/** Finds the least effort (efSearch or nprobe) that reaches a recall, on queries with known answers. */
import { aborted } from './calls.js';
import { QuiverError } from './errors.js';
import type { SearchResult } from './results.js';
import type { Id, SearchParams, TuneResult } from './types.js';

/** What tuning needs of an index. */
export interface Tunable {
  parameter: 'efSearch' | 'nprobe' | 'none';
  /** The largest value that makes sense. */
  max: number;
  search(queries: Float32Array, k: number, params: SearchParams): Promise<SearchResult>;
}

/** Share of the true neighbours that were found, over all queries. `skip` leaves an id out of a query's answers. */
export function recallOf(found: SearchResult, truth: SearchResult, k: number, skip?: readonly Id[]): number {
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

export async function tune(
  index: Tunable,
  queries: Float32Array,
  own: readonly Id[] | undefined,
  recall: number,
  k: number,
  signal: AbortSignal | undefined,
): Promise<Omit<TuneResult, 'queries'>> {
  if (index.parameter === 'none') return { parameter: 'none', value: 0, recall: 1, k };
  const parameter = index.parameter;
  // A query taken from the index finds itself: ask for one more and leave that out.
  const places = own === undefined ? k : k + 1;
  const truth = await index.search(queries, places, { exact: true });
  const measured = new Map<number, number>();
  const measure = async (value: number): Promise<number> => {
    if (signal?.aborted === true) throw aborted(signal);
    const known = measured.get(value);
    if (known !== undefined) return known;
    const found = await index.search(queries, places, { [parameter]: value });
    const got = recallOf(found, truth, k, own);
    measured.set(value, got);
    return got;
  };
  // Double until it is enough, then halve the gap: recall grows with effort.
  let low = parameter === 'efSearch' ? Math.max(1, places - 1) : 0;
  let high = parameter === 'efSearch' ? places : 1;
  while ((await measure(Math.min(high, index.max))) < recall) {
    if (high >= index.max) {
      throw new QuiverError(
        'E_RANGE',
        `No ${parameter} reaches recall ${String(recall)} on this index: ${String(index.max)} gives ${((await measure(index.max)) * 100).toFixed(1)} %. Build it with more links (M, efConstruction) or larger codes.`,
        { expected: `recall ${String(recall)}`, actual: String(await measure(index.max)) },
      );
    }
    low = high;
    high *= 2;
  }
  high = Math.min(high, index.max);
  while (high - low > Math.max(1, Math.floor(high / 32))) {
    const middle = Math.floor((low + high) / 2);
    if ((await measure(middle)) >= recall) high = middle;
    else low = middle;
  }
  return { parameter, value: high, recall: await measure(high), k };
}
