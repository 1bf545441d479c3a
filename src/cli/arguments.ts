import type { Command } from 'commander';
import type { Filter, IdType, IndexOptions, Metric } from '../../lib/types.js';
import { UsageError } from './usage.js';

const METRICS: Record<Metric, true> = {
  l2: true,
  ip: true,
  cosine: true,
  l1: true,
  linf: true,
  lp: true,
  canberra: true,
  braycurtis: true,
  jensenshannon: true,
  jaccard: true,
};

function wrong(option: string, expected: string, actual: string): UsageError {
  return new UsageError(`${option}: expected ${expected}, found "${actual}"`, expected, actual);
}

/** A parser of whole numbers in a range, for commander. */
export function integer(option: string, min = 1, max = 2 ** 31 - 1): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw wrong(option, `a whole number from ${min} to ${max}`, text);
  };
}

/** A parser of numbers in a range, for commander. */
export function number(option: string, min = -Infinity, max = Infinity): (text: string) => number {
  const range = Number.isFinite(min) ? `a number from ${min} to ${max}` : 'a number';
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= min && value <= max) return value;
    throw wrong(option, range, text);
  };
}

export function metric(text: string): Metric {
  if (Object.hasOwn(METRICS, text)) return text as Metric;
  throw wrong('--metric', `one of ${Object.keys(METRICS).join(', ')}`, text);
}

export function idType(text: string): IdType {
  if (text === 'number' || text === 'bigint') return text;
  throw wrong('--id-type', 'number or bigint', text);
}

export const MAX_K = 2 ** 20;
export const threads = integer('--threads', 1, 1024);

/** The options that shape an index, with the names of `IndexOptions`. */
export interface KindOptions {
  type: string;
  metric?: Metric;
  metricArg?: number;
  idType?: IdType;
  m?: number;
  efConstruction?: number;
  efSearch?: number;
  nlist?: number;
  nprobe?: number;
}

export function addKindOptions(command: Command): Command {
  return command
    .option('--type <type>', 'auto, flat, hnsw, ivf, or a FAISS factory string such as "OPQ16,IVF256,PQ16"', 'auto')
    .option('--metric <metric>', 'l2 (squared), ip, cosine, l1, linf, ... (default: l2)', metric)
    .option('--id-type <type>', 'number (up to 2^53) or bigint (up to 2^63)', idType)
    .option('--m <n>', 'hnsw: links a node', integer('--m', 2, 512))
    .option('--ef-construction <n>', 'hnsw: candidates kept while building', integer('--ef-construction'))
    .option('--ef-search <n>', 'hnsw: candidates kept while searching', integer('--ef-search'))
    .option('--nlist <n>', 'ivf: number of lists (default: 4 * sqrt(n))', integer('--nlist'))
    .option('--nprobe <n>', 'ivf: lists visited by a search', integer('--nprobe'));
}

export function indexOptions(dim: number, options: KindOptions): IndexOptions {
  const { type, metric: chosen, idType: ids, m, efConstruction, efSearch, nlist, nprobe } = options;
  return {
    dim,
    type,
    ...(chosen !== undefined && { metric: chosen }),
    ...(ids !== undefined && { idType: ids }),
    ...(m !== undefined && { M: m }),
    ...(efConstruction !== undefined && { efConstruction }),
    ...(efSearch !== undefined && { efSearch }),
    ...(nlist !== undefined && { nlist }),
    ...(nprobe !== undefined && { nprobe }),
  };
}

/** `--filter-ids 1,2,3` and `--filter-range from:to` as one filter. */
export function filterOf(ids: string | undefined, range: string | undefined, type: IdType): Filter | undefined {
  const parts: Filter[] = [];
  if (ids !== undefined) {
    const numbers = ids.split(',').map((text) => id(text, '--filter-ids'));
    parts.push({ ids: type === 'bigint' ? numbers : numbers.map(Number) });
  }
  if (range !== undefined) {
    const [from, to, ...rest] = range.split(':');
    if (from === undefined || to === undefined || rest.length > 0) {
      throw wrong('--filter-range', 'from:to, such as 100:200', range);
    }
    const [low, high] = [id(from, '--filter-range'), id(to, '--filter-range')];
    parts.push({ range: type === 'bigint' ? [low, high] : [Number(low), Number(high)] });
  }
  return parts.length > 1 ? { and: parts } : parts[0];
}

function id(text: string, option: string): bigint {
  if (/^\s*\d+\s*$/.test(text)) return BigInt(text.trim());
  throw wrong(option, 'whole numbers', text);
}
