/** Looking things up by id. */
import { checkCall } from './calls.js';
import { readOn, type Handle } from './handle.js';
import { toIds } from './ids.js';
import type { CallOptions, IdArray, IdsInput } from './types.js';

export async function has(handle: Handle, ids: IdsInput): Promise<boolean[]> {
  const list = toIds('ids', ids, handle.idType);
  const present = await readOn<Uint8Array>(handle, (native, number) => native.has(number, list));
  return Array.from(present, (value) => value === 1);
}

export async function allIds(handle: Handle, options: CallOptions): Promise<IdArray> {
  checkCall(options);
  return readOn(handle, (native, number) => native.ids(number), options);
}

export async function get(handle: Handle, ids: IdsInput, options: CallOptions): Promise<Float32Array> {
  checkCall(options);
  const list = toIds('ids', ids, handle.idType);
  return readOn(handle, (native, number) => native.get(number, list), options);
}
