/** A search, from the main thread: asked of a reader, and again when a commit came between the index and the database. */
import type { CallOptions } from '../../../lib/index.js';
import type { SearchAnswer, SearchRequest } from '../backend.js';
import { staleVectors } from '../errors.js';
import { planSearch } from '../request.js';
import type { Live } from './live.js';
import type { ReaderCalls } from './reader.js';
import type { Remote } from '../../thread/rpc.js';

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
  const ask = async (): Promise<{ answer: SearchAnswer; same: boolean }> => {
    if (plan.vector !== undefined && live.state.model.number !== model.number) {
      throw staleVectors('search', live.state.model.fingerprint, model.fingerprint);
    }
    const { generation, pending } = live;
    const input = { plan, token: live.index.share(), pending };
    const answer = await context.reader().call('search', input, { signal });
    // The index held what this generation needs all the while, since nothing was published meanwhile.
    return { answer, same: answer.generation === generation && live.generation === generation };
  };
  for (let meetings = 0; ; meetings++) {
    const calm = meetings >= PATIENCE;
    const { answer, same } = await (calm && alone !== undefined ? alone(ask, signal) : ask());
    if (same || (calm && (alone === undefined || meetings > PATIENCE))) return answer;
    await catchUp(answer.generation, { signal });
  }
}
