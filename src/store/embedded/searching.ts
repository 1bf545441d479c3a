/** A search: the vector index first, then a reader; both in one state, or again. */
import type { CallOptions } from '../../../lib/index.js';
import type { SearchAnswer, SearchRequest } from '../backend.js';
import { staleVectors } from '../errors.js';
import { MAX_REACH, planSearch, type SearchPlan } from '../request.js';
import type { Live } from './live.js';
import type { ReaderCalls } from './reader.js';
import type { Remote } from './rpc.js';
import { committed } from './vector-index.js';

/** Candidates of each part. With fewer, documents that are good in both parts and best in none are missed. */
const POOL = 200;
const POOL_GROWTH = 4;
/** After so many meetings with a commit a search asks for a moment without. (One more can only mean that the writer has died.) */
const PATIENCE = 8;

export interface SearchContext {
  live: Live;
  /** The reader that searches now. */
  reader: () => Remote<ReaderCalls>;
  /** A reader has seen this generation: waits until it is served, or brings that about. */
  catchUp: (generation: number, options: CallOptions) => Promise<void>;
  /** Runs while no commit can come between; absent where that is not ours to say. */
  alone?: <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;
}

export async function search(context: SearchContext, request: SearchRequest): Promise<SearchAnswer> {
  const { live, alone, catchUp } = context;
  const { model } = live.state;
  const plan = planSearch(request, model);
  const { signal } = request;
  let pool = poolFor(plan);
  for (let meetings = 0; ;) {
    if (plan.vector !== undefined && live.state.model.number !== model.number) {
      throw staleVectors('search', live.state.model.fingerprint, model.fingerprint);
    }
    const last = meetings >= PATIENCE;
    const tolerant = last && (alone === undefined || meetings > PATIENCE);
    const attempt = (): Promise<Attempt> => attemptOnce(context, plan, pool, tolerant, { signal });
    const found = await (last && alone !== undefined ? alone(attempt, signal) : attempt());
    if ('moved' in found) {
      meetings++;
      await catchUp(found.moved, { signal });
    } else if (found.short && pool < MAX_REACH) pool = Math.min(pool * POOL_GROWTH, MAX_REACH);
    else return { hits: found.hits, generation: found.generation };
  }
}

function poolFor({ mode, offset, k }: SearchPlan): number {
  return Math.max(offset + k, mode === 'hybrid' ? Math.min(POOL + offset, MAX_REACH) : 0);
}

/** `moved`: the reader has seen another generation than the one served. */
type Attempt = { moved: number } | (SearchAnswer & { short: boolean });

/** `tolerant`: take what there is, although the database has gone on. */
async function attemptOnce(
  { live, reader: choose }: SearchContext,
  plan: SearchPlan,
  pool: number,
  tolerant: boolean,
  { signal }: CallOptions,
): Promise<Attempt> {
  const reader = choose();
  const { generation } = live;
  let bits: Uint8Array | undefined;
  if (plan.filter !== undefined && plan.vector !== undefined) {
    const taken = await reader.call('filter', plan.filter, { signal });
    if (taken.generation !== generation && !tolerant) return { moved: taken.generation };
    bits = taken.bits;
  }
  const { near, allNear } = await nearest(live, plan, pool, bits, signal);
  const found = await reader.call('search', { plan, near, allNear, pool }, { signal });
  const same = found.generation === generation && live.generation === generation;
  if (!same && !tolerant) return { moved: found.generation };
  return found;
}

async function nearest(
  live: Live,
  { vector, exact }: SearchPlan,
  pool: number,
  bits: Uint8Array | undefined,
  signal: AbortSignal | undefined,
): Promise<{ near: Float64Array; allNear: boolean }> {
  if (vector === undefined) return { near: new Float64Array(0), allNear: true };
  const { index } = live;
  const filter = bits !== undefined ? { bitmap: bits } : live.pending ? committed(live.state.nextChunk) : undefined;
  const { ids } = await index.search(vector, pool, {
    ...(filter !== undefined && { filter }),
    ...(exact && { exact }),
    ...(signal !== undefined && { signal }),
  });
  const found = (ids as Float64Array).filter((id) => id >= 0);
  return { near: found, allNear: found.length < pool };
}
