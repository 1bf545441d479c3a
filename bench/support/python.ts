/** Python FAISS in a virtual environment of the cache. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { variable } from '../../src/cli/environment.js';
import { LineServer } from './server.js';

const run = promisify(execFile);
const VERSION = '1.15.1';
const script = fileURLToPath(new URL('../../../bench/peers/faiss_loop.py', import.meta.url));

/** The interpreter that has faiss-cpu; throws where there is no Python or no way to get the package. */
export async function pythonFaiss(): Promise<string> {
  const cache =
    variable('QUIVER_CACHE') ?? join(variable('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'faiss-quiver');
  const folder = join(cache, 'peers', `faiss-cpu-${VERSION}`);
  const python = join(folder, 'bin', 'python3');
  const ready = join(folder, 'installed');
  if (existsSync(ready)) return python;
  await rm(folder, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true });
  await run('python3', ['-m', 'venv', folder]);
  const marker = join(folder, 'installing');
  await mkdir(marker);
  await run(python, ['-m', 'pip', 'install', '--quiet', `faiss-cpu==${VERSION}`]);
  await rename(marker, ready);
  return python;
}

/** @param kernel OPENBLAS_CORETYPE for it; without one, what its OpenBLAS chooses by itself */
export function startPython(python: string, kernel?: string): LineServer {
  return new LineServer('Python FAISS', python, [script], kernel === undefined ? {} : { OPENBLAS_CORETYPE: kernel });
}
