/** The index: what its users see. Each method hands its work to the function of the same name, with the index's handle. */
import { call, native } from './calls.js';
import { QuiverError, wrongArgument } from './errors.js';
import { exportFaiss, fromBuffer, importFaiss, open, save, toBuffer } from './files.js';
import { toGpu, type GpuIndex } from './gpu-index.js';
import { checkOpen, close, handleOf, now, type Handle } from './handle.js';
import { merge } from './merge.js';
import type { NativeIndex } from './native.js';
import { checkOptions } from './options.js';
import { allIds, get, has } from './read.js';
import { recommend } from './recommend.js';
import type { RangeResult, SearchResult } from './results.js';
import { range, search, searchSync } from './search.js';
import { statsOf } from './stats.js';
import { tune } from './tune.js';
import type {
  AddBatch,
  AddFromOptions,
  AddOptions,
  AddResult,
  CallOptions,
  GpuOptions,
  IdArray,
  IdsInput,
  IdType,
  ImportOptions,
  IndexOptions,
  IndexStats,
  LongCallOptions,
  MergeOptions,
  Metric,
  OpenOptions,
  RangeOptions,
  Recommendation,
  RecommendInput,
  SaveOptions,
  SearchOptions,
  SearchParams,
  TuneOptions,
  TuneResult,
  VectorsInput,
} from './types.js';
import { add, addFrom, compact, remove, reset, train } from './write.js';

/**
 * Vectors with ids, searched in this process. Made by {@link Index.create}, {@link Index.open},
 * {@link Index.importFaiss} or {@link Index.attach}.
 *
 * Every method that can take longer than 50 microseconds returns a promise and runs on other threads. Errors are
 * {@link QuiverError}s; after {@link Index.close} every call rejects with E_CLOSED.
 */
export class Index {
  readonly dim: number;
  readonly metric: Metric;
  readonly idType: IdType;
  readonly #handle: Handle;

  private constructor(native: NativeIndex) {
    if (typeof native?.stats !== 'function') {
      throw new QuiverError(
        'E_ARGUMENT',
        'An index is not made by new: use await Index.create({ dim }), Index.open(path) or Index.attach(token).',
        { expected: 'Index.create()', actual: 'new Index()' },
      );
    }
    this.#handle = handleOf(native);
    const { dim, metric, idType } = this.#handle;
    this.dim = dim;
    this.metric = metric;
    this.idType = idType;
  }

  /** E_RECEIVER when a method was torn off its index. */
  static #receiver(self: Index): Handle {
    if (typeof self === 'object' && self !== null && #handle in self) return self.#handle;
    throw new QuiverError('E_RECEIVER', 'The method was called without its index: use index.method(), or bind it.', {
      expected: 'an Index as `this`',
      actual: typeof self,
    });
  }

  /** What the calls work with; E_RECEIVER, or E_CLOSED. */
  static #of(self: Index): Handle {
    const handle = Index.#receiver(self);
    checkOpen(handle);
    return handle;
  }

  // --- makers

  /** An empty index. Errors: E_ARGUMENT, E_DIMENSION, E_RANGE, E_UNSUPPORTED, E_FAISS (an impossible factory string). */
  static async create(options: IndexOptions): Promise<Index> {
    const { spec, idType, note } = checkOptions(options);
    return new Index(
      await call((module, number) =>
        module.NativeIndex.create(number, spec, idType === 'bigint', JSON.stringify(note)),
      ),
    );
  }

  /**
   * Opens a file written by {@link Index.save}. Damage is E_CORRUPT before FAISS sees a byte; with `mmap` the vectors'
   * own bytes are checked in the background (or at once with `verify`). Errors: E_NOT_FOUND, E_CORRUPT, E_VERSION, E_IO.
   */
  static async open(path: string, options: OpenOptions = {}): Promise<Index> {
    return new Index(await open(path, options));
  }

  /** Opens the bytes that {@link Index.toBuffer} gave. The bytes are copied. */
  static async fromBuffer(bytes: Uint8Array, options: LongCallOptions = {}): Promise<Index> {
    return new Index(await fromBuffer(bytes, options));
  }

  /**
   * Opens a plain FAISS file or buffer, such as Python's faiss.write_index writes. It is first loaded in a throw-away
   * process, because hostile files crash FAISS; `trusted: true` leaves that out. Errors: E_CORRUPT, E_NOT_FOUND,
   * E_EXISTS (two vectors with one id), E_UNSUPPORTED.
   */
  static async importFaiss(source: string | Uint8Array, options: ImportOptions = {}): Promise<Index> {
    return new Index(await importFaiss(source, options));
  }

  /** Opens, in this worker_thread, the index that another thread of the process shares. Error: E_NOT_FOUND. */
  static attach(token: string): Index {
    if (typeof token !== 'string') throw wrongArgument('token', 'a string from share()', token);
    return new Index(now(() => native().NativeIndex.attach(token)));
  }

  /** Which kind of index fits n vectors, a memory budget and a recall target. */
  static recommend(input: RecommendInput): Recommendation {
    return recommend(input);
  }

  // --- state

  /** Vectors that a search can return. 0 once closed. */
  get count(): number {
    const { closing, native } = Index.#receiver(this);
    return closing === undefined ? native.count() : 0;
  }

  get closed(): boolean {
    return Index.#receiver(this).closing !== undefined;
  }

  stats(): IndexStats {
    return statsOf(Index.#of(this));
  }

  // --- writing

  /**
   * Teaches kinds with lists or codes the shape of the data (`n * dim` floats, a sample is enough). Others ignore it.
   * Errors: E_ARGUMENT (too few vectors, or the index holds some already), E_NOT_FINITE, E_FAISS.
   */
  async train(vectors: VectorsInput, options: LongCallOptions = {}): Promise<void> {
    return train(Index.#of(this), vectors, options);
  }

  /**
   * Adds `n * dim` floats. With ids, a vector whose id is there takes its place. The call is checked whole before
   * anything changes; when it is aborted, what was added until then stays.
   * Errors: E_DIMENSION, E_NOT_FINITE, E_NOT_TRAINED, E_EXISTS, E_RANGE, E_OUT_OF_MEMORY, E_ABORTED.
   */
  async add(vectors: VectorsInput, options: AddOptions = {}): Promise<AddResult> {
    return add(Index.#of(this), vectors, options);
  }

  /** As {@link Index.add}, with ids that must be given. */
  async upsert(vectors: VectorsInput, options: AddOptions & { ids: IdsInput }): Promise<AddResult> {
    const handle = Index.#of(this);
    if (options?.ids === undefined) throw wrongArgument('ids', 'one id for each vector', options?.ids);
    return add(handle, vectors, options);
  }

  /**
   * Adds batch after batch from a (async) iterable, one in memory at a time. When a batch is wrong, the source throws
   * or the signal fires, the source is ended and the batches before stay.
   */
  async addFrom(
    batches: AsyncIterable<AddBatch> | Iterable<AddBatch>,
    options: AddFromOptions = {},
  ): Promise<{ added: number; replaced: number }> {
    return addFrom(Index.#of(this), batches, options);
  }

  /** Removes vectors by id; ids that are not there do not count. Returns how many were removed. */
  async remove(ids: IdsInput, options: CallOptions = {}): Promise<number> {
    return remove(Index.#of(this), ids, options);
  }

  /** Removes all vectors. What was trained stays trained. */
  async reset(): Promise<void> {
    return reset(Index.#of(this));
  }

  /**
   * Moves all vectors of `other` here, where they replace those with the same ids; between two indexes without ids of
   * their own, or with `renumber`, they get new ones. `other` is empty afterwards and must be left alone until then.
   * When the call is aborted, each vector is in one of the two. Errors: E_ARGUMENT (another metric), E_DIMENSION,
   * E_ABORTED, those of {@link Index.add}.
   */
  async merge(other: Index, options: MergeOptions = {}): Promise<AddResult> {
    const handle = Index.#of(this);
    if (!(other instanceof Index)) throw wrongArgument('other', 'an Index', other);
    return merge(handle, Index.#of(other), options);
  }

  /** Takes the rows of removed vectors out of a graph or of lists now, instead of when they have become many. */
  async compact(options: LongCallOptions = {}): Promise<void> {
    return compact(Index.#of(this), options);
  }

  // --- reading

  /** For each id, whether it is there. */
  async has(ids: IdsInput): Promise<boolean[]> {
    return has(Index.#of(this), ids);
  }

  /** All ids, in no particular order. */
  async ids(options: CallOptions = {}): Promise<IdArray> {
    return allIds(Index.#of(this), options);
  }

  /** The vectors of m ids, `m * dim` floats (decoded where the index keeps codes; unit length for cosine). Error: E_NOT_FOUND. */
  async get(ids: IdsInput, options: CallOptions = {}): Promise<Float32Array> {
    return get(Index.#of(this), ids, options);
  }

  /**
   * The k nearest of each query (`n * dim` floats), best first, ties by lower id.
   * Errors: E_DIMENSION, E_RANGE (k from 1 to 1,048,576), E_NOT_FINITE, E_ARGUMENT, E_ABORTED.
   */
  async search(queries: VectorsInput, k = 10, options?: SearchOptions): Promise<SearchResult> {
    return search(Index.#of(this), queries, k, options);
  }

  /**
   * As {@link Index.search}, but blocks until the answer is there: for scripts and measurements. A batch uses all
   * threads. While a writer is at work it waits for the end of the writer's slice, a few milliseconds.
   */
  searchSync(queries: VectorsInput, k = 10, options?: SearchParams): SearchResult {
    return searchSync(Index.#of(this), queries, k, options);
  }

  /**
   * All vectors within `radius` of each query, its border included: squared distance at most (l2), similarity at least
   * (ip, cosine).
   * Exhaustive, except on lists, which visit `nprobe` of them. Error: E_UNSUPPORTED on FastScan kinds.
   */
  async range(queries: VectorsInput, radius: number, options: RangeOptions = {}): Promise<RangeResult> {
    return range(Index.#of(this), queries, radius, options);
  }

  // --- GPU

  /**
   * A copy of what the index holds now, on one or several GPUs: for large batches of queries. Later writes do not reach it;
   * copy again when there are enough of them. Flat indexes have a form on a GPU, and lists (ivf) with Flat, SQ8, SQ4, SQfp16 or PQ
   * of 8 bits; with l2, ip or cosine. Errors: E_NO_GPU with what is missing, E_UNSUPPORTED, E_RANGE, E_OUT_OF_MEMORY, E_ABORTED.
   */
  async toGpu(options: GpuOptions = {}): Promise<GpuIndex> {
    return toGpu(Index.#of(this), options);
  }

  // --- tuning

  /**
   * Sets efSearch or nprobe to the least value that reaches `recall` on held-out queries (or on a sample of the
   * index's own vectors), measured against an exact search. Error: E_RANGE when no value does.
   */
  async tune(options: TuneOptions): Promise<TuneResult> {
    return tune(Index.#of(this), options);
  }

  // --- files

  /** Writes the index to a file that is there whole or not at all, also when the power fails. Error: E_IO. */
  async save(path: string, options: SaveOptions = {}): Promise<{ bytes: number }> {
    return save(Index.#of(this), path, options);
  }

  /** The bytes that save() would write. */
  async toBuffer(options: LongCallOptions = {}): Promise<Buffer> {
    return toBuffer(Index.#of(this), options);
  }

  /** Writes a plain FAISS file, or returns its bytes: for Python's faiss.read_index. Own ids become an IndexIDMap2. */
  exportFaiss(): Promise<Buffer>;
  exportFaiss(path: string, options?: SaveOptions): Promise<{ bytes: number }>;
  async exportFaiss(path?: string, options: SaveOptions = {}): Promise<Buffer | { bytes: number }> {
    return exportFaiss(Index.#of(this), path, options);
  }

  // --- life

  /** A token with which another worker_thread of this process opens the same index by {@link Index.attach}. */
  share(): string {
    const { native } = Index.#of(this);
    return now(() => native.share());
  }

  /**
   * Waits for what goes on behind the scenes: moves between tiers (one that is due begins now, as after opening a file that was
   * saved before its move), compaction, the check of a mapped file.
   */
  async ready(): Promise<void> {
    const handle = Index.#of(this);
    handle.auto?.grow();
    await handle.auto?.settled();
    // Not a call that the close waits for: what it waits for ends with the close.
    if (handle.closing === undefined) await call((_, number) => handle.native.whenQuiet(number));
  }

  /** Waits for running work and frees the memory. Further calls reject with E_CLOSED; closing twice is fine. */
  async close(): Promise<void> {
    await close(Index.#receiver(this));
  }

  /** `using index = ...`: starts the close. */
  [Symbol.dispose](): void {
    void close(Index.#receiver(this));
  }

  /** `await using index = ...` */
  async [Symbol.asyncDispose](): Promise<void> {
    await close(Index.#receiver(this));
  }
}
