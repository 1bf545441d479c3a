/** The index: typed, checked, asynchronous. Each method has its counterpart of the same name in native/binding/index. */
import { AutoTier } from './auto.js';
import { call, checkCall, native } from './calls.js';
import { fromNative, QuiverError, wrongArgument } from './errors.js';
import { toSteps } from './filter.js';
import { Gather } from './gather.js';
import { toIds } from './ids.js';
import { tryInChild } from './import.js';
import type { NativeIndex, NativeSpec } from './native.js';
import {
  checkK,
  checkMetric,
  checkOptions,
  checkPath,
  checkRecall,
  checkResults,
  checkSearch,
  listsFor,
  parseNote,
  probesFor,
  type Note,
} from './options.js';
import { recommend } from './recommend.js';
import { RangeResult, SearchResult } from './results.js';
import { tune } from './tune.js';
import type {
  AddBatch,
  AddFromOptions,
  AddOptions,
  AddResult,
  CallOptions,
  Id,
  IdArray,
  IdsInput,
  IdType,
  ImportOptions,
  IndexOptions,
  IndexStats,
  LongCallOptions,
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
import { checkBuffer, checkQuery, stageBytes, stageVectors, toVectors } from './vectors.js';

/** A single search over so many floats at most takes a few microseconds: handing it to a thread would take longer. */
const INLINE_FLOATS = 16_384;
const SCRATCH_K = 4_096;
/** Queries of a large batch are handed over in pieces of this many floats: the first are answered while the rest is copied. */
const PIECE_FLOATS = 1 << 20;
const TUNE_SAMPLE = 500;

interface Found {
  ids: IdArray;
  distances: Float32Array;
}

interface Scratch {
  query: Float32Array;
  numbers: Float64Array;
  bigints: BigInt64Array;
  distances: Float32Array;
}
let scratch: Scratch | undefined;

function sharedScratch(): Scratch {
  if (scratch === undefined) {
    const { query, ids, distances } = native().scratch();
    scratch = { query, numbers: new Float64Array(ids), bigints: new BigInt64Array(ids), distances };
  }
  return scratch;
}

/** Runs a synchronous native call; its failure becomes a QuiverError. */
function now<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw fromNative(error);
  }
}

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
  readonly #native: NativeIndex;
  readonly #gather: Gather;
  readonly #auto: AutoTier | undefined;
  #note: Note;
  #closed: Promise<void> | undefined;

  private constructor(handle: NativeIndex) {
    const stats = handle.stats();
    this.#native = handle;
    this.dim = stats.dim;
    this.metric = stats.metric as Metric;
    this.idType = stats.bigintIds ? 'bigint' : 'number';
    this.#note = parseNote(stats.note);
    this.#gather = new Gather(handle, stats.dim);
    if (this.#note.auto) this.#auto = new AutoTier(handle, this.#note.auto, this.#spec('Flat'));
  }

  #spec(factory: string): NativeSpec {
    const { dim, metric } = this;
    return { dim, metric, metricArg: 2, factory, efConstruction: 0, efSearch: 0, nprobe: 0 };
  }

  /** E_RECEIVER when a method was torn off its index. */
  static #receiver(self: Index): void {
    if (typeof self !== 'object' || self === null || !(#native in self)) {
      throw new QuiverError('E_RECEIVER', 'The method was called without its index: use index.method(), or bind it.', {
        expected: 'an Index as `this`',
        actual: typeof self,
      });
    }
  }

  /** The addon's object behind `self`, or E_RECEIVER, or E_CLOSED. */
  static #of(self: Index): NativeIndex {
    Index.#receiver(self);
    if (self.#closed !== undefined) {
      throw new QuiverError('E_CLOSED', 'The index is closed.', { expected: 'an open index', actual: 'a closed one' });
    }
    return self.#native;
  }

  // --- makers

  /** An empty index. Errors: E_ARGUMENT, E_DIMENSION, E_RANGE, E_UNSUPPORTED, E_FAISS (an impossible factory string). */
  static async create(options: IndexOptions): Promise<Index> {
    const { spec, idType, note } = checkOptions(options);
    return new Index(
      await call<NativeIndex>((module, number) =>
        module.NativeIndex.create(number, spec, idType === 'bigint', JSON.stringify(note)),
      ),
    );
  }

  /**
   * Opens a file written by {@link Index.save}. Damage is E_CORRUPT before FAISS sees a byte; with `mmap` the vectors'
   * own bytes are checked in the background (or at once with `verify`). Errors: E_NOT_FOUND, E_CORRUPT, E_VERSION, E_IO.
   */
  static async open(path: string, options: OpenOptions = {}): Promise<Index> {
    checkPath('path', path);
    checkCall(options);
    const { mmap = false, verify = !mmap, untrusted = false } = options;
    if (untrusted) await tryInChild('quiver', { path }, options.signal);
    return new Index(
      await call<NativeIndex>((module, number) => module.NativeIndex.open(number, path, mmap, verify), options, true),
    );
  }

  /** Opens the bytes that {@link Index.toBuffer} gave. The bytes are copied. */
  static async fromBuffer(bytes: Uint8Array, options: LongCallOptions = {}): Promise<Index> {
    checkCall(options);
    const staging = await stageBytes('bytes', bytes, options.signal);
    return new Index(
      await call<NativeIndex>((module, number) => module.NativeIndex.fromBuffer(number, staging), options, true),
    );
  }

  /**
   * Opens a plain FAISS file or buffer, such as Python's faiss.write_index writes. It is first loaded in a throw-away
   * process, because hostile files crash FAISS; `trusted: true` leaves that out. Errors: E_CORRUPT, E_NOT_FOUND,
   * E_EXISTS (two vectors with one id), E_UNSUPPORTED.
   */
  static async importFaiss(source: string | Uint8Array, options: ImportOptions = {}): Promise<Index> {
    checkCall(options);
    const { metric, idType = 'number', trusted = false, signal } = options;
    if (metric !== undefined) checkMetric(metric);
    if (idType !== 'number' && idType !== 'bigint') throw wrongArgument('idType', "'number' or 'bigint'", idType);
    const isPath = typeof source === 'string';
    if (isPath) checkPath('source', source);
    if (!trusted) await tryInChild('faiss', isPath ? { path: source } : { bytes: source }, signal);
    const input = isPath ? source : await stageBytes('source', source, signal);
    const note: Note = { version: 1, type: 'imported' };
    return new Index(
      await call<NativeIndex>(
        (module, number) =>
          module.NativeIndex.importFaiss(number, input, metric, idType === 'bigint', JSON.stringify(note)),
        options,
        true,
      ),
    );
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
    Index.#receiver(this);
    return this.#closed === undefined ? this.#native.count() : 0;
  }

  get closed(): boolean {
    Index.#receiver(this);
    return this.#closed !== undefined;
  }

  stats(): IndexStats {
    const stats = Index.#of(this).stats();
    const graph = /HNSW/.test(stats.kind);
    const lists = /IVF/.test(stats.kind);
    return {
      dim: stats.dim,
      metric: this.metric,
      idType: this.idType,
      factory: stats.factory,
      kind: stats.kind,
      count: stats.count,
      deleted: stats.deleted,
      trained: stats.trained,
      bytes: stats.bytes,
      mapped: stats.mapped,
      generation: stats.generation,
      ...(graph && { M: stats.M, efConstruction: stats.efConstruction, efSearch: stats.efSearch }),
      ...(lists && { nlist: stats.nlist, nprobe: stats.nprobe }),
      ...(this.#auto && {
        auto: {
          policy: this.#auto.policy,
          tier: stats.factory,
          reason: this.#auto.reason,
          rebuilding: this.#auto.rebuilding,
        },
      }),
    };
  }

  // --- writing

  /**
   * Teaches kinds with lists or codes the shape of the data (`n * dim` floats, a sample is enough). Others ignore it.
   * Errors: E_ARGUMENT (too few vectors, or the index holds some already), E_NOT_FINITE, E_FAISS.
   */
  async train(vectors: VectorsInput, options: LongCallOptions = {}): Promise<void> {
    const handle = Index.#of(this);
    checkCall(options);
    const { data, n } = toVectors('vectors', vectors, this.dim);
    const staging = await stageVectors('vectors', data, this.dim, options.signal);
    let spec: NativeSpec | undefined;
    if (this.#note.listsAtTraining === true) {
      const nlist = listsFor(n);
      spec = { ...this.#spec(`IVF${String(nlist)},Flat`), nprobe: handle.stats().nprobe };
      if (spec.nprobe <= 1) spec.nprobe = probesFor(nlist);
    }
    await call<void>((_, number) => handle.train(number, staging, spec), options);
  }

  /**
   * Adds `n * dim` floats. With ids, a vector whose id is there takes its place. The call is checked whole before
   * anything changes; when it is aborted, what was added until then stays.
   * Errors: E_DIMENSION, E_NOT_FINITE, E_NOT_TRAINED, E_EXISTS, E_RANGE, E_OUT_OF_MEMORY, E_ABORTED.
   */
  async add(vectors: VectorsInput, options: AddOptions = {}): Promise<AddResult> {
    const handle = Index.#of(this);
    checkCall(options);
    const { existing = 'replace' } = options;
    if (existing !== 'replace' && existing !== 'error')
      throw wrongArgument('existing', "'replace' or 'error'", existing);
    const { data, n } = toVectors('vectors', vectors, this.dim);
    const ids = options.ids === undefined ? undefined : toIds('ids', options.ids, this.idType);
    if (ids !== undefined && ids.length !== n) {
      throw new QuiverError(
        'E_DIMENSION',
        `There must be one id for each vector: ${String(n)}, but there are ${String(ids.length)}.`,
        {
          expected: String(n),
          actual: String(ids.length),
        },
      );
    }
    const staging = await stageVectors('vectors', data, this.dim, options.signal);
    const result = await call<AddResult>(
      (_, number) => handle.add(number, staging, ids, existing === 'error'),
      options,
    );
    if (this.#closed === undefined) this.#auto?.grow();
    return result;
  }

  /** As {@link Index.add}, with ids that must be given. */
  async upsert(vectors: VectorsInput, options: AddOptions & { ids: IdsInput }): Promise<AddResult> {
    Index.#of(this);
    if (options?.ids === undefined) throw wrongArgument('ids', 'one id for each vector', options?.ids);
    return this.add(vectors, options);
  }

  /** Adds batch after batch from a (async) iterable, one in memory at a time. */
  async addFrom(
    batches: AsyncIterable<AddBatch> | Iterable<AddBatch>,
    options: AddFromOptions = {},
  ): Promise<{ added: number; replaced: number }> {
    Index.#of(this);
    checkCall(options);
    const { signal, onProgress, total = 0 } = options;
    const iterable = batches as Partial<AsyncIterable<AddBatch> & Iterable<AddBatch>> | null | undefined;
    if (typeof iterable?.[Symbol.asyncIterator] !== 'function' && typeof iterable?.[Symbol.iterator] !== 'function') {
      throw wrongArgument('batches', 'an iterable or async iterable of vectors', batches);
    }
    let added = 0;
    let replaced = 0;
    for await (const batch of batches) {
      if (typeof batch !== 'object' || batch === null)
        throw wrongArgument('a batch', 'vectors, or { vectors, ids }', batch);
      const plain = batch instanceof Float32Array || Array.isArray(batch);
      const { vectors, ids } = plain
        ? { vectors: batch, ids: undefined }
        : (batch as { vectors: VectorsInput; ids?: IdsInput });
      const result = await this.add(vectors, { ...(ids !== undefined && { ids }), ...(signal && { signal }) });
      added += result.added;
      replaced += result.replaced;
      onProgress?.({ phase: 'add', done: added + replaced, total });
    }
    return { added, replaced };
  }

  /** Removes vectors by id; ids that are not there do not count. Returns how many were removed. */
  async remove(ids: IdsInput, options: CallOptions = {}): Promise<number> {
    const handle = Index.#of(this);
    checkCall(options);
    const list = toIds('ids', ids, this.idType);
    return call<number>((_, number) => handle.remove(number, list), options);
  }

  /** Removes all vectors. What was trained stays trained. */
  async reset(): Promise<void> {
    const handle = Index.#of(this);
    await call<void>((_, number) => handle.reset(number));
  }

  /** Moves all vectors of `other` here; it is empty afterwards. Two indexes without ids of their own get new ids here. */
  async merge(other: Index, options: LongCallOptions = {}): Promise<AddResult> {
    const handle = Index.#of(this);
    checkCall(options);
    if (!(other instanceof Index)) throw wrongArgument('other', 'an Index', other);
    const source = Index.#of(other);
    if (other === this) throw wrongArgument('other', 'another index than this one', 'itself');
    if (other.dim !== this.dim) {
      throw new QuiverError(
        'E_DIMENSION',
        `The other index has dim ${String(other.dim)}, this one ${String(this.dim)}.`,
        {
          expected: String(this.dim),
          actual: String(other.dim),
        },
      );
    }
    if (other.metric !== this.metric) throw wrongArgument("other's metric", this.metric, other.metric);
    const renumber = handle.stats().implicitIds && source.stats().implicitIds;
    const all = await other.ids();
    const step = Math.max(1, Math.floor(PIECE_FLOATS / this.dim));
    const merged: AddResult = { ids: this.#newIds(all.length), added: 0, replaced: 0 };
    for (let at = 0; at < all.length; at += step) {
      const part = all.subarray(at, at + step);
      const vectors = await other.get(part as IdsInput);
      const { signal } = options;
      const result = await this.add(vectors, {
        ...(!renumber && { ids: part as IdsInput }),
        ...(signal && { signal }),
      });
      (merged.ids as Float64Array).set(result.ids as Float64Array, at);
      merged.added += result.added;
      merged.replaced += result.replaced;
      options.onProgress?.({ phase: 'merge', done: at + part.length, total: all.length });
    }
    await other.remove(all as IdsInput);
    return merged;
  }

  /** Takes the rows of removed vectors out of a graph or of lists now, instead of when they have become many. */
  async compact(options: LongCallOptions = {}): Promise<void> {
    const handle = Index.#of(this);
    await call<void>((_, number) => handle.rebuild(number, undefined), options);
  }

  // --- reading

  /** For each id, whether it is there. */
  async has(ids: IdsInput): Promise<boolean[]> {
    const handle = Index.#of(this);
    const list = toIds('ids', ids, this.idType);
    const present = await call<Uint8Array>((_, number) => handle.has(number, list), {}, true);
    return Array.from(present, (value) => value === 1);
  }

  /** All ids, in no particular order. */
  async ids(options: CallOptions = {}): Promise<IdArray> {
    const handle = Index.#of(this);
    checkCall(options);
    return call<IdArray>((_, number) => handle.ids(number), options, true);
  }

  /** The vectors of m ids, `m * dim` floats (decoded where the index keeps codes; unit length for cosine). Error: E_NOT_FOUND. */
  async get(ids: IdsInput, options: CallOptions = {}): Promise<Float32Array> {
    const handle = Index.#of(this);
    checkCall(options);
    const list = toIds('ids', ids, this.idType);
    return call<Float32Array>((_, number) => handle.get(number, list), options, true);
  }

  /**
   * The k nearest of each query (`n * dim` floats), best first, ties by lower id.
   * Errors: E_DIMENSION, E_RANGE (k from 1 to 1,048,576), E_NOT_FINITE, E_ARGUMENT, E_ABORTED.
   */
  async search(queries: VectorsInput, k = 10, options?: SearchOptions): Promise<SearchResult> {
    const handle = Index.#of(this);
    checkK(k);
    if (options !== undefined) checkCall(options);
    const { efSearch, nprobe, exact, threads } = checkSearch(options ?? {});
    const { data, n } = toVectors('queries', queries, this.dim);
    if (n === 1 && threads === 0 && options?.filter === undefined) {
      checkQuery(data);
      if (k <= SCRATCH_K) {
        const inline = this.#searchOne(handle, data, k, efSearch, nprobe, exact, INLINE_FLOATS);
        if (inline !== undefined) return inline;
      }
      if (options?.signal === undefined) return this.#gather.search(data, k, efSearch, nprobe, exact);
    }
    const filter = options?.filter === undefined ? undefined : toSteps(options.filter, this.idType);
    const ask = (part: Float32Array, count: number): Promise<Found> =>
      call<Found>(
        (_, number) => handle.search(number, part, count, k, efSearch, nprobe, exact, threads, filter),
        options,
        true,
      );
    checkResults(n, k);
    const step = Math.max(1, Math.floor(PIECE_FLOATS / this.dim));
    if (n <= step) {
      const { ids, distances } = await ask(data, n);
      return new SearchResult(n, k, ids, distances);
    }
    return this.#searchInPieces(data, n, k, step, ask);
  }

  async #searchInPieces(
    data: Float32Array,
    n: number,
    k: number,
    step: number,
    ask: (part: Float32Array, count: number) => Promise<Found>,
  ): Promise<SearchResult> {
    const parts: Promise<Found>[] = [];
    for (let at = 0; at < n; at += step) {
      if (at > 0) await new Promise((resolve) => setImmediate(resolve));
      const count = Math.min(step, n - at);
      if (data.length !== n * this.dim) {
        await Promise.allSettled(parts);
        throw new QuiverError('E_ARGUMENT', 'queries was transferred or resized while it was read.', {
          expected: 'an array left alone until the promise settles',
          actual: `${String(data.length)} numbers left`,
        });
      }
      const found = ask(data.subarray(at * this.dim, (at + count) * this.dim), count);
      found.catch(() => undefined); // awaited below; until then a rejection is not unhandled
      parts.push(found);
    }
    const ids = this.#newIds(n * k);
    const distances = new Float32Array(n * k);
    let at = 0;
    for (const part of parts) {
      const found = await part;
      (ids as Float64Array).set(found.ids as Float64Array, at);
      distances.set(found.distances, at);
      at += found.distances.length;
    }
    return new SearchResult(n, k, ids, distances);
  }

  /** One query through memory shared with native code. With a limit: undefined when it would take long or have to wait. */
  #searchOne(
    handle: NativeIndex,
    query: Float32Array,
    k: number,
    efSearch: number,
    nprobe: number,
    exact: boolean,
    limit: number,
  ): SearchResult | undefined {
    const shared = scratch ?? sharedScratch();
    shared.query.set(query);
    try {
      if (!handle.searchOne(k, efSearch, nprobe, exact, limit)) return undefined;
    } catch (error) {
      throw fromNative(error);
    }
    const ids = this.idType === 'bigint' ? shared.bigints.slice(0, k) : shared.numbers.slice(0, k);
    return new SearchResult(1, k, ids, shared.distances.slice(0, k));
  }

  /**
   * As {@link Index.search}, but blocks until the answer is there: for scripts and measurements. A batch uses all
   * threads. While a writer is at work it waits for the end of the writer's slice, a few milliseconds.
   */
  searchSync(queries: VectorsInput, k = 10, options?: SearchParams): SearchResult {
    const handle = Index.#of(this);
    checkK(k);
    if (options === undefined && k <= SCRATCH_K && queries instanceof Float32Array && queries.length === this.dim) {
      checkBuffer('queries', queries);
      checkQuery(queries);
      return this.#searchOne(handle, queries, k, 0, 0, false, 0) as SearchResult;
    }
    const { data, n } = toVectors('queries', queries, this.dim);
    checkResults(n, k);
    const { efSearch, nprobe, exact, threads } = checkSearch(options ?? {});
    const filter = options?.filter === undefined ? undefined : toSteps(options.filter, this.idType);
    const ids = this.#newIds(n * k);
    const distances = new Float32Array(n * k);
    now(() => handle.searchSync(data, n, k, efSearch, nprobe, exact, threads, filter, ids, distances));
    return new SearchResult(n, k, ids, distances);
  }

  /**
   * All vectors within `radius` of each query, its border included: squared distance at most (l2), similarity at least
   * (ip, cosine).
   * Exhaustive, except on lists, which visit `nprobe` of them. Error: E_UNSUPPORTED on FastScan kinds.
   */
  async range(queries: VectorsInput, radius: number, options: RangeOptions = {}): Promise<RangeResult> {
    const handle = Index.#of(this);
    checkCall(options);
    if (typeof radius !== 'number') throw wrongArgument('radius', 'a number', radius);
    if (!Number.isFinite(Math.fround(radius))) {
      throw new QuiverError('E_RANGE', `radius must be finite, but is ${String(radius)}.`, {
        expected: 'a finite number',
        actual: String(radius),
      });
    }
    const { nprobe } = checkSearch({ nprobe: options.nprobe });
    const { data, n } = toVectors('queries', queries, this.dim);
    const filter = options.filter === undefined ? undefined : toSteps(options.filter, this.idType);
    const { offsets, ids, distances } = await call<Found & { offsets: Float64Array }>(
      (_, number) => handle.range(number, data, n, radius, nprobe, filter),
      options,
      true,
    );
    return new RangeResult(offsets, ids, distances);
  }

  #newIds(length: number): IdArray {
    return this.idType === 'bigint' ? new BigInt64Array(length) : new Float64Array(length);
  }

  // --- tuning

  /**
   * Sets efSearch or nprobe to the least value that reaches `recall` on held-out queries (or on a sample of the
   * index's own vectors), measured against an exact search. Error: E_RANGE when no value does.
   */
  async tune(options: TuneOptions): Promise<TuneResult> {
    const handle = Index.#of(this);
    checkCall(options);
    const recall = checkRecall(options?.recall);
    const k = checkK(options.k ?? 10);
    const { kind, nlist, count } = this.#kind();
    let own: Id[] | undefined;
    let queries: Float32Array;
    if (options.queries !== undefined) queries = toVectors('queries', options.queries, this.dim).data;
    else {
      const all = await this.ids();
      const step = Math.max(1, Math.floor(all.length / TUNE_SAMPLE));
      own = (Array.from(all as ArrayLike<Id>) as Id[]).filter((_, i) => i % step === 0).slice(0, TUNE_SAMPLE);
      queries = await this.get(own as IdsInput);
    }
    const tuned = await tune(
      {
        parameter: kind,
        max: kind === 'nprobe' ? nlist : Math.max(count, 1),
        search: (q, places, params) =>
          this.search(q, places, { ...params, ...(options.signal && { signal: options.signal }) }),
      },
      queries,
      own,
      recall,
      k,
      options.signal,
    );
    const efSearch = tuned.parameter === 'efSearch' ? tuned.value : 0;
    const nprobe = tuned.parameter === 'nprobe' ? tuned.value : 0;
    await call<void>((_, number) => handle.setParameters(number, 0, efSearch, nprobe));
    return { ...tuned, queries: queries.length / this.dim };
  }

  #kind(): { kind: 'efSearch' | 'nprobe' | 'none'; nlist: number; count: number } {
    const { kind, nlist, count } = Index.#of(this).stats();
    return { kind: kind === 'HNSW' ? 'efSearch' : kind.startsWith('IVF') ? 'nprobe' : 'none', nlist, count };
  }

  // --- files

  /** Writes the index to a file that is there whole or not at all, also when the power fails. Error: E_IO. */
  async save(path: string, options: SaveOptions = {}): Promise<{ bytes: number }> {
    const handle = Index.#of(this);
    checkPath('path', path);
    return { bytes: await call<number>((_, number) => handle.save(number, path), options) };
  }

  /** The bytes that save() would write. */
  async toBuffer(options: LongCallOptions = {}): Promise<Buffer> {
    const handle = Index.#of(this);
    const bytes = await call<Uint8Array>((_, number) => handle.toBuffer(number), options);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Writes a plain FAISS file, or returns its bytes: for Python's faiss.read_index. Own ids become an IndexIDMap2. */
  exportFaiss(): Promise<Buffer>;
  exportFaiss(path: string, options?: SaveOptions): Promise<{ bytes: number }>;
  async exportFaiss(path?: string, options: SaveOptions = {}): Promise<Buffer | { bytes: number }> {
    const handle = Index.#of(this);
    if (path !== undefined) checkPath('path', path);
    const result = await call<number | Uint8Array>((_, number) => handle.exportFaiss(number, path), options);
    if (typeof result === 'number') return { bytes: result };
    return Buffer.from(result.buffer, result.byteOffset, result.byteLength);
  }

  // --- life

  /** A token with which another worker_thread of this process opens the same index by {@link Index.attach}. */
  share(): string {
    const handle = Index.#of(this);
    return now(() => handle.share());
  }

  /**
   * Waits for what goes on behind the scenes: moves between tiers (one that is due begins now, as after opening a file that was
   * saved before its move), compaction, the check of a mapped file.
   */
  async ready(): Promise<void> {
    const handle = Index.#of(this);
    this.#auto?.grow();
    await this.#auto?.settled();
    if (this.#closed === undefined) await call<void>((_, number) => handle.whenQuiet(number));
  }

  /** Waits for running work and frees the memory. Further calls reject with E_CLOSED; closing twice is fine. */
  async close(): Promise<void> {
    Index.#receiver(this);
    if (this.#closed === undefined) {
      const handle = Index.#of(this);
      this.#closed = call<void>((_, number) => handle.close(number));
    }
    await this.#closed;
  }

  /** `using index = ...`: starts the close. */
  [Symbol.dispose](): void {
    Index.#receiver(this);
    void this.close();
  }

  /** `await using index = ...` */
  async [Symbol.asyncDispose](): Promise<void> {
    Index.#receiver(this);
    await this.close();
  }
}
