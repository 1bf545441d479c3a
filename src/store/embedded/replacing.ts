/** New vectors for all chunks from another model, made while the old ones serve, then put in their place at once. */
import { checkInteger, QuiverError, wrongArgument } from '../../../lib/errors.js';
import type { EmbedBatch, ModelInfo, ReplaceOptions } from '../backend.js';
import { toUnit } from '../entry.js';
import type { Lane } from './lane.js';
import type { Live } from './live.js';
import type { StoredModel } from './meta.js';
import type { ReaderCalls } from './reader.js';
import type { Remote } from '../../thread/rpc.js';
import { newIndex, type IndexChoice } from './vector-index.js';
import type { WriterCalls } from './writer.js';

const READ_BATCH = 2_048;
const MAX_BATCH = 10_000;

export interface ReplaceContext {
  live: Live;
  lane: Lane;
  writer: Remote<WriterCalls>;
  reader: Remote<ReaderCalls>;
  choice: IndexChoice;
}

export async function replaceVectors(
  context: ReplaceContext,
  info: ModelInfo,
  embed: EmbedBatch,
  options: ReplaceOptions,
): Promise<{ chunks: number }> {
  const { live, lane, writer } = context;
  if (typeof embed !== 'function') throw wrongArgument('embed', 'a function', embed);
  const batch = checkInteger('batch', options.batch ?? 256, 1, MAX_BATCH);
  if (live.coming !== undefined) {
    throw new QuiverError('E_LOCKED', 'The vectors are being replaced already. Wait for that call, or abort it.', {
      expected: 'no other replaceVectors()',
      actual: 'one',
    });
  }
  live.coming = { index: await newIndex(context.choice, info.dim) };
  try {
    const model = await lane.alone(() => writer.call('beginModel', info), options.signal);
    await takeUp(context, model, options.signal);
    let from: number | undefined = 0;
    let end = 0;
    while (from !== undefined) {
      end = from;
      from = await step(context, model, embed, from, batch, options);
    }
    return await finish(context, model, embed, end, batch, options);
  } finally {
    // Where all went well the index is the one in use; otherwise its vectors are in the database for the next time.
    if (live.coming !== undefined) await live.coming.index.close();
    live.coming = undefined;
  }
}

/** Vectors that an earlier call has stored. */
async function takeUp(
  { live, reader }: ReplaceContext,
  { number, dim }: StoredModel,
  signal?: AbortSignal,
): Promise<void> {
  for (let from = 0; ;) {
    const { ids, vectors } = await reader.call('vectors', { model: number, dim, from, limit: READ_BATCH }, { signal });
    const last = ids.at(-1);
    if (last === undefined) return;
    await live.coming?.index.add(vectors, { ids });
    from = last + 1;
  }
}

/** Embeds one batch of what is left from chunk `from` on; returns where the next one begins, if there is one. */
async function step(
  context: ReplaceContext,
  model: StoredModel,
  embed: EmbedBatch,
  from: number,
  batch: number,
  { signal, onProgress }: ReplaceOptions,
): Promise<number | undefined> {
  const { reader, lane } = context;
  const { ids, chunks } = await reader.call('unembedded', { model: model.number, from, limit: batch }, { signal });
  const last = ids.at(-1);
  if (last === undefined) return undefined;
  const vectors = unit(await embed(chunks, { ...(signal && { signal }) }), ids.length, model.dim);
  await lane.alone(() => store(context, ids, vectors), signal);
  if (onProgress !== undefined)
    onProgress({ phase: 'embed', ...(await reader.call('progress', model.number, { signal })) });
  return last + 1;
}

async function store({ live, writer }: ReplaceContext, ids: Float64Array, vectors: Float32Array): Promise<void> {
  const kept = await writer.call('storeNext', { chunks: ids, vectors });
  if (kept.length === 0) return;
  const { dim } = live.coming?.index ?? { dim: 0 };
  const rows = new Float32Array(kept.length * dim);
  kept.forEach((at, i) => rows.set(vectors.subarray(at * dim, (at + 1) * dim), i * dim));
  await live.coming?.index.add(rows, { ids: Float64Array.from(kept, (at) => ids[at]) });
}

/** Writes wait: the few chunks that came meanwhile are embedded, and the models change places. */
function finish(
  context: ReplaceContext,
  model: StoredModel,
  embed: EmbedBatch,
  from: number,
  batch: number,
  { signal }: ReplaceOptions,
): Promise<{ chunks: number }> {
  const { live, lane, writer, reader } = context;
  return lane.alone(async () => {
    for (;;) {
      const { ids, chunks } = await reader.call('unembedded', { model: model.number, from, limit: batch }, { signal });
      const last = ids.at(-1);
      if (last === undefined) break;
      from = last + 1;
      await store(context, ids, unit(await embed(chunks, { ...(signal && { signal }) }), ids.length, model.dim));
    }
    const version = await writer.call('swapModel', undefined);
    const { snapshot, next, ...state } = live.state;
    const index = live.coming?.index;
    live.coming = undefined;
    live.publish({ ...state, model, ...version }, index?.count ?? 0, index);
    return { chunks: index?.count ?? 0 };
  }, signal);
}

function unit(vectors: unknown, count: number, dim: number): Float32Array {
  if (!(vectors instanceof Float32Array)) throw wrongArgument('what embed returned', 'a Float32Array', vectors);
  if (vectors.length !== count * dim) {
    throw new QuiverError(
      'E_DIMENSION',
      `embed must return ${String(count)} * ${String(dim)} numbers, but returned ${String(vectors.length)}.`,
      { expected: String(count * dim), actual: String(vectors.length) },
    );
  }
  const result = new Float32Array(vectors.length);
  for (let i = 0; i < count; i++) {
    if (toUnit(vectors, result, i * dim, dim)) continue;
    throw new QuiverError('E_NOT_FINITE', `embed returned NaN or infinity for text ${String(i)} of its batch.`, {
      expected: 'finite numbers',
      actual: 'NaN or infinity',
    });
  }
  return result;
}
