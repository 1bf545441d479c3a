/** The FAISS index of an open store: brought to the state of the database, and kept there. */
import { QuiverError, show } from '../../../lib/errors.js';
import { Index, type CallOptions, type IndexOptions } from '../../../lib/index.js';
import type { Opened } from '../backend.js';
import type { State, StoredModel } from './meta.js';
import type { Changes, ReaderCalls } from './reader.js';
import type { Remote } from '../../thread/rpc.js';
import { openSnapshot } from './snapshot.js';
import type { ChunkRange } from './document-writer.js';

export type IndexChoice = Omit<IndexOptions, 'dim' | 'metric' | 'metricArg' | 'idType'>;

/** Vectors that cross from the reader at once. */
const BATCH = 2_048;
/** Replaying more changes than this (or this part of all) into a graph takes longer than to start anew and grow it behind the scenes. */
const REPLAY = { most: 2_000, part: 0.1 };

export interface Source {
  folder: string;
  choice: IndexChoice;
  reader: Remote<ReaderCalls>;
}

export interface Ready {
  index: Index;
  /** The state of the database that the index holds. */
  state: State;
  opened: Opened;
  /** Chunks that differ from the snapshot on disk. */
  changed: number;
}

export async function newIndex(choice: IndexChoice, dim: number): Promise<Index> {
  const index = await Index.create({ ...choice, dim, metric: 'cosine' });
  if (index.stats().trained) return index;
  await index.close();
  const expected = "'auto', 'flat', 'hnsw' or another kind that needs no training";
  throw new QuiverError(
    'E_ARGUMENT',
    `index.type must be ${expected}, but is ${show(choice.type)}: a store grows from nothing. 'auto' trains by itself when it is time.`,
    { expected, actual: show(choice.type) },
  );
}

export function sizeOf(ranges: readonly ChunkRange[]): number {
  return ranges.reduce((sum, { count }) => sum + count, 0);
}

/** Takes chunks out of the index; those that are not in it do not matter. */
export async function removeChunks(index: Index, ranges: readonly ChunkRange[]): Promise<void> {
  const ids = new Float64Array(sizeOf(ranges));
  let n = 0;
  for (const { first, count } of ranges) for (let i = 0; i < count; i++) ids[n++] = first + i;
  if (n > 0) await index.remove(ids);
}

/** Adds the vectors of chunks `from` to `end - 1`, as the database has them. */
async function addFromDatabase(
  { reader }: Source,
  index: Index,
  { number, dim }: StoredModel,
  from: number,
  end: number,
  { signal }: CallOptions,
): Promise<number> {
  let added = 0;
  while (from < end) {
    const { ids, vectors } = await reader.call('vectors', { model: number, dim, from, limit: BATCH }, { signal });
    const last = ids.at(-1);
    if (last === undefined) break;
    const within = last < end ? ids.length : ids.findIndex((id) => id >= end);
    if (within === 0) break;
    await index.add(vectors.subarray(0, within * dim), { ids: ids.subarray(0, within), ...(signal && { signal }) });
    added += within;
    from = last + 1;
  }
  return added;
}

async function rebuild(source: Source, state: State, reason: string, options: CallOptions): Promise<Ready> {
  const index = await newIndex(source.choice, state.model.dim);
  try {
    const added = await addFromDatabase(source, index, state.model, 0, state.nextChunk, options);
    return { index, state, opened: { how: 'rebuilt', reason }, changed: added };
  } catch (error) {
    await index.close();
    throw error;
  }
}

/** Applies what happened since `from` chunks, in a state whose removals are listed. */
async function replay(
  source: Source,
  index: Index,
  { state, removed = [] }: Changes,
  nextChunk: number,
  options: CallOptions,
): Promise<number> {
  await removeChunks(index, removed);
  return addFromDatabase(source, index, state.model, nextChunk, state.nextChunk, options);
}

/** From the snapshot where it can be trusted, else from the vectors in the database. */
export async function openIndex(source: Source, state: State, options: CallOptions = {}): Promise<Ready> {
  if (state.generation === 0) {
    const index = await newIndex(source.choice, state.model.dim);
    return { index, state, opened: { how: 'created', reason: 'the store is new' }, changed: 0 };
  }
  const record = state.snapshot;
  if (record === undefined) return rebuild(source, state, 'there is no snapshot', options);
  if (record.model !== state.model.number) return rebuild(source, state, 'the snapshot is of another model', options);
  if (record.options !== JSON.stringify(source.choice)) {
    return rebuild(source, state, 'the options of the index have changed', options);
  }
  const changes = await source.reader.call('changes', record.generation, options);
  const now = changes.state;
  if (changes.removed === undefined || record.generation > now.generation) {
    return rebuild(
      source,
      now,
      `the snapshot is of generation ${String(record.generation)}, too far from ${String(now.generation)}`,
      options,
    );
  }
  const changed = sizeOf(changes.removed) + now.nextChunk - record.nextChunk;
  if (changed > Math.max(REPLAY.most, record.count * REPLAY.part)) {
    return rebuild(source, now, `${String(changed)} chunks changed since the snapshot`, options);
  }
  const index = await openSnapshot(source.folder, record, state.model.dim, options);
  if (typeof index === 'string') return rebuild(source, now, index, options);
  try {
    if (changed > 0) await replay(source, index, changes, record.nextChunk, options);
  } catch (error) {
    await index.close();
    throw error;
  }
  const opened: Opened =
    changed === 0
      ? { how: 'snapshot', reason: `${record.file} is up to date` }
      : { how: 'replayed', reason: `${String(changed)} chunks changed since ${record.file}` };
  return { index, state: now, opened, changed };
}

/** Brings an index that follows another process's writes to the present state; a new one where that is quicker or needed. */
export async function followIndex(source: Source, index: Index, known: State, options: CallOptions): Promise<Ready> {
  const changes = await source.reader.call('changes', known.generation, options);
  const { state, removed } = changes;
  const opened: Opened = { how: 'replayed', reason: 'refreshed' };
  if (state.generation === known.generation) return { index, state, opened, changed: 0 };
  if (removed === undefined || state.model.number !== known.model.number) return openIndex(source, state, options);
  const changed = await replay(source, index, changes, known.nextChunk, options);
  return { index, state, opened, changed };
}
