/** Which kind of index fits n vectors, a memory budget and a recall target: the rules behind `type: 'auto'`. */
import { totalmem } from 'node:os';

import { checkInteger, wrongArgument } from './errors.js';
import { checkDim, checkMemory, checkMetric, checkRecall, DEFAULT_HNSW, listsFor, probesFor } from './options.js';
import type { Metric, Recommendation, RecommendInput } from './types.js';
import { toVectors } from './vectors.js';

/** Under this many vectors (or floats), comparing with all is quick and exact. */
const FLAT_VECTORS = 10_000;
const FLAT_FLOATS = 1_000_000;
/** GraphCodes::kFewest of native/core. */
const FEWEST_WITH_CODES = 1_000;

/** Half of what the machine, or the container's limit, has. */
export function defaultMemory(): number {
  const limit = process.constrainedMemory();
  const total = totalmem();
  return Math.floor((limit !== undefined && limit > 0 && limit < total ? limit : total) / 2);
}

/** Bytes of a graph over n nodes: links of the lowest level, links of the upper ones (1 / (M - 1) as many nodes), tables. */
function graphBytes(n: number, M: number): number {
  return Math.round(n * (4 * (2 * M + M / (M - 1)) + 12));
}

/**
 * Bytes of the codes that a graph of whole vectors is walked by, in rows of whole registers: 8 bits a component below 128,
 * 4 bits above, of 256 axes and their basis past 512. Vectors of whole numbers from 0 to 255 have bytes beside them.
 */
function codeBytes(n: number, dim: number, whole: boolean): number {
  if (n < FEWEST_WITH_CODES) return 0;
  const bytes = n * (64 * Math.ceil(dim / 64) + 4);
  if (dim < 128) return bytes;
  const beside = whole ? bytes : 0;
  if (dim <= 512) return beside + n * (64 * Math.ceil(dim / 128) + 4);
  return beside + n * (128 + 4) + 256 * 64 * Math.ceil(dim / 64);
}

/** Whether all of a sample are whole numbers from 0 to 255. */
function isWhole({ data }: { data: Float32Array }): boolean {
  return data.every((value) => value >= 0 && value <= 255 && Number.isInteger(value));
}

/** efSearch that reaches a recall@10 with M = 32, efConstruction = 200 on image and text embeddings of 60,000 vectors. */
function efFor(recall: number): number {
  if (recall <= 0.9) return 32;
  if (recall <= 0.95) return 64;
  if (recall <= 0.98) return 128;
  return recall <= 0.99 ? 200 : 400;
}

/** The divisor of dim nearest to dim / 4: bytes of a product-quantised vector. */
function quantizerBytes(dim: number): number {
  for (let bytes = Math.max(1, Math.floor(dim / 4)); bytes > 1; bytes--) {
    if (dim % bytes === 0) return bytes;
  }
  return 1;
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toLocaleString('en', { maximumFractionDigits: 1 })} MiB`;
}

/** FAISS keeps the products of centroids and codes for l2, as long as they take no more than 2 GiB. */
function distanceTables(nlist: number, code: number, metric: Metric): number {
  const bytes = nlist * code * 256 * 4;
  return metric === 'l2' && bytes <= 2 ** 31 ? bytes : 0;
}

/** The kinds that come into question beside flat, the largest first. */
export function candidates(n: number, dim: number, recall: number, metric: Metric, whole = false): Recommendation[] {
  const { M, efConstruction } = DEFAULT_HNSW;
  const efSearch = efFor(recall);
  const nlist = listsFor(Math.max(n, 39));
  const nprobe = Math.min(nlist, Math.ceil(probesFor(nlist) * (recall > 0.95 ? 2 : 1)));
  const graph = { type: 'hnsw' as const, M, efConstruction, efSearch };
  const lists = { type: 'ivf' as const, nlist, nprobe };
  const centroids = nlist * dim * 4;
  const code = quantizerBytes(dim);
  return [
    {
      factory: `HNSW${String(M)},Flat`,
      ...graph,
      bytes: n * dim * 4 + graphBytes(n, M) + codeBytes(n, dim, whole),
      reason: 'a graph over whole vectors: the fastest at high recall',
    },
    {
      factory: `HNSW${String(M)},SQ8`,
      ...graph,
      bytes: n * dim + graphBytes(n, M),
      reason: 'a graph over 8-bit vectors: whole ones do not fit the memory',
    },
    {
      factory: `IVF${String(nlist)},SQ8`,
      ...lists,
      bytes: n * (dim + 8) + centroids,
      reason: 'lists of 8-bit vectors: a graph does not fit the memory',
    },
    {
      factory: `IVF${String(nlist)},PQ${String(code)}`,
      ...lists,
      bytes: n * (code + 8) + centroids + 256 * dim * 4 + distanceTables(nlist, code, metric),
      reason: `lists of ${String(code)}-byte codes: 8-bit vectors do not fit the memory`,
    },
  ];
}

export function recommend(input: RecommendInput): Recommendation {
  if (typeof input !== 'object' || input === null) {
    throw wrongArgument('input', 'an object with n and dim', input);
  }
  const { metric = 'l2', recall = 0.95, memory = defaultMemory() } = input;
  const n = checkInteger('n', input.n, 0, 2 ** 31 - 1);
  const dim = checkDim(input.dim);
  checkMetric(metric);
  checkRecall(recall);
  checkMemory(memory);
  // Those of a cosine index are normalised.
  const whole = input.sample !== undefined && isWhole(toVectors('sample', input.sample, dim)) && metric !== 'cosine';
  const flat: Recommendation = {
    factory: 'Flat',
    type: 'flat',
    bytes: n * dim * 4,
    reason: `${n.toLocaleString('en')} vectors are few enough to compare with all of them, exactly`,
  };
  if (metric !== 'l2' && metric !== 'ip' && metric !== 'cosine') {
    return { ...flat, reason: `FAISS knows the metric ${metric} on flat indexes only` };
  }
  if (flat.bytes <= memory && (n < FLAT_VECTORS || n * dim < FLAT_FLOATS || recall === 1)) return flat;
  const choices = candidates(n, dim, recall, metric, whole);
  const fitting = choices.find((choice) => choice.bytes <= memory);
  if (fitting) return { ...fitting, reason: `${fitting.reason} (${megabytes(fitting.bytes)} of ${megabytes(memory)})` };
  const smallest = [flat, ...choices].reduce((least, choice) => (choice.bytes < least.bytes ? choice : least));
  return {
    ...smallest,
    reason: `the smallest kind, but it needs ${megabytes(smallest.bytes)} and there are ${megabytes(memory)}: split the data or use a larger machine`,
  };
}
