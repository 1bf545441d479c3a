/** Looking things up by id. */
import { call, checkCall } from './calls.js';
import type { Handle } from './handle.js';
import { toIds } from './ids.js';
import type { CallOptions, IdArray, IdsInput } from './types.js';

export async function has({ native, idType }: Handle, ids: IdsInput): Promise<boolean[]> {
  const list = toIds('ids', ids, idType);
  const present = await call<Uint8Array>((_, number) => native.has(number, list), {}, true);
  return Array.from(present, (value) => value === 1);
}

export async function allIds({ native }: Handle, options: CallOptions): Promise<IdArray> {
  checkCall(options);
  return call((_, number) => native.ids(number), options, true);
}

export async function get({ native, idType }: Handle, ids: IdsInput, options: CallOptions): Promise<Float32Array> {
  checkCall(options);
  const list = toIds('ids', ids, idType);
  return call((_, number) => native.get(number, list), options, true);
}
