/** Where models lie on this machine: the one that ships with the package, and the folder of those that were fetched or added. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../lib/loader.js';
import { DEFAULT_MODEL } from './registry.js';

/** Where this machine keeps what can be made or fetched again: `$QUIVER_CACHE`, default `~/.cache/faiss-quiver`. */
export function cacheHome(): string {
  return process.env.QUIVER_CACHE ?? join(homedir(), '.cache', 'faiss-quiver');
}

/** `$QUIVER_MODELS`, else `models/` in the cache. */
export function modelsHome(): string {
  return process.env.QUIVER_MODELS ?? join(cacheHome(), 'models');
}

/** Where a model of this name lies or would lie. */
export function folderOf(name: string): string {
  const shipped = join(packageRoot, 'models', name);
  return name === DEFAULT_MODEL && existsSync(shipped) ? shipped : join(modelsHome(), name);
}
