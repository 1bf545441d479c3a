/** From paths, folders and globs to the files that they mean. */
import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { glob } from 'tinyglobby';
import type { QuiverError } from '../../lib/errors.js';
import { fileError, ioError } from '../vectors/errors.js';
import { DEFAULT_INCLUDE } from './detect.js';
import type { Settings } from './options.js';

export interface FoundFile {
  /** The id of its document. */
  id: string;
  path: string;
  size: number;
}

/** A path that leads to no file. */
export interface NotFound {
  id: string;
  error: QuiverError;
}

export interface Scan {
  /** In the order in which they were named; those of one folder or glob in the order of their ids. Each only once. */
  files: FoundFile[];
  missing: NotFound[];
}

export async function scan(paths: readonly string[], settings: Settings): Promise<Scan> {
  const files = new Map<string, FoundFile>();
  const missing: NotFound[] = [];
  for (const path of paths) {
    for (const found of await expand(path, settings)) {
      if ('error' in found) missing.push(found);
      else if (!files.has(found.path)) files.set(found.path, found);
    }
  }
  const all = [...files.values()];
  return { files: settings.followLinks ? await withoutTwins(all) : all, missing };
}

/** The id of a file's document: its path below the root, with `/` on every system, or all of it outside. */
export function idOf(path: string, root: string): string {
  const below = relative(root, path);
  const isBelow = below !== '' && below.split(sep)[0] !== '..' && !isAbsolute(below);
  return (isBelow ? below : path).split(sep).join('/');
}

async function expand(path: string, settings: Settings): Promise<(FoundFile | NotFound)[]> {
  const full = resolve(path);
  const found = await look(full, settings);
  // A name may hold the signs of a glob: what is there is meant.
  if (found instanceof Error) {
    if (GLOB.test(path)) return globbed(path, settings);
    return [{ id: idOf(full, settings.root), error: ioError(path, 'open', found) }];
  }
  if (found !== 'folder') return [found];
  return within(full, settings.include ?? DEFAULT_INCLUDE, settings);
}

async function look(full: string, { root }: Settings): Promise<FoundFile | 'folder' | Error> {
  try {
    const found = await stat(full);
    return found.isDirectory() ? 'folder' : { id: idOf(full, root), path: full, size: found.size };
  } catch (error) {
    return error as Error;
  }
}

/** The signs that make a glob of a path. */
const GLOB = /[*?[\]{}()!]/;

async function globbed(pattern: string, settings: Settings): Promise<(FoundFile | NotFound)[]> {
  // The part before the first sign of a glob, or as far as there are such folders, is where what is left out begins to count.
  const parts = pattern.split('/');
  let first = 0;
  let base = pattern.startsWith('/') ? '/' : resolve('.');
  for (; first < parts.length - 1; first++) {
    const below = join(base, parts[first] ?? '');
    if (GLOB.test(parts[first] ?? '') && (await look(below, settings)) !== 'folder') break;
    base = below;
  }
  const found = await within(base, [parts.slice(first).join('/')], settings);
  if (found.length > 0) return found;
  const error = fileError('E_NOT_FOUND', pattern, 'no file matches', {
    expected: 'at least one file',
    actual: '0',
    hint: 'Hidden files and node_modules are left out unless the options hidden and exclude say otherwise',
  });
  return [{ id: pattern, error }];
}

async function within(base: string, patterns: readonly string[], settings: Settings): Promise<FoundFile[]> {
  const names = await glob([...patterns], {
    cwd: base,
    ignore: [...settings.exclude],
    dot: settings.hidden,
    followSymbolicLinks: settings.followLinks,
    caseSensitiveMatch: false,
    expandDirectories: false,
    onlyFiles: true,
    ...(settings.signal !== undefined && { signal: settings.signal }),
  });
  const found = await Promise.all(names.map((name) => look(join(base, name), settings)));
  // What went away meanwhile, and links to nowhere, are no files.
  const files = found.filter((one): one is FoundFile => !(one instanceof Error) && one !== 'folder');
  return files.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Links make one file appear under several names: it is read under its own, or else under the first. */
async function withoutTwins(files: readonly FoundFile[]): Promise<FoundFile[]> {
  const real = await Promise.all(files.map(({ path }) => realpath(path).catch(() => path)));
  const own = new Set(files.map(({ path }) => path).filter((path, i) => path === real[i]));
  const seen = new Set<string>();
  return files.filter(({ path }, i) => {
    const target = real[i] ?? path;
    if (seen.has(target) || (target !== path && own.has(target))) return false;
    seen.add(target);
    return true;
  });
}
