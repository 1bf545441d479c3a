/** The addon without lib/: as a program sees it that loads the file by itself. */
import type { Addon, NativeIndex, NativeSpec } from '../../../lib/native.js';
import { DIM } from './kinds.js';

export interface Raw {
  addon: Addon;
  call: <T>(start: (number: number) => void) => Promise<T>;
}

/** Connects promises to one loaded addon. */
export function connect(addon: Addon): Raw {
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: unknown) => void }>();
  let next = 1;
  addon.setDispatcher((number, error, value, progress) => {
    if (progress !== undefined) return;
    const { resolve, reject } = waiting.get(number)!;
    waiting.delete(number);
    if (error !== undefined) reject(error);
    else resolve(value as never);
  });
  const call: Raw['call'] = (start) =>
    new Promise((resolve, reject) => {
      const number = next++;
      waiting.set(number, { resolve, reject });
      start(number);
    });
  return { addon, call };
}

const spec: NativeSpec = {
  ...{ dim: DIM, metric: 'l2', metricArg: 2, factory: 'IVF4,Flat' },
  ...{ efConstruction: 0, efSearch: 0, nprobe: 4 },
};

/** Makes an index, teaches and fills it, and returns it with the nearest of the first vectors, which are they. */
export async function rawWork(
  { addon, call }: Raw,
  data: Float32Array,
): Promise<{ index: NativeIndex; nearest: number[] }> {
  const staged = () => {
    const staging = new addon.VectorStaging(DIM);
    staging.append(data);
    return staging;
  };
  const index = await call<NativeIndex>((number) => addon.NativeIndex.create(number, spec, false, ''));
  await call((number) => index.train(number, staged(), undefined));
  await call((number) => index.add(number, staged(), undefined, false));
  const queries = data.slice(0, 40 * DIM);
  const found = await call<{ ids: Float64Array }>((number) =>
    index.search(number, queries, 40, 1, 0, 0, false, 0, undefined),
  );
  return { index, nearest: [...found.ids] };
}

/** What rawWork must find. */
export const RAW_NEAREST = Array.from({ length: 40 }, (_, i) => i);
