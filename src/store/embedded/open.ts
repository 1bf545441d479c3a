/** Opening a store: lock, database and model first, then the vector index. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { checkCall } from '../../../lib/calls.js';
import { checkInteger, wrongArgument } from '../../../lib/errors.js';
import type { Backend, ModelInfo, StoreOptions } from '../backend.js';
import { checkModel, describeModel, modelMismatch } from '../errors.js';
import { Lane } from './lane.js';
import { Live } from './live.js';
import type { ReaderCalls, ReaderData } from './reader.js';
import { SnapshotKeeper } from './snapshot-keeper.js';
import { sweepSnapshots } from './snapshot.js';
import { closeThreads, EmbeddedStore, type Parts } from './store.js';
import { startStoreThread } from './upkeep.js';
import { openIndex } from './vector-index.js';
import type { WriterCalls } from './writer.js';

/** Bytes that the posting lists of one reader may take: those of a few hundred thousand chunks. */
const POSTINGS_BYTES = 64 << 20;
const MAX_READERS = 16;

/**
 * Opens the store in a folder, or makes it. Errors: E_LOCKED (another writer), E_MODEL_MISMATCH, E_CORRUPT, E_VERSION, E_NOT_FOUND, E_IO.
 */
export async function openStore(folder: string, options: StoreOptions = {}): Promise<Backend> {
  if (typeof folder !== 'string' || folder === '') throw wrongArgument('folder', 'a path', folder);
  checkCall(options);
  const { model, readOnly = false, create = !readOnly, signal } = options;
  if (model !== undefined) checkModel('model', model);
  const path = resolve(folder);
  const count = checkInteger('readers', options.readers ?? Math.min(2, availableParallelism()), 1, MAX_READERS);
  const writer = readOnly
    ? undefined
    : startStoreThread<WriterCalls>({
        role: 'writer',
        folder: path,
        create,
        verify: options.verify ?? false,
        ...(model !== undefined && { model: { name: model.name, fingerprint: model.fingerprint, dim: model.dim } }),
      });
  const forReading: ReaderData = { role: 'reader', folder: path, postings: POSTINGS_BYTES };
  const check = options.verify === true ? 'all' : 'cheap';
  const reader = startStoreThread<ReaderCalls>(readOnly ? { ...forReading, check } : forReading);
  const searchers = Array.from({ length: count - 1 }, () => startStoreThread<ReaderCalls>(forReading));
  try {
    const state = await (writer?.call('open', undefined, { signal }) ?? reader.call('state', undefined, { signal }));
    if (model !== undefined) checkSame(path, state.model, model);
    const choice = options.index ?? { type: 'auto' };
    const live = new Live(await openIndex({ folder: path, choice, reader }, state, { signal }));
    const warn = options.onWarning ?? (() => undefined);
    const [first = reader, ...more] = searchers;
    const parts: Parts = { folder: path, choice, reader, searchers: [first, ...more], live };
    if (writer === undefined) return new EmbeddedStore(parts);
    await sweepSnapshots(path, state.snapshot?.file).catch((error: unknown) =>
      warn(`Old snapshots stay: ${String(error)}`),
    );
    const keeper = new SnapshotKeeper(path, live, choice, writer, warn);
    const lane = new Lane(writer, live, warn);
    lane.afterCommit = () => keeper.whenDue(lane);
    // An index that was closed before it had grown into its kind goes on with it.
    live.index.ready().catch((error: unknown) => {
      if (!live.index.closed) warn(`The index stays as it is: ${String(error)}`);
    });
    return new EmbeddedStore({ ...parts, writing: { writer, lane, keeper } });
  } catch (error) {
    await closeThreads(writer, [reader, ...searchers]);
    throw error;
  }
}

function checkSame(path: string, stored: ModelInfo, given: ModelInfo): void {
  const { name, fingerprint, dim } = given;
  if (stored.name === name && stored.fingerprint === fingerprint && stored.dim === dim) return;
  throw modelMismatch(
    `The vectors in ${path} were made by`,
    describeModel(stored),
    describeModel(given),
    'Open it with the model that made them, or open it without a model and call replaceVectors() to embed its documents with the other one.',
  );
}
