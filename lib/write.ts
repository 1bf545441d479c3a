/** The calls that change an index. The addon runs those of one index one after the other, in the order of the calls. */
import { call, checkCall } from './calls.js';
import { QuiverError, wrongArgument } from './errors.js';
import { writeOn, checkOpen, specOf, type Handle } from './handle.js';
import { toIds } from './ids.js';
import type { NativeSpec } from './native.js';
import { listsFor, probesFor } from './options.js';
import type {
  AddBatch,
  AddFromOptions,
  AddOptions,
  AddResult,
  CallOptions,
  IdsInput,
  LongCallOptions,
  VectorsInput,
} from './types.js';
import { stageVectors, toVectors } from './vectors.js';

export async function train(handle: Handle, vectors: VectorsInput, options: LongCallOptions): Promise<void> {
  checkCall(options);
  const { data, n } = toVectors('vectors', vectors, handle.dim);
  const { native, dim, underway } = handle;
  await underway.inTurn(
    () => stageVectors('vectors', data, dim, options.signal),
    (staging) => call((_, number) => native.train(number, staging, listsSpec(handle, n)), options),
  );
}

/** The lists that a sample of n calls for, where their number is decided at training. */
function listsSpec(handle: Handle, n: number): NativeSpec | undefined {
  if (handle.listsAtTraining === undefined) return undefined;
  const nlist = listsFor(n);
  const { nprobe = probesFor(nlist) } = handle.listsAtTraining;
  return { ...specOf(handle, `IVF${String(nlist)},Flat`), nprobe };
}

export async function add(handle: Handle, vectors: VectorsInput, options: AddOptions): Promise<AddResult> {
  checkCall(options);
  const { native, dim, idType, underway } = handle;
  const { existing = 'replace' } = options;
  if (existing !== 'replace' && existing !== 'error') throw wrongArgument('existing', "'replace' or 'error'", existing);
  const { data, n } = toVectors('vectors', vectors, dim);
  const ids = options.ids === undefined ? undefined : toIds('ids', options.ids, idType);
  if (ids !== undefined && ids.length !== n) {
    throw new QuiverError(
      'E_DIMENSION',
      `There must be one id for each vector: ${String(n)}, but there are ${String(ids.length)}.`,
      { expected: String(n), actual: String(ids.length) },
    );
  }
  const result = await underway.inTurn(
    () => stageVectors('vectors', data, dim, options.signal),
    (staging) => call<AddResult>((_, number) => native.add(number, staging, ids, existing === 'error'), options),
  );
  if (handle.closing === undefined) handle.auto?.grow();
  return result;
}

export async function addFrom(
  handle: Handle,
  batches: AsyncIterable<AddBatch> | Iterable<AddBatch>,
  options: AddFromOptions,
): Promise<{ added: number; replaced: number }> {
  checkCall(options);
  const { signal, onProgress, total = 0 } = options;
  const iterable = batches as Partial<AsyncIterable<AddBatch> & Iterable<AddBatch>> | null | undefined;
  if (typeof iterable?.[Symbol.asyncIterator] !== 'function' && typeof iterable?.[Symbol.iterator] !== 'function') {
    throw wrongArgument('batches', 'an iterable or async iterable of vectors', batches);
  }
  let added = 0;
  let replaced = 0;
  for await (const batch of batches) {
    checkOpen(handle);
    const { vectors, ids } = partsOf(batch);
    const result = await add(handle, vectors, { ...(ids !== undefined && { ids }), ...(signal && { signal }) });
    added += result.added;
    replaced += result.replaced;
    onProgress?.({ phase: 'add', done: added + replaced, total });
  }
  return { added, replaced };
}

function partsOf(batch: AddBatch): { vectors: VectorsInput; ids?: IdsInput } {
  if (typeof batch !== 'object' || batch === null)
    throw wrongArgument('a batch', 'vectors, or { vectors, ids }', batch);
  const plain = batch instanceof Float32Array || Array.isArray(batch);
  return plain ? { vectors: batch } : (batch as { vectors: VectorsInput; ids?: IdsInput });
}

export async function remove(handle: Handle, ids: IdsInput, options: CallOptions): Promise<number> {
  checkCall(options);
  const list = toIds('ids', ids, handle.idType);
  return writeOn(handle, (native, number) => native.remove(number, list), options);
}

export async function reset(handle: Handle): Promise<void> {
  await writeOn(handle, (native, number) => native.reset(number));
}

export async function compact(handle: Handle, options: LongCallOptions): Promise<void> {
  await writeOn(handle, (native, number) => native.rebuild(number, undefined), options);
}
