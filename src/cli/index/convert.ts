import { stat } from 'node:fs/promises';
import type { Index } from '../../../lib/index.js';
import type { IndexStats } from '../../../lib/types.js';
import { ioError } from '../../vectors/errors.js';
import type { ExportCommandOptions } from '../commands/index-export.js';
import type { ImportCommandOptions } from '../commands/index-import.js';
import type { InfoOptions } from '../commands/index-info.js';
import type { Context } from '../context.js';
import { bytes, count, pairs } from '../format.js';
import { checkOutput } from './inputs.js';
import { loadLibrary } from '../library.js';
import { withProgress } from '../progress.js';
import type { Update } from '../progress.js';

/** `quiver index info`: mapped, so that it answers at once for files of any size. */
export async function indexInfo({ output, signal }: Context, path: string, options: InfoOptions): Promise<void> {
  const size = await fileSize(path);
  const { Index } = await loadLibrary();
  const verify = options.verify === true;
  const index = await withProgress(output, { label: verify ? 'verify' : 'open  ', unit: 'bytes' }, (update) =>
    Index.open(path, { mmap: true, verify, signal, onProgress: forward(update) }),
  );
  try {
    const stats = index.stats();
    const json = { index: path, fileBytes: size, verified: verify, ...stats };
    output.result(json, () =>
      pairs([['index', output.bold(path)], ...describe(stats, size), ...(verify ? [VERIFIED] : [])]),
    );
  } finally {
    await index.close();
  }
}

const VERIFIED = ['verified', 'every byte fits its checksum'] as const;

function describe(stats: IndexStats, size: number): [string, string][] {
  const settings = [
    ['M', stats.M],
    ['efConstruction', stats.efConstruction],
    ['efSearch', stats.efSearch],
    ['nlist', stats.nlist],
    ['nprobe', stats.nprobe],
  ].filter(([, value]) => value !== undefined);
  const deleted = stats.deleted > 0 ? ` (${count(stats.deleted)} removed, not yet swept)` : '';
  return [
    ['vectors', `${count(stats.count)} x ${stats.dim}${deleted}`],
    ['metric', stats.metric],
    ['ids', stats.idType],
    ['kind', `${stats.kind} (${stats.factory})${stats.trained ? '' : ', not trained'}`],
    ...(settings.length > 0
      ? [['settings', settings.map((pair) => pair.join(' ')).join(', ')] as [string, string]]
      : []),
    ...(stats.auto === undefined ? [] : [['auto', `${stats.auto.tier}: ${stats.auto.reason}`] as [string, string]]),
    ['generation', count(stats.generation)],
    ['size', `${bytes(size)}, ${count(size / Math.max(1, stats.count))} bytes a vector`],
  ];
}

/** `quiver index import` */
export async function importIndex(
  { output, signal }: Context,
  path: string,
  options: ImportCommandOptions,
): Promise<void> {
  await fileSize(path);
  await checkOutput(options.output);
  const { Index } = await loadLibrary();
  const index = await withProgress(output, { label: 'import', unit: 'bytes' }, (update) =>
    Index.importFaiss(path, {
      signal,
      onProgress: forward(update),
      ...(options.metric !== undefined && { metric: options.metric }),
      ...(options.idType !== undefined && { idType: options.idType }),
      ...(options.trusted === true && { trusted: true }),
    }),
  );
  await write({ output, signal }, index, path, options.output, (update) =>
    index.save(options.output, { signal, onProgress: forward(update) }),
  );
}

/** `quiver index export` */
export async function exportIndex(
  { output, signal }: Context,
  path: string,
  options: ExportCommandOptions,
): Promise<void> {
  await fileSize(path);
  await checkOutput(options.output);
  const { Index } = await loadLibrary();
  const index = await withProgress(output, { label: 'open  ', unit: 'bytes' }, (update) =>
    Index.open(path, { signal, onProgress: forward(update) }),
  );
  await write({ output, signal }, index, path, options.output, (update) =>
    index.exportFaiss(options.output, { signal, onProgress: forward(update) }),
  );
}

async function write(
  { output }: Pick<Context, 'output' | 'signal'>,
  index: Index,
  from: string,
  to: string,
  save: (update: Update) => Promise<{ bytes: number }>,
): Promise<void> {
  try {
    const saved = await withProgress(output, { label: 'write ', unit: 'bytes' }, save);
    const { count: vectors, dim, metric, kind, factory } = index.stats();
    const json = { from, to, count: vectors, dim, metric, kind, factory, bytes: saved.bytes };
    output.result(json, () =>
      pairs([
        ['wrote', `${output.bold(to)} (${bytes(saved.bytes)})`],
        ['vectors', `${count(vectors)} x ${dim}, ${metric}`],
        ['kind', `${kind} (${factory})`],
      ]),
    );
  } finally {
    await index.close();
  }
}

function forward(update: Update): (progress: { done: number; total: number }) => void {
  return ({ done, total }) => update(done, total);
}

async function fileSize(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    throw ioError(path, 'open', error);
  }
}
