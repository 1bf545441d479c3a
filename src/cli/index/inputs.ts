import { access, stat } from 'node:fs/promises';
import { constants } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileError } from '../../vectors/errors.js';
import { openVectors } from '../../vectors/open.js';
import type { ReadOptions, VectorBatch, VectorSource } from '../../vectors/types.js';

/** Names and globs as files, in the order given; the files of one glob in the order of their names. */
export async function expandFiles(patterns: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const pattern of patterns) {
    if (!/[*?{[]/.test(pattern) || (await exists(pattern))) {
      files.push(pattern);
      continue;
    }
    const { glob } = await import('tinyglobby');
    const found = (await glob(pattern, { dot: false })).sort();
    if (found.length === 0)
      throw fileError('E_NOT_FOUND', pattern, 'no file matches', { expected: 'at least one file', actual: '0' });
    files.push(...found);
  }
  return files;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Several files of vectors as one. */
export interface Inputs {
  sources: VectorSource[];
  dim: number;
  /** Vectors in all; undefined when one of the files does not say. */
  count: number | undefined;
  hasIds: boolean;
}

export async function openInputs(patterns: readonly string[]): Promise<Inputs> {
  const sources: VectorSource[] = [];
  for (const file of await expandFiles(patterns)) sources.push(await openVectors(file));
  const [first] = sources;
  if (first === undefined) throw new Error('openInputs: no file was named');
  for (const source of sources) {
    if (source.dim !== first.dim) {
      throw fileError('E_DIMENSION', source.path, 'all files of one index have the same dim', {
        expected: `${first.dim} as in ${first.path}`,
        actual: String(source.dim),
      });
    }
    if (source.hasIds !== first.hasIds) {
      throw fileError('E_ARGUMENT', source.path, 'all files of one index have ids, or none has', {
        expected: first.hasIds ? `ids as in ${first.path}` : `no ids as in ${first.path}`,
        actual: source.hasIds ? 'ids' : 'none',
      });
    }
  }
  const count = sources.reduce<number | undefined>((sum, source) => addCounts(sum, source.count), 0);
  return { sources, dim: first.dim, count, hasIds: first.hasIds };
}

function addCounts(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}

export async function* readAll(inputs: Inputs, options: ReadOptions): AsyncGenerator<VectorBatch, void, undefined> {
  let left = options.limit ?? Infinity;
  for (const source of inputs.sources) {
    if (left <= 0) return;
    const limit = left === Infinity ? undefined : left;
    for await (const batch of source.read({ ...options, limit })) {
      left -= batch.vectors.length / inputs.dim;
      yield batch;
    }
  }
}

/** Asked before the work, not after ten minutes of it. */
export async function checkOutput(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  try {
    await access(folder, constants.W_OK);
  } catch {
    const actual = (await exists(folder)) ? 'no permission to write there' : 'no such folder';
    throw fileError('E_IO', path, 'cannot be written', { expected: `the folder ${folder}`, actual });
  }
  if (
    await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    )
  ) {
    throw fileError('E_IO', path, 'cannot be written', { expected: 'the name of a file', actual: 'a folder' });
  }
}
