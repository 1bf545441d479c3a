/** `quiver serve`: a collection behind HTTP, until a signal ends it. */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Collection } from '../../collection/collection.js';
import type { CacheOptions } from '../../cache/types.js';
import { createEngine, type Engine } from '../../engine/engine.js';
import type { EngineOptions } from '../../engine/types.js';
import { serve, type ServeOptions } from '../../server/serve.js';
import { withCollection } from '../collection/open.js';
import { folderOf, isCollection } from '../collection/place.js';
import type { ServeCommandOptions } from '../commands/serve.js';
import type { Context } from '../context.js';
import { variable } from '../environment.js';
import { plural, seconds } from '../format.js';
import { withProgress } from '../progress.js';
import { UsageError } from '../usage.js';
import { FolderNotes } from './gone-files.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
/** In a folder of documents, the collection that is made of them. Its name begins with a dot, so it is not read itself. */
const INSIDE = '.quiver';

/** A folder that is there and is no collection holds documents. */
function documentsIn(name: string): string | undefined {
  const folder = resolve(name);
  const isFolder = existsSync(folder) && statSync(folder).isDirectory();
  const named = !name.includes('/') && isCollection(folderOf(name));
  return isFolder && !named && !isCollection(folder) ? folder : undefined;
}

function cacheOf({ answerCache, redis = variable('QUIVER_REDIS_URL') }: ServeCommandOptions): CacheOptions | false {
  if (!answerCache) return false;
  if (redis === undefined) return {};
  const secret = variable('QUIVER_CACHE_SECRET');
  return { redis, ...(secret !== undefined && { secret }) };
}

function llmOf({
  llm = variable('QUIVER_LLM_MODEL'),
  llmUrl,
  fallback,
}: ServeCommandOptions): Pick<EngineOptions, 'llm'> {
  if (llm === undefined) {
    if (llmUrl === undefined && fallback !== true) return {};
    throw new UsageError(
      '--llm: expected the name of a language model beside --llm-url and --fallback, found none',
      'a name',
      'none',
    );
  }
  return {
    llm: {
      model: llm,
      ...(llmUrl !== undefined && { baseUrl: llmUrl }),
      ...(fallback === true && { onFailure: 'extractive' as const }),
    },
  };
}

function serveOptions(engine: Engine, options: ServeCommandOptions): ServeOptions {
  const { port, host, concurrency, rateLimit, cors, page, log } = options;
  const level = LEVELS.find((one) => one === log);
  if (level === undefined && log !== 'none') {
    throw new UsageError(`--log: expected ${LEVELS.join(', ')} or none, found "${log}"`, LEVELS.join(', '), log);
  }
  const key = variable('QUIVER_API_KEY');
  return {
    engine,
    port,
    host,
    page,
    logLevel: level ?? false,
    ...(key !== undefined && { apiKeys: key.split(',') }),
    ...(concurrency !== undefined && { concurrency }),
    ...(rateLimit !== undefined && { rateLimit }),
    ...(cors !== undefined && { cors }),
  };
}

/** The documents of the folder, as far as they have changed; those whose file is gone leave, unless they are to be kept. */
async function readFolder(
  { output, signal }: Context,
  collection: Collection,
  folder: string,
  keepMissing: boolean,
): Promise<void> {
  const notes = await FolderNotes.open(folder, collection, signal);
  const { read, failed, ...rest } = await withProgress(output, { label: 'read', unit: 'bytes' }, (update) =>
    collection.addFiles(folder, { root: folder, signal, onProgress: ({ done, total }) => update(done, total) }),
  );
  if (read > 0) output.note(`${plural(read, 'file')} read in ${seconds(rest.seconds)}`);
  if (failed > 0) output.note(`${plural(failed, 'file')} could not be read: quiver add says which`);
  const gone = await notes.gone(signal);
  if (gone.files > 0) {
    const removed = keepMissing ? 0 : await collection.delete(gone.documents, { signal });
    const what = keepMissing
      ? `${plural(gone.documents.length, 'document')} kept`
      : `${plural(removed, 'document')} removed`;
    output.note(`${plural(gone.files, 'file')} no longer in the folder: ${what}`);
  }
  await notes.save(signal);
}

function aborts(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((ended) => {
    signal.addEventListener('abort', () => ended(), { once: true });
  });
}

export async function serveCollection(context: Context, name: string, options: ServeCommandOptions): Promise<void> {
  const { output, signal } = context;
  const { model, deadline } = options;
  const documents = documentsIn(name);
  const place = documents === undefined ? name : join(documents, INSIDE);
  const llm = llmOf(options);
  await withCollection(context, place, model === undefined ? {} : { model }, async (collection) => {
    if (documents !== undefined) await readFolder(context, collection, documents, options.keepMissing === true);
    await using engine = createEngine({
      collection,
      name,
      cache: cacheOf(options),
      ...llm,
      ...(deadline !== undefined && { deadline }),
      onWarning: (message) => output.note(`quiver: ${message}`),
    });
    const server = await serve(serveOptions(engine, options));
    const holds = await collection.count();
    output.result({ url: server.url, collection: collection.folder, ...holds }, () =>
      [
        `${output.bold(server.url)}  ${plural(holds.documents, 'document')}, ${plural(holds.chunks, 'chunk')}`,
        output.dim('Ctrl-C ends it.'),
      ].join('\n'),
    );
    await aborts(signal);
    await server.close();
  });
}
