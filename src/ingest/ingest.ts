/** Reads files into documents with chunks: in parallel, within bounds, and whatever they hold. */
import { QuiverError } from '../../lib/errors.js';
import type { Document } from '../document/types.js';
import { fromPlainError, unpack } from './messages.js';
import type { Batch } from './messages.js';
import { checkIngestOptions, checkPaths } from './options.js';
import type { Settings } from './options.js';
import { createPool } from './pool.js';
import type { Pool } from './pool.js';
import { createQueue } from './queue.js';
import type { Queue } from './queue.js';
import { scan } from './scan.js';
import type { FoundFile } from './scan.js';
import { createTally } from './tally.js';
import type { IngestEvent, IngestOptions } from './types.js';

/**
 * Reads files, folders and globs, and tells what comes of each as an event; files come in the order in which they are done.
 * A file that cannot be read is an event, never an error. Only a few parsed files wait for whoever takes the events, and when
 * the loop is left, all work ends. Nothing is kept between two runs: what `known` knows is passed over.
 *
 * Errors: E_ARGUMENT, E_RANGE; E_ABORTED; E_INTERNAL when no process can be started; and what `known` throws.
 */
export async function* ingest(
  paths: string | readonly string[],
  options: IngestOptions = {},
): AsyncGenerator<IngestEvent, void, undefined> {
  const settings = checkIngestOptions(options);
  const list = checkPaths(paths);
  const { signal } = settings;
  throwIfAborted(signal);
  const began = performance.now();
  const found = await scan(list, settings).catch((error: unknown) => {
    throwIfAborted(signal);
    throw error;
  });
  // A search for files that was aborted may also just have found fewer.
  throwIfAborted(signal);
  const { files, missing } = found;
  const tally = createTally(files.length + missing.length);
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  yield { kind: 'scanned', files: files.length + missing.length, bytes };
  for (const { id, error } of missing) yield tally.count({ kind: 'failed', file: id, error, bytes: 0 });
  for await (const event of readAll(files, settings)) yield tally.count(event);
  yield tally.finish((performance.now() - began) / 1000);
}

/**
 * As many lanes as there are workers. A lane goes on to its next file when what it made of the last one is taken, so no more
 * files than there are lanes wait for the consumer.
 */
async function* readAll(files: readonly FoundFile[], settings: Settings): AsyncGenerator<IngestEvent, void, undefined> {
  if (files.length === 0) return;
  const { signal, maxSeconds, read } = settings;
  throwIfAborted(signal);
  const threads = Math.min(settings.concurrency, files.length);
  const pool = createPool({ threads, maxSeconds, read });
  const queue = createQueue<IngestEvent>();
  const stop = (): void => queue.fail(aborted(signal));
  signal?.addEventListener('abort', stop, { once: true });
  const rest = files.values();
  let isOver = false;
  const lane = async (): Promise<void> => {
    for (const file of rest) {
      if (isOver) return;
      await readOne(file, pool, queue, settings);
    }
  };
  void Promise.all(Array.from({ length: threads }, lane)).then(queue.end, queue.fail);
  try {
    yield* queue.items();
  } finally {
    isOver = true;
    signal?.removeEventListener('abort', stop);
    await pool.close();
  }
}

async function readOne(file: FoundFile, pool: Pool, queue: Queue<IngestEvent>, settings: Settings): Promise<void> {
  const { id, path, size } = file;
  const known = await settings.known(id);
  const tell = async (batch: Batch, last: boolean): Promise<void> => {
    for (const { line, error } of batch.failures) {
      await queue.put({ kind: 'failed', file: id, error: fromPlainError(error), line, bytes: 0 });
    }
    const { documents, unchangedIds } = await withoutKnown(id, batch.documents.map(unpack), settings);
    const { hash, bytes, seconds } = batch;
    await queue.put({
      kind: 'document',
      file: id,
      documents,
      ...(hash !== undefined && { hash }),
      last,
      unchanged: unchangedIds.length,
      unchangedIds,
      bytes,
      seconds,
    });
  };
  const outcome = await pool.run({ id, path, known }, (batch) => tell(batch, false));
  if (outcome.kind === 'done') await tell(outcome.batch, true);
  else if (outcome.kind === 'unchanged') await queue.put({ kind: 'unchanged', file: id, bytes: outcome.bytes });
  else await queue.put({ kind: 'failed', file: id, error: fromPlainError(outcome.error), bytes: size });
}

/** Records that are known with the same hash are left out; a file that is one document was compared before it was parsed. */
async function withoutKnown(
  file: string,
  documents: Document[],
  { known }: Settings,
): Promise<{ documents: Document[]; unchangedIds: string[] }> {
  const changed: Document[] = [];
  const unchangedIds: string[] = [];
  for (const document of documents) {
    const answer = document.id === file ? undefined : known(document.id);
    const hash = answer instanceof Promise ? await answer : answer;
    if (hash === undefined || hash !== document.hash) changed.push(document);
    else unchangedIds.push(document.id);
  }
  return { documents: changed, unchangedIds };
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw aborted(signal);
}

function aborted(signal: AbortSignal | undefined): QuiverError {
  return new QuiverError('E_ABORTED', 'Reading the files was aborted.', {
    expected: 'a signal that is not aborted',
    actual: 'an aborted one',
    cause: signal?.reason,
  });
}
