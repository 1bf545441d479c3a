import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { QuiverError } from '../../../lib/errors.js';
import { variable } from '../environment.js';

/** 60,000 images to index and 10,000 to search, 28 x 28 pixels each. */
export const FILES = { base: 'train-images-idx3-ubyte.gz', queries: 't10k-images-idx3-ubyte.gz' } as const;

const script = fileURLToPath(new URL('../../../../scripts/fetch-data.mjs', import.meta.url));

/** Where the images are, if they are on this machine. */
export function findFashionMnist(): string | undefined {
  return folders().find((folder) => Object.values(FILES).every((file) => existsSync(join(folder, file))));
}

/** Where they are looked for, in that order. */
export function folders(): string[] {
  const own = variable('QUIVER_DATA');
  const cache =
    variable('QUIVER_CACHE') ?? join(variable('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'faiss-quiver');
  return [
    ...(own === undefined ? [] : [own, join(own, 'fashion-mnist')]),
    '/usr/share/datasets/fashion-mnist',
    join(cache, 'data', 'fashion-mnist'),
  ];
}

/** The folder of the images, which are fetched into the cache when they are nowhere. */
export async function fashionMnist(signal: AbortSignal): Promise<string> {
  const present = findFashionMnist();
  if (present !== undefined) return present;
  const trouble = await fetchImages(signal);
  const fetched = findFashionMnist();
  if (fetched !== undefined) return fetched;
  throw new QuiverError(
    'E_MISSING_DEPENDENCY',
    `expected the fashion-mnist images in one of ${folders().join(', ')}, found none and could not fetch them (${trouble}). ` +
      'Install them with: apt-get install dataset-fashion-mnist. Or set QUIVER_DATA to their folder',
    { expected: folders().join(', '), actual: trouble },
  );
}

/** Runs the script that fetches them; what it says goes to stderr, so that stdout stays clean. */
async function fetchImages(signal: AbortSignal): Promise<string> {
  if (!existsSync(script)) return 'the script that fetches them is not in this package';
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script], { signal, stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => resolve(`fetch-data.mjs ended with exit code ${code ?? 'none'}`));
  });
}
