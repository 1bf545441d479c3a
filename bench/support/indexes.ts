/** The indexes that several benchmarks search, built once a run and kept as plain FAISS files, which C++ reads too. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Index } from '../../lib/index.js';
import type { IndexOptions } from '../../lib/index.js';
import { benchData } from './data.js';
import type { Data } from './data.js';
import type { Context } from './report.js';

export type Kind = 'flat' | 'hnsw';
export const KINDS: readonly Kind[] = ['flat', 'hnsw'];
/** Neighbours asked for, everywhere. */
export const K = 10;

/** In a quick run the index is smaller. */
const QUICK_COUNT = 10_000;

export function kindOptions(kind: Kind, dim: number): IndexOptions {
  return kind === 'flat' ? { dim, type: 'flat' } : { dim, type: 'hnsw', M: 32, efConstruction: 200, efSearch: 64 };
}

export async function loadBase(context: Context): Promise<Data> {
  return benchData(context.quick ? QUICK_COUNT : undefined);
}

const WARM_UP = 500;

/** Asks until the codes of exact search have come, where they pay: they are made in the background. */
export async function codesOf(index: Index, { dim, queries }: Pick<Data, 'dim' | 'queries'>): Promise<void> {
  await index.search(queries.subarray(0, Math.min(WARM_UP * dim, queries.length)), K);
  for (let i = 0; i < 200 && index.stats().derivedBytes === 0; i++) await sleep(100);
}

/** Waits for the codes of an index that was just opened, by which its graph is walked: they are made in the background. */
export async function codesOfOpened(index: Index): Promise<void> {
  const { bytes, mapped } = index.stats();
  for (let i = 0; i < 200 && !mapped && index.stats().bytes === bytes; i++) await sleep(100);
}

/** The FAISS file of one kind over the base vectors. */
export async function indexFile(kind: Kind, data: Data, context: Context): Promise<string> {
  const file = join(context.folder, `${kind}.faiss`);
  if (existsSync(file)) return file;
  context.say(`building ${kind} over ${data.count} x ${data.dim}`);
  const index = await Index.create(kindOptions(kind, data.dim));
  await index.add(data.base);
  await index.exportFaiss(file);
  await index.close();
  return file;
}

export async function openIndex(kind: Kind, data: Data, context: Context): Promise<Index> {
  return Index.importFaiss(await indexFile(kind, data, context), { trusted: true });
}

/** Queries as plain floats, for the programs beside Node. */
export async function queryFile(data: Data, context: Context): Promise<string> {
  const file = join(context.folder, 'queries.f32');
  const { buffer, byteOffset, byteLength } = data.queries;
  if (!existsSync(file)) await writeFile(file, new Uint8Array(buffer, byteOffset, byteLength));
  return file;
}

/** Views of single queries, made outside of what is timed. */
export function singleQueries({ queries, dim, queryCount }: Data): Float32Array[] {
  return Array.from({ length: queryCount }, (_, i) => queries.subarray(i * dim, (i + 1) * dim));
}
