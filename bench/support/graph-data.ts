/** The vectors on which graphs of several libraries are compared: images by L2, sentences by cosine, and a million made-up ones by L2. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { OnnxEmbedder } from '../../src/embed/onnx/onnx-embedder.js';
import { benchData, mulberry32 } from './data.js';
import { gaussianClusters } from './gaussian-clusters.js';
import { passages } from './passages.js';
import type { Context } from './report.js';
import { CachedEmbedder } from './vector-cache.js';

export interface GraphData {
  /** A word for file names. */
  key: string;
  name: string;
  dim: number;
  /** Vectors for cosine have length 1: every library then compares by inner product. */
  metric: 'l2' | 'cosine';
  base: Float32Array;
  /** The first half for choosing, the second for showing. */
  queries: Float32Array;
}

/** What a report says of the data. */
export function shapeOf({ name, dim, base }: GraphData): { data: string; base: number; dim: number } {
  return { data: name, base: base.length / dim, dim };
}

const queryCount = (quick: boolean): number => (quick ? 500 : 2_000);
const MODEL = 'all-MiniLM-L6-v2-int8';

async function images(quick: boolean): Promise<GraphData> {
  const { name, dim, base, queries } = await benchData(quick ? 5_000 : undefined);
  return { key: 'images', name, dim, metric: 'l2', base, queries: queries.subarray(0, queryCount(quick) * dim) };
}

/** Descriptions of packages, embedded once and kept; some are queries and not in the base. */
async function sentences({ quick, say }: Context): Promise<GraphData | string> {
  const folder = resolve(process.env.QUIVER_SHARED ?? '../shared', 'models', MODEL);
  if (!existsSync(folder)) return `sentences were left out: models/${MODEL} is not in QUIVER_SHARED`;
  const { name, lines } = passages();
  const embedder = await CachedEmbedder.open(await OnnxEmbedder.open(folder));
  try {
    const some = quick ? lines.slice(0, 3_000) : lines;
    say(`embedding ${name}`);
    const vectors = await embedder.embed(some);
    const { dim } = embedder;
    const order = shuffled(some.length);
    const count = Math.min(queryCount(quick), Math.floor(some.length / 10));
    const take = (rows: readonly number[]): Float32Array => {
      const out = new Float32Array(rows.length * dim);
      rows.forEach((row, i) => out.set(vectors.subarray(row * dim, (row + 1) * dim), i * dim));
      return out;
    };
    return {
      key: 'sentences',
      name: `${name}, MiniLM`,
      dim,
      metric: 'cosine',
      queries: take(order.slice(0, count)),
      base: take(order.slice(count)),
    };
  } finally {
    await embedder.close();
  }
}

function shuffled(count: number): number[] {
  const random = mulberry32(17);
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  return order;
}

function million(quick: boolean): GraphData {
  const count = quick ? 20_000 : 1_000_000;
  const centres = count / 100;
  const { dim, base, queries } = gaussianClusters(count, queryCount(quick), centres);
  const name = `${count.toLocaleString('en')} made-up vectors in ${centres.toLocaleString('en')} clusters`;
  return { key: 'million', name, dim, metric: 'l2', base, queries };
}

/** Each made only when its turn has come: together they are more than a small machine has. */
export const GRAPH_DATA: Record<'images' | 'sentences' | 'million', (context: Context) => Promise<GraphData | string>> =
  {
    images: ({ quick }) => images(quick),
    sentences,
    million: ({ quick }) => Promise.resolve(million(quick)),
  };
