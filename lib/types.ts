/**
 * The shapes that cross the public boundary of `faiss-quiver`: options in, results out.
 * Nothing here runs; `Index` in index.ts is where each option is checked and used.
 */

/** `l2` is the squared Euclidean distance, as in FAISS. `ip` and `cosine` are similarities: larger is nearer. */
export type Metric =
  'l2' | 'ip' | 'cosine' | 'l1' | 'linf' | 'lp' | 'canberra' | 'braycurtis' | 'jensenshannon' | 'jaccard';

/** `number` ids are safe integers; `bigint` ids use the whole of int64. */
export type IdType = 'number' | 'bigint';
export type Id = number | bigint;
/** Ids as a caller may give them. */
export type IdsInput =
  | readonly number[]
  | readonly bigint[]
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Uint32Array
  | ReadonlySet<number>
  | ReadonlySet<bigint>;
/** Ids as results give them: `Float64Array` for `idType: 'number'`, `BigInt64Array` for `'bigint'`. -1 marks an empty place. */
export type IdArray = Float64Array | BigInt64Array;

/** `n * dim` floats in a row, one vector, or an array of vectors of `dim` numbers each. */
export type VectorsInput = Float32Array | readonly number[] | readonly (readonly number[] | Float32Array)[];

/**
 * Which ids a search may return. `range` is half-open, `[from, to)`. In `bitmap`, bit `id & 7` of byte `id >> 3`
 * stands for the id, as in FAISS's IDSelectorBitmap.
 */
export type Filter =
  | { ids: IdsInput }
  | { range: readonly [from: Id, to: Id] }
  | { bitmap: Uint8Array }
  | { and: readonly Filter[] }
  | { or: readonly Filter[] }
  | { not: Filter };

/** `flat`, `hnsw`, `ivf`, `auto`, or any FAISS factory string, such as `OPQ16,IVF256,PQ16` or `HNSW32,SQ8`. */
export type IndexType = 'flat' | 'hnsw' | 'ivf' | 'auto' | (string & {});

export interface IndexOptions {
  /** Numbers in one vector, 1 to 65,536. */
  dim: number;
  /** Default `l2`. */
  metric?: Metric;
  /** The exponent of `metric: 'lp'`. Default 2. */
  metricArg?: number;
  /** Default `auto`. */
  type?: IndexType;
  /** Default `number`. */
  idType?: IdType;
  /** hnsw: links a node on the upper layers (twice that on the lowest). Default 32. */
  M?: number;
  /** hnsw: candidates kept while building. Default 200. */
  efConstruction?: number;
  /** hnsw: candidates kept while searching. Default 64. A search may override it. */
  efSearch?: number;
  /** ivf: number of lists. Default 4 * sqrt(n) at the first training. */
  nlist?: number;
  /** ivf: lists visited by a search. Default max(1, nlist / 32). A search may override it. */
  nprobe?: number;
  /** auto: which tiers it grows through. `guide` is flat < 1,000 <= ivf sqrt(n) < 10,000 <= hnsw 32/200/100. */
  policy?: 'default' | 'guide';
  /** auto: bytes the index may take. Default: half of what the machine (or container) has. */
  memory?: number;
  /** auto: recall@10 to aim for. Default 0.95. */
  recall?: number;
}

export interface CallOptions {
  /** Aborting rejects with E_ABORTED (its `cause` is `signal.reason`). */
  signal?: AbortSignal;
}

export interface Progress {
  /** What is being done: 'add', 'train', 'merge', 'rebuild', 'save', 'export', 'open' (reading), 'verify' (checksums). */
  phase: string;
  /** Vectors or bytes done so far. */
  done: number;
  /** Vectors or bytes in all; 0 where it is not known. */
  total: number;
}

export interface LongCallOptions extends CallOptions {
  /** Called at most every 50 ms, and once at the end. */
  onProgress?: (progress: Progress) => void;
}

export interface AddOptions extends LongCallOptions {
  /** One id a vector. Without them, ids continue from the highest so far. A present id is replaced. */
  ids?: IdsInput;
  /** What to do when an id is there already. Default `replace`; `error` refuses the whole call with E_EXISTS. */
  existing?: 'replace' | 'error';
}

export interface AddResult {
  /** The id of each vector given, in order. */
  ids: IdArray;
  /** Vectors whose id was new. */
  added: number;
  /** Vectors that took the place of an older one. */
  replaced: number;
}

export interface MergeOptions extends LongCallOptions {
  /**
   * Give the vectors that come over new ids. Default: only where neither index has ids of its own, so that both just
   * count their vectors; `false` then replaces those with the same number.
   */
  renumber?: boolean;
}

/** One batch of `addFrom`: vectors alone, or with their ids. */
export type AddBatch = VectorsInput | { vectors: VectorsInput; ids?: IdsInput };

export interface AddFromOptions extends LongCallOptions {
  /** Vectors expected in all, for the progress report. */
  total?: number;
}

export interface SearchParams {
  /** hnsw: candidates kept. */
  efSearch?: number;
  /** ivf: lists visited. */
  nprobe?: number;
  /** Only these ids. */
  filter?: Filter;
  /** Threads for this call. Default: all that the library has. */
  threads?: number;
  /** Compare with every vector instead of using the graph or the lists. */
  exact?: boolean;
}
export interface SearchOptions extends SearchParams, CallOptions {}

export interface GpuOptions extends CallOptions {
  /** Numbers of the GPUs, as CUDA counts them. Default `[0]`, or all of them when `mode` is given. */
  devices?: readonly number[];
  /**
   * With several GPUs. `replicas`: each holds all vectors and answers a part of the queries; `shards`: each holds a part of
   * the vectors, and the hits are merged. Default `replicas`.
   */
  mode?: 'replicas' | 'shards';
  /**
   * Flat, and lists of whole vectors: halves of 16 bits, which take half the memory; numbers past 65,504 overflow. IVF-PQ:
   * tables of 16 bits, which more than 48 bytes a code need. Default false.
   */
  float16?: boolean;
}

export interface GpuSearchOptions extends CallOptions {
  /** ivf: lists visited, 2,048 at most. Default: what the index had when it was copied. */
  nprobe?: number;
}

export interface Hit<T extends Id = Id> {
  id: T;
  /** Squared distance (l2), inner product (ip), cosine in [-1, 1] (cosine), or the metric's own value. */
  distance: number;
}

export interface RangeOptions extends CallOptions {
  nprobe?: number;
  filter?: Filter;
}

export interface SaveOptions extends LongCallOptions {}

export interface OpenOptions extends LongCallOptions {
  /**
   * Map the file instead of reading it: opens in milliseconds, pages come in as they are used. Default false.
   *
   * `'vectors'`: the same, but a graph of whole vectors gets its codes in memory (dim / 2 bytes a vector at most, dim more for
   * whole numbers from 0 to 255), made in the background from one reading of the file. It is then searched as fast as one in
   * memory, and a search touches some 3 * k vectors of the file instead of all that it meets. Exact searches get theirs
   * ({@link IndexStats.derivedBytes}) after 64 queries, as they do without mmap.
   */
  mmap?: boolean | 'vectors';
  /** Check every byte before answering, with mmap too. Default: true without mmap, false with it. */
  verify?: boolean;
  /** Load the file in a throw-away process first: for files from others. Default false. */
  untrusted?: boolean;
}

export interface ImportOptions extends LongCallOptions {
  idType?: IdType;
  /** Inner-product files of unit vectors may be opened as `cosine`. */
  metric?: Metric;
  /** Skip the throw-away process that loads the file first: only for files that you wrote yourself. Default false. */
  trusted?: boolean;
}

export interface TuneOptions extends CallOptions {
  /** Recall@k to reach. */
  recall: number;
  /** `n * dim` held-out queries; without them, a sample of the index's own vectors with their own id left out. */
  queries?: VectorsInput;
  /** Default 10. */
  k?: number;
}
export interface TuneResult {
  parameter: 'efSearch' | 'nprobe' | 'none';
  value: number;
  /** Recall@k measured with that value. */
  recall: number;
  k: number;
  queries: number;
}

export interface RecommendInput {
  n: number;
  dim: number;
  metric?: Metric;
  /** Bytes that the index may take. Default: half of what the machine (or container) has. */
  memory?: number;
  /** Recall@10 to aim for. Default 0.95. */
  recall?: number;
  /** Some of the vectors, `m * dim`: whole numbers from 0 to 255, as of images, take more in a graph, which nothing else tells. */
  sample?: VectorsInput;
}
export interface Recommendation {
  /** A FAISS factory string, such as `HNSW32,Flat`. */
  factory: string;
  type: 'flat' | 'hnsw' | 'ivf';
  M?: number;
  efConstruction?: number;
  efSearch?: number;
  nlist?: number;
  nprobe?: number;
  /** Bytes that the index will take with n vectors. */
  bytes: number;
  /** Why this one. */
  reason: string;
}

export interface IndexStats {
  dim: number;
  metric: Metric;
  idType: IdType;
  /** The FAISS factory string of what runs now. */
  factory: string;
  /** The kind of index that runs now. */
  kind: string;
  /** Vectors that a search can return. */
  count: number;
  /** Vectors marked as removed and not yet swept. */
  deleted: number;
  trained: boolean;
  /** Bytes of vectors, graph with its codes, lists and ids, in memory or mapped. */
  bytes: number;
  /**
   * Bytes of codes that exact searches of whole vectors go by, on top of `bytes`: made in the background after 64 queries,
   * where they make searches faster, and gone with the index. 0 until then.
   */
  derivedBytes: number;
  /** True where the vectors are read from a mapped file. */
  mapped: boolean;
  /** Goes up with every change. */
  generation: number;
  efSearch?: number;
  efConstruction?: number;
  M?: number;
  nlist?: number;
  nprobe?: number;
  /** Present on `type: 'auto'`. */
  auto?: { policy: 'default' | 'guide'; tier: string; reason: string; rebuilding: boolean };
}
