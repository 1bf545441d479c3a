/** Moving all vectors of one index into another. */
import { checkCall } from './calls.js';
import { QuiverError, wrongArgument } from './errors.js';
import { checkOpen, type Handle } from './handle.js';
import { newIds } from './ids.js';
import { allIds, get } from './read.js';
import type { AddResult, IdsInput, MergeOptions } from './types.js';
import { add, remove } from './write.js';

/** Vectors are moved in pieces of this many floats; an abort waits for the end of one. */
const PIECE_FLOATS = 1 << 18;

export async function merge(handle: Handle, other: Handle, options: MergeOptions): Promise<AddResult> {
  checkCall(options);
  const { signal, onProgress, renumber = bothCount(handle, other) } = options;
  if (typeof renumber !== 'boolean') throw wrongArgument('renumber', 'true or false', renumber);
  if (other === handle) throw wrongArgument('other', 'another index than this one', 'itself');
  if (other.dim !== handle.dim) {
    const [theirs, ours] = [String(other.dim), String(handle.dim)];
    throw new QuiverError('E_DIMENSION', `The other index has dim ${theirs}, this one ${ours}.`, {
      expected: ours,
      actual: theirs,
    });
  }
  if (other.metric !== handle.metric) throw wrongArgument("other's metric", handle.metric, other.metric);
  const all = await allIds(other, {});
  const step = Math.max(1, Math.floor(PIECE_FLOATS / handle.dim));
  const merged: AddResult = { ids: newIds(handle.idType, all.length), added: 0, replaced: 0 };
  let moved = 0;
  try {
    while (moved < all.length) {
      if (signal?.aborted === true) throw halfMerged(moved, all.length, signal);
      const part = all.subarray(moved, moved + step) as IdsInput;
      checkOpen(other);
      const vectors = await get(other, part, {});
      checkOpen(handle);
      // Whole pieces only: an add that stops in the middle would leave vectors in both.
      const result = await add(handle, vectors, renumber ? {} : { ids: part });
      (merged.ids as Float64Array).set(result.ids as Float64Array, moved);
      merged.added += result.added;
      merged.replaced += result.replaced;
      moved += result.ids.length;
      onProgress?.({ phase: 'merge', done: moved, total: all.length });
    }
  } finally {
    if (moved > 0) await remove(other, all.subarray(0, moved), {});
  }
  return merged;
}

/** Whether neither has ids of its own: they say nothing, so there is nothing to keep. */
function bothCount(handle: Handle, other: Handle): boolean {
  return handle.native.stats().implicitIds && other.native.stats().implicitIds;
}

function halfMerged(moved: number, total: number, signal: AbortSignal): QuiverError {
  return new QuiverError(
    'E_ABORTED',
    `The merge was aborted after ${String(moved)} of ${String(total)} vectors; those are here now, the others still there.`,
    { expected: `${String(total)} vectors`, actual: String(moved), cause: signal.reason },
  );
}
