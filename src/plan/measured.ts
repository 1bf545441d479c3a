/** Capacity by measuring: a sample of real documents goes in on this machine, half and whole, and the plan is drawn through both. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkCall } from '../../lib/calls.js';
import { checkInteger, checkObject, QuiverError, wrongArgument } from '../../lib/errors.js';
import type { CallOptions, LongCallOptions } from '../../lib/index.js';
import { DEFAULT_HNSW } from '../../lib/options.js';
import { recommend } from '../../lib/recommend.js';
import { Collection } from '../collection/collection.js';
import { fittedFolder } from '../collection/model.js';
import type { Document } from '../document/types.js';
import { DEFAULT_MODEL } from '../embed/models/registry.js';
import { memoryUse } from '../monitor/resources.js';
import type { StoreOptions } from '../store/backend.js';
import { lawsOf } from './laws.js';
import { checkNeed, type Need } from './need.js';
import { probe } from './probe.js';
import { FEWEST, sampleOfCollection, sampleOfFiles, type Sample } from './sample.js';
import { coresFor, shardsFor } from './shards.js';
import type { MeasuredPlan, MeasureOptions, Reading } from './types.js';

type IndexChoice = NonNullable<StoreOptions['index']>;

const KNOWN = [
  ...['documents', 'qps', 'peak', 'collection', 'files', 'sample', 'model', 'index', 'memory', 'shardBytes'],
  ...['signal', 'onProgress'],
];
const DEFAULT_SAMPLE = 400;
const SHARD_BYTES = 16 * 2 ** 30;
const QUERIES = 100;
const LOAD_SECONDS = 1.5;
/** Beyond so many times the sample, a time is the order of magnitude. */
const FAR = 50;

interface Checked extends Required<Need> {
  sample: number;
  index: IndexChoice;
  memory: number;
  shardBytes: number;
}

function check(options: MeasureOptions): Checked {
  const need = checkNeed(options, KNOWN);
  checkCall({
    ...(options.signal !== undefined && { signal: options.signal }),
    ...(options.onProgress !== undefined && { onProgress: options.onProgress }),
  });
  const { collection, files, model, index = { type: 'auto' } } = options;
  if (collection !== undefined && !(collection instanceof Collection)) {
    throw wrongArgument('collection', 'an open Collection', collection);
  }
  if (collection !== undefined && files !== undefined) {
    throw new QuiverError('E_ARGUMENT', 'Documents come from a collection or from files: give one of the two.', {
      expected: 'collection or files',
      actual: 'both',
    });
  }
  if (model !== undefined && (typeof model !== 'string' || model === '')) {
    // The measuring process opens it again, and an open model does not travel.
    throw wrongArgument('model', 'the name or folder of a model', model);
  }
  checkObject('index', index);
  return {
    ...need,
    index,
    sample: checkInteger('sample', options.sample ?? DEFAULT_SAMPLE, FEWEST, 100_000),
    memory: checkInteger('memory', options.memory ?? memoryUse().limit, 2 ** 20, 2 ** 50),
    shardBytes: checkInteger('shardBytes', options.shardBytes ?? SHARD_BYTES, 2 ** 20, 2 ** 50),
  };
}

/** A fitted model lies in the folder of its collection. */
function modelOf({ model, collection }: MeasureOptions): string {
  if (model !== undefined || collection === undefined) return model ?? DEFAULT_MODEL;
  const { name, fingerprint } = collection.backend.model;
  const fitted = fittedFolder(collection.folder, fingerprint);
  return existsSync(fitted) ? fitted : name;
}

interface Wanted {
  factory: string;
  /** How the sample's index is built. */
  choice: IndexChoice;
  /** Bytes of an index of that kind with n vectors, as far as is known without measuring; else 0. */
  bytes: (n: number) => number;
}

/** The kind at the full size, so that the sample is of that kind, too: an automatic one would be a flat one at the sample's size. */
function wantedIndex(index: IndexChoice, chunks: number, dim: number): Wanted {
  const { type = 'auto', memory, recall } = index;
  const ask = (n: number) =>
    recommend({
      ...{ n: Math.min(n, 2 ** 31 - 1), dim, metric: 'cosine' },
      ...(memory !== undefined && { memory }),
      ...(recall !== undefined && { recall }),
    });
  if (type !== 'auto' || index.policy === 'guide') return { factory: type, choice: index, bytes: () => 0 };
  const best = ask(Math.max(1, Math.round(chunks)));
  const perVector = best.bytes / Math.max(1, Math.round(chunks));
  const bytes = (n: number): number => perVector * n;
  if (best.factory === 'Flat') return { factory: best.factory, choice: { type: 'flat' }, bytes };
  if (best.factory === `HNSW${String(DEFAULT_HNSW.M)},Flat`) {
    const efSearch = best.efSearch === undefined ? {} : { efSearch: best.efSearch };
    return { factory: best.factory, choice: { type: 'hnsw', ...efSearch }, bytes };
  }
  // Kinds that are trained: the sample stays what an automatic index is at its size.
  return { factory: best.factory, choice: index, bytes };
}

/** Several words that stand together in a chunk, as people ask; the same ones each time. */
export function queriesFrom(documents: readonly Document[]): string[] {
  const texts = documents.flatMap(({ chunks }) => chunks.map(({ text }) => text));
  const step = Math.max(1, texts.length / QUERIES);
  return Array.from({ length: QUERIES }, (_, i) => {
    const words = (texts[Math.floor(i * step) % texts.length] ?? '').match(/[\p{L}\p{N}]{3,20}/gu) ?? [];
    const from = Math.floor(words.length / 3);
    return words.slice(from, from + 3 + (i % 6)).join(' ') || 'how is it used';
  });
}

interface Place {
  folder: string;
  model: string;
  choice: IndexChoice;
}

/** Seconds that it took to embed and store, until the index was whole. */
export async function fill(place: Place, documents: readonly Document[], options: LongCallOptions): Promise<number> {
  const { folder, model, choice } = place;
  const { signal, onProgress } = options;
  const call = signal === undefined ? {} : { signal };
  const collection = await Collection.open(folder, { model, index: choice, cache: false, ...call });
  try {
    const began = performance.now();
    await collection.add(documents, { ...call, ...(onProgress !== undefined && { onProgress }) });
    await collection.ready();
    return (performance.now() - began) / 1000;
  } finally {
    await collection.close();
  }
}

async function measureBoth(
  place: Place,
  { documents }: Sample,
  { signal, onProgress }: LongCallOptions,
): Promise<{ half: Reading; all: Reading; seconds: number }> {
  const call = signal === undefined ? {} : { signal };
  const middle = Math.ceil(documents.length / 2);
  const queries = queriesFrom(documents);
  const readings: Reading[] = [];
  let seconds = 0;
  for (const [from, to] of [
    [0, middle],
    [middle, documents.length],
  ] as const) {
    const progress = (done: number): void => onProgress?.({ phase: 'add', done: from + done, total: documents.length });
    seconds += await fill(place, documents.slice(from, to), { ...call, onProgress: ({ done }) => progress(done) });
    onProgress?.({ phase: 'ask', done: to, total: documents.length });
    const { folder, model, choice } = place;
    readings.push(await probe({ folder, model, index: choice, queries, loadSeconds: LOAD_SECONDS }, call));
  }
  const [half, all] = readings as [Reading, Reading];
  return { half, all, seconds };
}

async function dimOf(model: string, call: CallOptions): Promise<{ name: string; dim: number }> {
  const { openModel } = await import('../embed/models/open.js');
  const embedder = await openModel(model, call);
  const { model: name, dim } = embedder;
  await embedder.close();
  return { name, dim };
}

function notesOf(scale: number, readSeconds: number, factory: string, all: Reading): string[] {
  return [
    ...(scale > FAR
      ? [
          `The plan is ${scale.toFixed(0)} times the sample: sizes hold, times are an order of magnitude. A larger sample says more.`,
        ]
      : []),
    ...(readSeconds === 0 ? ['Reading and cutting files was not measured: the documents came from a collection.'] : []),
    ...(factory !== all.factory && !factory.startsWith(all.factory) && /IVF|SQ8/.test(factory)
      ? [`The sample was measured as ${all.factory}; ${factory} needs more vectors to be trained.`]
      : []),
    'Memory is that of serving. While an index changes its kind or is compacted, the old and the new one are held.',
  ];
}

/**
 * Measures on this machine, with real documents and the model and index in question, and predicts what `documents` of them take.
 * Errors: E_ARGUMENT, E_RANGE (also of too few documents), E_NOT_FOUND, E_ABORTED, E_IO.
 */
export async function planMeasured(options: MeasureOptions): Promise<MeasuredPlan> {
  const { documents, qps, peak, sample: most, index, memory, shardBytes } = check(options);
  const { collection, files, signal, onProgress } = options;
  const call = signal === undefined ? {} : { signal };
  onProgress?.({ phase: 'read', done: 0, total: 0 });
  // First, since a model that is not there is known at once.
  const model = modelOf(options);
  const { name, dim } = await dimOf(model, call);
  const sample =
    collection === undefined
      ? await sampleOfFiles(files, most, call)
      : await sampleOfCollection(collection, most, call);
  const chunks = documents * sample.chunksPerDocument;
  const { factory, choice, bytes } = wantedIndex(index, chunks, dim);
  const folder = await mkdtemp(join(tmpdir(), 'quiver-plan-'));
  try {
    const { half, all, seconds } = await measureBoth({ folder, model, choice }, sample, {
      ...call,
      ...(onProgress !== undefined && { onProgress }),
    });
    const laws = lawsOf(half, all, {
      factory: index.type === undefined || index.type === 'auto' ? factory : all.factory,
      bytes,
    });
    const shards = shardsFor(chunks, laws, { memoryBytes: memory, shardBytes });
    const ingestSeconds = seconds + sample.readSeconds;
    const scale = chunks / all.chunks;
    return {
      ...{ documents, qps, peak },
      setting: {
        ...{ model: name, dim, source: sample.source, shardBytes },
        index: index.type === undefined || index.type === 'auto' ? factory : all.factory,
        cores: availableParallelism(),
        memoryBytes: memory,
      },
      measured: {
        ...{ half, all },
        documentsPerMinute: (60 * all.documents) / ingestSeconds,
        chunksPerSecond: all.chunks / ingestSeconds,
      },
      predicted: {
        ...laws.at(chunks),
        chunksPerDocument: sample.chunksPerDocument,
        buildSeconds: (ingestSeconds / all.chunks) * chunks,
        cores: coresFor(qps * peak, chunks, shards.count, laws),
        ...{ shards, scale },
      },
      notes: notesOf(scale, sample.readSeconds, factory, all),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
