import { basename, join } from 'node:path';
import { fileError } from '../../vectors/errors.js';
import { openInputs, readAll } from '../index/inputs.js';
import { fashionMnist, FILES } from './fashion-mnist.js';

/** Vectors to index and to search with, in memory. */
export interface BenchData {
  name: string;
  dim: number;
  base: Float32Array;
  count: number;
  queries: Float32Array;
  queryCount: number;
}

const MAX_QUERIES = 10_000;

export interface DataOptions {
  /** `fashion-mnist` or a file of base vectors. */
  data: string;
  /** A file of queries. */
  queries?: string | undefined;
  /** Only the first base vectors. */
  limit?: number | undefined;
  signal: AbortSignal;
}

export async function loadData({ data, queries, limit, signal }: DataOptions): Promise<BenchData> {
  const files = await filesOf(data, queries, signal);
  const base = await load(files.base, limit, signal);
  const asked = await load(files.queries, MAX_QUERIES, signal);
  if (asked.dim !== base.dim) {
    throw fileError('E_DIMENSION', files.queries, 'the queries do not fit the base vectors', {
      expected: `${base.dim} numbers a vector, as in ${files.base}`,
      actual: String(asked.dim),
    });
  }
  return {
    name: data === 'fashion-mnist' ? data : basename(data),
    dim: base.dim,
    base: base.vectors,
    count: base.count,
    queries: asked.vectors,
    queryCount: asked.count,
  };
}

async function filesOf(
  data: string,
  queries: string | undefined,
  signal: AbortSignal,
): Promise<{ base: string; queries: string }> {
  if (data !== 'fashion-mnist') return { base: data, queries: queries ?? data };
  const folder = await fashionMnist(signal);
  return { base: join(folder, FILES.base), queries: queries ?? join(folder, FILES.queries) };
}

async function load(
  file: string,
  limit: number | undefined,
  signal: AbortSignal,
): Promise<{ vectors: Float32Array; dim: number; count: number }> {
  const inputs = await openInputs([file]);
  const parts: Float32Array[] = [];
  let length = 0;
  for await (const { vectors } of readAll(inputs, { signal, limit })) {
    parts.push(vectors);
    length += vectors.length;
  }
  if (length === 0) throw fileError('E_ARGUMENT', file, 'nothing to measure', { expected: 'vectors', actual: 'none' });
  const all = new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return { vectors: all, dim: inputs.dim, count: length / inputs.dim };
}
