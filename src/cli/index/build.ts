import type { AddBatch, IdArray, IdType } from '../../../lib/types.js';
import type { Index } from '../../../lib/index.js';
import { listsFor } from '../../../lib/options.js';
import { fileError } from '../../vectors/errors.js';
import { readIds } from '../../vectors/ids.js';
import { indexOptions } from '../arguments.js';
import type { BuildOptions } from '../commands/index-build.js';
import type { Context } from '../context.js';
import { bytes, count, pairs, plural, seconds } from '../format.js';
import { checkOutput, openInputs, readAll } from './inputs.js';
import type { Inputs } from './inputs.js';
import { loadLibrary } from '../library.js';
import { withProgress } from '../progress.js';
import { listsOfFactory, sampleSize, takeSample } from './sample.js';
import type { Sample } from './sample.js';
import { UsageError } from '../usage.js';

/** The ids of `--ids`. */
interface GivenIds {
  path: string;
  values: IdArray;
}

interface Spent {
  train: number;
  add: number;
  save: number;
}

/** `quiver index build`: sample and train where the kind needs it, add all, save. */
export async function buildIndex(context: Context, patterns: readonly string[], options: BuildOptions): Promise<void> {
  if (options.type === 'factory') {
    throw new UsageError(
      '--type factory: give the factory string itself, such as --type "IVF256,PQ16"',
      'a factory string',
      'factory',
    );
  }
  const inputs = await openInputs(patterns);
  await checkOutput(options.output);
  const ids = options.ids === undefined ? undefined : await readIdsFor(inputs, options.ids, options.idType ?? 'number');
  const { Index, configure } = await loadLibrary();
  const used = configure(options.threads === undefined ? {} : { threads: options.threads }).threads;
  const spent: Spent = { train: 0, add: 0, save: 0 };

  // The number of lists follows from the number of vectors, which .jsonl shows only at its end.
  const kind = { ...options };
  let sample: Sample | undefined;
  const train = async (): Promise<Sample> => {
    sample ??= await timed(spent, 'train', () => sampleInputs(context, inputs, kind));
    return sample;
  };
  if (kind.type === 'ivf' && kind.nlist === undefined) {
    const { seen, size } = await train();
    if (size < seen) kind.nlist = listsFor(seen);
  }
  const index = await Index.create(indexOptions(inputs.dim, kind));
  try {
    if (kind.type !== 'auto' && !index.stats().trained) {
      const { vectors, size } = await train();
      await timed(spent, 'train', () => trainIndex(context, index, vectors, size));
      sample = undefined;
    }
    const { added, replaced } = await timed(spent, 'add', () => addAll(context, index, inputs, ids));
    await index.ready();
    const saved = await timed(spent, 'save', () => saveIndex(context, index, options.output));
    report(context, index, { ...spent, added, replaced, threads: used, bytes: saved, path: options.output });
  } finally {
    await index.close();
  }
}

async function timed<T>(spent: Spent, part: keyof Spent, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  try {
    return await work();
  } finally {
    spent[part] += (performance.now() - began) / 1000;
  }
}

async function readIdsFor(inputs: Inputs, path: string, type: IdType): Promise<GivenIds> {
  const ids = { path, values: await readIds(path, type) };
  if (inputs.count !== undefined) checkIdCount(ids, inputs.count, true);
  return ids;
}

function checkIdCount({ path, values }: GivenIds, vectors: number, atEnd: boolean): void {
  if (atEnd ? values.length === vectors : values.length >= vectors) return;
  throw fileError('E_ARGUMENT', path, 'each vector needs one id', {
    expected: `${vectors}${atEnd ? '' : ' or more'} ids, one a vector`,
    actual: String(values.length),
  });
}

async function sampleInputs({ output, signal }: Context, inputs: Inputs, options: BuildOptions): Promise<Sample> {
  const nlist = options.nlist ?? listsOfFactory(options.type) ?? guessLists(inputs, options);
  return withProgress(output, { label: 'sample', unit: 'vectors', total: inputs.count }, (update) =>
    takeSample(inputs, sampleSize(inputs.dim, nlist), { signal, onProgress: update }),
  );
}

function guessLists(inputs: Inputs, { type }: BuildOptions): number | undefined {
  return type === 'ivf' && inputs.count !== undefined ? listsFor(inputs.count) : undefined;
}

async function trainIndex(
  { output, signal }: Context,
  index: Index,
  vectors: Float32Array,
  size: number,
): Promise<void> {
  await withProgress(output, { label: 'train ', unit: 'vectors', total: size }, (update) =>
    index.train(vectors, { signal, onProgress: ({ done, total }) => update(done, total) }),
  );
}

async function addAll(
  { output, signal }: Context,
  index: Index,
  inputs: Inputs,
  ids: GivenIds | undefined,
): Promise<{ added: number; replaced: number }> {
  return withProgress(output, { label: 'add   ', unit: 'vectors', total: inputs.count }, async (update) =>
    index.addFrom(withIds(inputs, ids, index, signal), {
      signal,
      ...(inputs.count !== undefined && { total: inputs.count }),
      onProgress: ({ done }) => update(done, inputs.count),
    }),
  );
}

/** The batches of the files, with the ids of `--ids` in place of the files' own. */
async function* withIds(
  inputs: Inputs,
  ids: GivenIds | undefined,
  index: Index,
  signal: AbortSignal,
): AsyncGenerator<AddBatch, void, undefined> {
  let done = 0;
  for await (const batch of readAll(inputs, { signal, idType: index.idType })) {
    const end = done + batch.vectors.length / inputs.dim;
    if (ids === undefined) {
      yield batch;
    } else {
      checkIdCount(ids, end, false);
      yield { vectors: batch.vectors, ids: ids.values.subarray(done, end) };
    }
    done = end;
  }
  if (ids !== undefined) checkIdCount(ids, done, true);
}

async function saveIndex({ output, signal }: Context, index: Index, path: string): Promise<number> {
  return withProgress(output, { label: 'save  ', unit: 'bytes' }, async (update) => {
    const { bytes: size } = await index.save(path, { signal, onProgress: ({ done, total }) => update(done, total) });
    return size;
  });
}

interface Built extends Spent {
  path: string;
  added: number;
  replaced: number;
  threads: number;
  /** Of the file. */
  bytes: number;
}

function report({ output }: Context, index: Index, built: Built): void {
  const stats = index.stats();
  const total = built.train + built.add + built.save;
  const { path, added, replaced, train, add, save } = built;
  const parts = Object.entries({ train, add, save })
    .filter(([, spent]) => spent > 0)
    .map(([name, spent]) => `${name} ${seconds(spent)}`)
    .join(', ');
  const json = {
    index: path,
    count: stats.count,
    added,
    replaced,
    dim: stats.dim,
    metric: stats.metric,
    idType: stats.idType,
    kind: stats.kind,
    factory: stats.factory,
    threads: built.threads,
    seconds: { train, add, save, total },
    bytes: built.bytes,
  };
  output.result(json, () =>
    pairs([
      ['index', output.bold(path)],
      [
        'vectors',
        `${count(stats.count)} x ${stats.dim}, ${stats.metric}${replaced > 0 ? ` (${count(replaced)} replaced)` : ''}`,
      ],
      ['kind', `${stats.kind} (${stats.factory})`],
      ...(stats.auto === undefined ? [] : [['chosen', stats.auto.reason] as const]),
      ['time', `${seconds(total)} (${parts}), ${plural(built.threads, 'thread')}`],
      ['size', `${bytes(built.bytes)}, ${count(built.bytes / Math.max(1, stats.count))} bytes a vector`],
    ]),
  );
}
