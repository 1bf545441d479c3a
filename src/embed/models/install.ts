/** A model from a folder into the models' home, so that it can be called by a name. */
import { existsSync } from 'node:fs';
import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { QuiverError } from '../../../lib/errors.js';
import type { CallOptions } from '../../../lib/index.js';
import { modelsHome } from './home.js';
import { openModel } from './open.js';
import { findModel } from './registry.js';

export interface InstallOptions extends CallOptions {
  /** Default: the folder's own name. */
  name?: string;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

function checkName(name: string): void {
  if (!NAME.test(name)) {
    throw new QuiverError('E_ARGUMENT', `A model cannot be named '${name}'. Letters, digits, - _ and . are fine.`, {
      expected: 'letters, digits, - _ .',
      actual: name,
    });
  }
  const known = findModel(name);
  if (known === undefined) return;
  const what = known.name === name ? 'a known model' : `another name of ${known.name}`;
  throw new QuiverError('E_EXISTS', `${name} is ${what}. Give this one another name.`, {
    expected: 'a name of its own',
    actual: name,
  });
}

/**
 * Copies a folder with a model that works. Errors: E_NOT_FOUND, E_CORRUPT and others of opening it, E_EXISTS, E_ARGUMENT, E_ABORTED.
 */
export async function installModel(
  from: string,
  { name = basename(resolve(from)), signal }: InstallOptions = {},
): Promise<{ name: string; folder: string; dim: number }> {
  checkName(name);
  const folder = join(modelsHome(), name);
  if (existsSync(folder)) {
    throw new QuiverError('E_EXISTS', `There is a model named ${name} already, in ${folder}.`, {
      expected: 'a new name',
      actual: name,
    });
  }
  // One that does not embed is refused before it lies there.
  const embedder = await openModel(resolve(from), signal === undefined ? {} : { signal });
  const { dim } = embedder;
  await embedder.embed(['one text'], signal === undefined ? {} : { signal }).finally(() => embedder.close());
  const unfinished = `${folder}.${process.pid}.tmp`;
  await mkdir(modelsHome(), { recursive: true });
  try {
    await cp(resolve(from), unfinished, { recursive: true, dereference: true });
    await rename(unfinished, folder);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
  return { name, folder, dim };
}
