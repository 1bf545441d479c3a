/** Index options, checked, and what they come to in FAISS's terms. */
import { checkBoolean, checkInteger, outOfRange, QuiverError, show, wrongArgument } from './errors.js';
import type { NativeSpec } from './native.js';
import type { IdType, IndexOptions, Metric, SearchParams } from './types.js';

export const METRICS: readonly Metric[] = [
  'l2',
  'ip',
  'cosine',
  'l1',
  'linf',
  'lp',
  'canberra',
  'braycurtis',
  'jensenshannon',
  'jaccard',
];

export const MAX_DIM = 65_536;
export const MAX_K = 1 << 20;
export const MAX_EF = 1 << 20;
const MAX_NLIST = 1 << 22;

export const DEFAULT_HNSW = { M: 32, efConstruction: 200, efSearch: 64 } as const;

/** What the index was made with. Saved with it as its note, so that an opened index behaves as the first one did. */
export interface Note {
  version: 1;
  type: string;
  /** ivf without a fixed nlist: how many lists, decided when it is trained. */
  listsAtTraining?: { nprobe?: number };
  auto?: { policy: 'default' | 'guide'; memory?: number; recall?: number };
}

export interface Checked {
  spec: NativeSpec;
  idType: IdType;
  note: Note;
}

function oneOf<T extends string>(name: string, value: unknown, choices: readonly T[]): T {
  if (typeof value === 'string' && (choices as readonly string[]).includes(value)) return value as T;
  throw wrongArgument(name, `one of ${choices.join(', ')}`, value);
}

function optional(name: string, value: unknown, min: number, max: number): number | undefined {
  return value === undefined ? undefined : checkInteger(name, value, min, max);
}

export function checkMetric(value: unknown): Metric {
  return oneOf('metric', value, METRICS);
}

export function checkRecall(value: unknown): number {
  if (typeof value !== 'number') throw wrongArgument('recall', 'a number above 0 and up to 1', value);
  if (!(value > 0 && value <= 1)) throw outOfRange('recall', 'above 0 and up to 1', value);
  return value;
}

export function checkMemory(value: unknown): number {
  return checkInteger('memory', value, 1, Number.MAX_SAFE_INTEGER);
}

const KNOWN = new Set([
  'dim',
  'metric',
  'metricArg',
  'type',
  'idType',
  'M',
  'efConstruction',
  'efSearch',
  'nlist',
  'nprobe',
  'policy',
  'memory',
  'recall',
]);

/** Lists for n vectors: FAISS's own rule of thumb, 4 * sqrt(n), with at least 39 training vectors a list. */
export function listsFor(n: number): number {
  return Math.max(1, Math.min(Math.round(4 * Math.sqrt(n)), Math.floor(n / 39)));
}

/** Lists to visit by default. */
export function probesFor(nlist: number): number {
  return Math.max(1, Math.round(nlist / 32));
}

export function checkOptions(options: IndexOptions): Checked {
  if (typeof options !== 'object' || options === null) throw wrongArgument('options', 'an object with dim', options);
  for (const key of Object.keys(options)) {
    if (!KNOWN.has(key)) {
      throw new QuiverError('E_ARGUMENT', `There is no option "${key}". Known are ${[...KNOWN].join(', ')}.`, {
        expected: [...KNOWN].join(', '),
        actual: key,
      });
    }
  }
  // Only what is left out has a default: null is a mistake, and said to be one.
  const { metric = 'l2', idType = 'number', metricArg = 2, type = 'auto', policy = 'default' } = options;
  const dim = checkDim(options.dim);
  checkMetric(metric);
  oneOf('idType', idType, ['number', 'bigint']);
  oneOf('policy', policy, ['default', 'guide']);
  if (typeof metricArg !== 'number' || !(metricArg > 0 && metricArg <= 100)) {
    throw outOfRange('metricArg', 'above 0 and up to 100', metricArg);
  }
  if (typeof type !== 'string' || type === '') {
    throw wrongArgument('type', "'flat', 'hnsw', 'ivf', 'auto' or a FAISS factory string", type);
  }
  const M = optional('M', options.M, 2, 512) ?? DEFAULT_HNSW.M;
  const nlist = optional('nlist', options.nlist, 1, MAX_NLIST);
  const spec: NativeSpec = {
    dim,
    metric,
    metricArg,
    factory: type,
    efConstruction: optional('efConstruction', options.efConstruction, 1, MAX_EF) ?? 0,
    efSearch: optional('efSearch', options.efSearch, 1, MAX_EF) ?? 0,
    nprobe: optional('nprobe', options.nprobe, 1, MAX_NLIST) ?? 0,
  };
  const note: Note = { version: 1, type };
  const memory = options.memory === undefined ? undefined : checkMemory(options.memory);
  const recall = options.recall === undefined ? undefined : checkRecall(options.recall);
  if (type === 'flat') spec.factory = 'Flat';
  else if (type === 'auto') {
    spec.factory = 'Flat';
    note.auto = { policy, ...(memory !== undefined && { memory }), ...(recall !== undefined && { recall }) };
  } else if (type === 'hnsw') {
    spec.factory = `HNSW${String(M)},Flat`;
  } else if (type === 'ivf') {
    spec.factory = `IVF${String(nlist ?? 1)},Flat`;
    if (nlist === undefined) note.listsAtTraining = spec.nprobe === 0 ? {} : { nprobe: spec.nprobe };
    if (spec.nprobe === 0 && nlist !== undefined) spec.nprobe = probesFor(nlist);
  }
  if (/HNSW/i.test(spec.factory)) {
    if (spec.efConstruction === 0) spec.efConstruction = DEFAULT_HNSW.efConstruction;
    if (spec.efSearch === 0) spec.efSearch = DEFAULT_HNSW.efSearch;
  }
  return { spec, idType, note };
}

export function checkDim(dim: unknown): number {
  const expected = `an integer from 1 to ${MAX_DIM.toLocaleString('en')}`;
  if (typeof dim !== 'number' || !Number.isInteger(dim) || dim < 1 || dim > MAX_DIM) {
    throw new QuiverError('E_DIMENSION', `dim must be ${expected}, but is ${show(dim)}.`, {
      expected,
      actual: show(dim),
    });
  }
  return dim;
}

export function checkK(k: unknown): number {
  return checkInteger('k', k, 1, MAX_K);
}

/** Results of one call lie in memory twice for a moment: more than this is a mistake in n or k. */
const MAX_RESULTS = 2 ** 28;

export function checkResults(n: number, k: number): void {
  if (n * k <= MAX_RESULTS) return;
  throw new QuiverError(
    'E_RANGE',
    `n * k is too large for one call (${(n * k).toLocaleString('en')}): split the queries or lower k.`,
    {
      expected: `<= ${MAX_RESULTS.toLocaleString('en')}`,
      actual: (n * k).toLocaleString('en'),
    },
  );
}

/** Per-call parameters as numbers, 0 for "the index's own". */
export function checkSearch(options: SearchParams = {}): {
  efSearch: number;
  nprobe: number;
  exact: boolean;
  threads: number;
} {
  if (typeof options !== 'object' || options === null) throw wrongArgument('options', 'an object', options);
  const { exact = false } = options;
  checkBoolean('exact', exact);
  return {
    efSearch: optional('efSearch', options.efSearch, 1, MAX_EF) ?? 0,
    nprobe: optional('nprobe', options.nprobe, 1, MAX_NLIST) ?? 0,
    exact,
    threads: optional('threads', options.threads, 1, 1024) ?? 0,
  };
}

export function checkPath(name: string, path: unknown): string {
  if (typeof path !== 'string' || path === '') throw wrongArgument(name, 'a file path', path);
  if (path.includes('\0'))
    throw new QuiverError('E_ARGUMENT', `${name} holds a NUL character.`, { expected: 'a file path' });
  return path;
}

export function parseNote(text: string): Note {
  try {
    const note = JSON.parse(text) as Note;
    if (typeof note === 'object' && note !== null && note.version === 1) return note;
  } catch {
    // A note of another version, or of another writer: the index works without it.
  }
  return { version: 1, type: 'imported' };
}
