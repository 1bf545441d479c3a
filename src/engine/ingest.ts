/** Documents into a collection, however little memory there is. */
import { checkObject } from '../../lib/errors.js';
import { NOTHING_READ } from '../collection/files.js';
import type { FilesAdded, TextInput } from '../collection/types.js';
import { checkIngestOptions, checkPaths } from '../ingest/options.js';
import { scan } from '../ingest/scan.js';
import { guardMemory, isOutOfMemory, type GuardOptions } from '../monitor/memory-guard.js';
import type { Monitor } from '../monitor/monitor.js';
import type { EngineCollection, EngineIngestOptions, IngestInput, IngestResult } from './types.js';

interface Target {
  collection: EngineCollection;
  monitor: Monitor;
  memory: Pick<GuardOptions, 'batchSize' | 'pressure'> | undefined;
}

type Sums = typeof NOTHING_READ;

function plus(sums: Sums, more: Partial<Sums>): Sums {
  const all = { ...sums };
  for (const name of Object.keys(all) as (keyof Sums)[]) all[name] += more[name] ?? 0;
  return all;
}

function toFailures(failures: FilesAdded['failures']): IngestResult['failures'] {
  return failures.map(({ error: { code, message }, ...rest }) => ({ ...rest, error: { code, message } }));
}

export async function ingestInto(
  target: Target,
  input: IngestInput,
  options: EngineIngestOptions,
): Promise<IngestResult> {
  checkObject('options', options);
  const began = performance.now();
  const isTexts = typeof input === 'object' && !Array.isArray(input);
  if (isTexts) checkObject('texts', (input as { texts: unknown }).texts);
  const made = isTexts
    ? await addTexts(target, (input as { texts: Iterable<TextInput> }).texts, options)
    : await addPaths(target, input as string | readonly string[], options);
  const seconds = (performance.now() - began) / 1000;
  if (made.documents > 0) target.monitor.record('index_time', seconds / made.documents);
  return { ...made, seconds };
}

async function addTexts(
  { collection, memory }: Target,
  texts: Iterable<TextInput> | AsyncIterable<TextInput>,
  { signal, chunk }: EngineIngestOptions,
): Promise<Omit<IngestResult, 'seconds'>> {
  const call = { ...(signal && { signal }), ...(chunk && { chunk }) };
  const skipped: string[] = [];
  let sums: Sums = NOTHING_READ;
  for await (const event of guardMemory(texts, (batch) => collection.add(batch, call), {
    ...memory,
    ...(signal && { signal }),
  })) {
    if (event.kind === 'skipped') skipped.push(event.skipped.item.id ?? `text ${event.skipped.place}`);
    else sums = plus(sums, event.result);
  }
  return { ...sums, failures: [], skipped };
}

/**
 * All files at once, since they are read as they are needed. Where that fails for want of memory, what is not there yet is brought
 * in batches: files that are there are known by their hash.
 */
async function addPaths(
  { collection, memory }: Target,
  paths: string | readonly string[],
  options: EngineIngestOptions,
): Promise<Omit<IngestResult, 'seconds'>> {
  try {
    const { failures, seconds: _, ...sums } = await collection.addFiles(paths, options);
    return { ...sums, failures: toFailures(failures), skipped: [] };
  } catch (error) {
    if (!isOutOfMemory(error)) throw error;
  }
  const { force: _, onProgress: __, onFailure: ___, ...reading } = options;
  const { files } = await scan(checkPaths(paths), checkIngestOptions(reading));
  const call = { ...options, force: false };
  const guard = { ...memory, ...(options.signal && { signal: options.signal }) };
  const made: Omit<IngestResult, 'seconds'> = { ...NOTHING_READ, failures: [], skipped: [] };
  for await (const event of guardMemory(
    files,
    (batch) =>
      collection.addFiles(
        batch.map(({ path }) => path),
        call,
      ),
    guard,
  )) {
    if (event.kind === 'skipped') made.skipped.push(event.skipped.item.id);
    else {
      Object.assign(made, plus(made, event.result));
      made.failures.push(...toFailures(event.result.failures));
    }
  }
  return made;
}
