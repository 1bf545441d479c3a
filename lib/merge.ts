/** Moving all vectors of one index into another. */
import { checkCall } from './calls.js';
import { QuiverError, wrongArgument } from './errors.js';
import type { Handle } from './handle.js';
import { newIds } from './ids.js';
import { allIds, get } from './read.js';
import type { AddResult, IdsInput, LongCallOptions } from './types.js';
import { add, remove } from './write.js';

/** Vectors are moved in pieces of this many floats. */
const PIECE_FLOATS = 1 << 20;

export async function merge(handle: Handle, other: Handle, options: LongCallOptions): Promise<AddResult> {
  checkCall(options);
  const { signal, onProgress } = options;
  if (other === handle) throw wrongArgument('other', 'another index than this one', 'itself');
  if (other.dim !== handle.dim) {
    const [theirs, ours] = [String(other.dim), String(handle.dim)];
    throw new QuiverError('E_DIMENSION', `The other index has dim ${theirs}, this one ${ours}.`, {
      expected: ours,
      actual: theirs,
    });
  }
  if (other.metric !== handle.metric) throw wrongArgument("other's metric", handle.metric, other.metric);
  const renumber = handle.native.stats().implicitIds && other.native.stats().implicitIds;
  const all = await allIds(other, {});
  const step = Math.max(1, Math.floor(PIECE_FLOATS / handle.dim));
  const merged: AddResult = { ids: newIds(handle.idType, all.length), added: 0, replaced: 0 };
  for (let at = 0; at < all.length; at += step) {
    const part = all.subarray(at, at + step) as IdsInput;
    const vectors = await get(other, part, {});
    const result = await add(handle, vectors, { ...(!renumber && { ids: part }), ...(signal && { signal }) });
    (merged.ids as Float64Array).set(result.ids as Float64Array, at);
    merged.added += result.added;
    merged.replaced += result.replaced;
    onProgress?.({ phase: 'merge', done: at + result.ids.length, total: all.length });
  }
  await remove(other, all, {});
  return merged;
}
