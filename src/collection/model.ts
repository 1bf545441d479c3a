/** Which model a collection speaks, and opening it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { QuiverError, wrongArgument } from '../../lib/errors.js';
import { cachedEmbedder } from '../embed/cache/cached-embedder.js';
import type { Embedder } from '../embed/embedder.js';
import { openModel, type OpenModelOptions } from '../embed/models/open.js';
import { openStaticEmbedder, StaticEmbedder } from '../embed/static/embedder.js';
import type { ModelInfo } from '../store/backend.js';

/** Models that were fitted to a collection lie in it, each under its fingerprint. */
export function fittedFolder(collection: string, fingerprint: string): string {
  return join(collection, 'models', fingerprint.slice(0, 16));
}

export function infoOf({ model, fingerprint, dim }: Embedder): ModelInfo {
  return { name: model, fingerprint, dim };
}

/** How a collection keeps the vectors of models that it opens itself. */
export interface Caching {
  cache?: boolean | string;
  onWarning?: (message: string) => void;
}

/** Error: E_ARGUMENT. */
export function cachingOf({ cache, onWarning }: Caching): Caching {
  if (cache !== undefined && typeof cache !== 'boolean' && (typeof cache !== 'string' || cache === '')) {
    throw wrongArgument('cache', 'true, false or the path of a file', cache);
  }
  return { ...(cache !== undefined && { cache }), ...(onWarning !== undefined && { onWarning }) };
}

export interface ModelOpening extends OpenModelOptions {
  caching: Caching;
}

async function openCached(name: string | undefined, { caching, ...options }: ModelOpening): Promise<Embedder> {
  const embedder = await openModel(name, options);
  const { cache = true, onWarning } = caching;
  if (cache === false || embedder instanceof StaticEmbedder) return embedder;
  return cachedEmbedder(embedder, {
    ...(typeof cache === 'string' && { path: cache }),
    ...(onWarning !== undefined && { onWarning }),
  });
}

/** By name, or open already: then it stays the caller's to close. */
export async function toEmbedder(
  model: string | Embedder | undefined,
  options: ModelOpening,
): Promise<{ embedder: Embedder; own: boolean }> {
  if (typeof model === 'object') return { embedder: model, own: false };
  return { embedder: await openCached(model, options), own: true };
}

function otherVersion(made: ModelInfo, found: string): QuiverError {
  return new QuiverError(
    'E_MODEL_MISMATCH',
    `The collection was made with another version of the model ${made.name} than the one on this machine, and vectors of the two ` +
      'cannot be compared. Bring the old one back, or embed all anew: quiver models use.',
    { expected: made.fingerprint, actual: found },
  );
}

/** The model that made a collection's vectors. Errors: E_NOT_FOUND, E_MODEL_MISMATCH. */
export async function openModelOf(folder: string, made: ModelInfo, options: ModelOpening): Promise<Embedder> {
  const fitted = fittedFolder(folder, made.fingerprint);
  const embedder = existsSync(fitted)
    ? await openStaticEmbedder(fitted)
    : await openCached(made.name, options).catch((error: unknown) => {
        if (!(error instanceof QuiverError) || error.code !== 'E_NOT_FOUND') throw error;
        throw new QuiverError('E_NOT_FOUND', `The collection was made with ${made.name}. ${error.message}`, {
          expected: made.name,
          actual: 'no such model',
          cause: error,
        });
      });
  if (embedder.fingerprint === made.fingerprint) return embedder;
  await embedder.close();
  throw otherVersion(made, embedder.fingerprint);
}
