/** Questions in, answers out: collection, answerer, cache and monitor put together. */
import { checkObject, QuiverError } from '../../lib/errors.js';
import type { CallOptions } from '../../lib/index.js';
import { chatAnswerer } from '../answer/chat.js';
import { extractive } from '../answer/extractive.js';
import type { Answerer } from '../answer/types.js';
import { AnswerCache } from '../cache/answer-cache.js';
import { nameOf } from '../cache/key.js';
import type { CacheKey } from '../cache/types.js';
import { Monitor } from '../monitor/monitor.js';
import { Deadline } from './deadline.js';
import { ingestInto } from './ingest.js';
import { replay, run, type Pipeline } from './pipeline.js';
import { reportOf } from './report.js';
import { checkDeadline, keyOf, toRequest, type EngineRequest, type RequestDefaults } from './request.js';
import { checkResult } from './result.js';
import { SharedSteps } from './shared-steps.js';
import type {
  EngineCollection,
  EngineIngestOptions,
  EngineOptions,
  EngineReport,
  IngestInput,
  IngestResult,
  QueryOptions,
  QueryResult,
  StreamEvent,
} from './types.js';

const DEADLINE = 30;
/** An index may become one of another kind without a write. */
const KIND_SECONDS = 10;

function answererOf(llm: EngineOptions['llm']): Answerer {
  if (llm === undefined) return extractive;
  checkObject('llm', llm);
  return 'answer' in llm ? llm : chatAnswerer(llm);
}

/** What the caller did, or undid, is not the service's failure. */
const CALLERS = ['E_ABORTED', 'E_ARGUMENT', 'E_RANGE'];

interface Place {
  cache: AnswerCache<QueryResult>;
  key: CacheKey;
}

/** Made by {@link createEngine}. After {@link Engine.close} every call rejects with E_CLOSED. */
export class Engine {
  readonly collection: EngineCollection;
  readonly name: string;
  readonly monitor: Monitor;
  readonly #answerer: Answerer;
  readonly #cache: AnswerCache<QueryResult> | undefined;
  readonly #own: { cache: boolean; monitor: boolean };
  readonly #defaults: RequestDefaults;
  readonly #memory: EngineOptions['memory'];
  readonly #pipeline: Pipeline;
  /** Of equal questions that stream at the same time one does the work. */
  readonly #streams = new SharedSteps<StreamEvent, QueryResult>();
  #kind: { stamp: string; until: number; name: string } | undefined;
  #closed = false;

  constructor(options: EngineOptions) {
    checkObject('options', options);
    checkObject('collection', options.collection);
    const {
      collection,
      name = 'documents',
      llm,
      cache = {},
      monitor,
      memory,
      deadline = DEADLINE,
      tenantField,
    } = options;
    const onWarning = options.onWarning ?? (() => undefined);
    this.#answerer = answererOf(llm);
    this.collection = collection;
    this.name = name;
    this.#defaults = { deadline: checkDeadline(deadline), tenantField };
    this.#memory = memory;
    this.#own = { cache: !(cache instanceof AnswerCache), monitor: monitor === undefined };
    if (cache !== false)
      this.#cache = cache instanceof AnswerCache ? cache : new AnswerCache(checkResult, { onWarning, ...cache });
    this.monitor = monitor ?? new Monitor();
    if (this.#own.monitor) this.monitor.start();
    this.#pipeline = {
      collection,
      answerer: this.#answerer,
      monitor: this.monitor,
      indexKind: () => this.#indexKind(),
    };
  }

  /** Answers a question. Errors: E_ARGUMENT, E_RANGE, E_TIMEOUT, E_ABORTED, E_REMOTE (a language model), and those of the collection. */
  async query(question: string, options: QueryOptions = {}): Promise<QueryResult> {
    const request = this.#request(question, options);
    const began = performance.now();
    const deadline = new Deadline(request.deadline, request.signal);
    try {
      const place = await this.#place(request, deadline.signal);
      const result =
        place === undefined
          ? await this.#make(request, deadline.signal)
          : await this.#remembered(place, request, deadline.signal);
      return this.#answered(result, began);
    } catch (error) {
      throw this.#failed(deadline.explain(error));
    } finally {
      deadline.end();
    }
  }

  /**
   * Answers a question step by step. What fails while it answers comes as the last event; wrong arguments are thrown here. Leaving
   * the loop, or the signal, ends the work.
   */
  stream(question: string, options: QueryOptions = {}): AsyncGenerator<StreamEvent, void, void> {
    return this.#streaming(this.#request(question, options));
  }

  /**
   * Brings files, folders and globs, or texts, into the collection: in batches that are halved while memory is short, down to single
   * items, which are then left out and named. Errors: those of `Collection.addFiles` and `Collection.add`.
   */
  async ingest(input: IngestInput, options: EngineIngestOptions = {}): Promise<IngestResult> {
    this.#open();
    return ingestInto({ collection: this.collection, monitor: this.monitor, memory: this.#memory }, input, options);
  }

  /** How the service does, and what it holds. */
  async report(options: CallOptions = {}): Promise<EngineReport> {
    this.#open();
    const { collection, name, monitor } = this;
    return reportOf({ collection, name, monitor, answerer: this.#answerer, cache: this.#cache }, options);
  }

  /** Whether a question can be answered now: it rejects with what is in the way. */
  async ready(options: CallOptions = {}): Promise<void> {
    this.#open();
    try {
      await this.collection.refresh(options);
      this.monitor.available(true);
    } catch (error) {
      this.monitor.available(false);
      throw error;
    }
  }

  /** Ends what is the engine's own: not the collection. Twice is fine. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#own.monitor) this.monitor.stop();
    if (this.#own.cache) await this.#cache?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(): void {
    if (this.#closed)
      throw new QuiverError('E_CLOSED', 'The engine is closed.', {
        expected: 'an open engine',
        actual: 'a closed one',
      });
  }

  #request(question: string, options: QueryOptions): EngineRequest {
    this.#open();
    return toRequest(question, options, this.#defaults);
  }

  /** Where the answer is kept, or will be; nowhere without a cache. */
  async #place(request: EngineRequest, signal: AbortSignal): Promise<Place | undefined> {
    const cache = this.#cache;
    if (cache === undefined || !request.cached) return undefined;
    const { collection } = this;
    const generation = await collection.refresh({ signal });
    const key = {
      tenant: request.tenant,
      collection: collection.stamp,
      generation,
      model: `${collection.embedder.fingerprint} ${this.#answerer.fingerprint}`,
      request: keyOf(request),
    };
    return { cache, key };
  }

  async #make(request: EngineRequest, signal: AbortSignal): Promise<QueryResult> {
    const steps = run(this.#pipeline, request, signal);
    for (;;) {
      const step = await steps.next();
      if (step.done === true) return step.value;
    }
  }

  async #remembered({ cache, key }: Place, request: EngineRequest, signal: AbortSignal): Promise<QueryResult> {
    const made = async (within: AbortSignal): ReturnType<Parameters<typeof cache.find>[1]> =>
      keeping(key, await this.#make(request, within));
    const { value, from, seconds } = await cache.find(key, made, { signal });
    this.#looked(from !== 'made', seconds);
    return from === 'made' ? value : { ...value, metadata: { ...value.metadata, cached: from } };
  }

  #looked(hit: boolean, seconds: number): void {
    this.monitor.record('cache_hit', hit ? 1 : 0);
    this.monitor.record('cache_time', seconds);
  }

  async *#streaming(request: EngineRequest): AsyncGenerator<StreamEvent, void, void> {
    const began = performance.now();
    const deadline = new Deadline(request.deadline, request.signal);
    try {
      const result = this.#answered(yield* this.#steps(request, deadline.signal), began);
      const { metadata, found, note } = result;
      yield { type: 'metadata', data: { ...metadata, found, ...(note !== undefined && { note }) } };
    } catch (error) {
      const failure = this.#failed(deadline.explain(error));
      // Whoever aborted is not there to be told in the stream.
      if (!(failure instanceof QuiverError) || failure.code === 'E_ABORTED') throw failure;
      yield { type: 'error', error: { code: failure.code, message: failure.message } };
    } finally {
      deadline.end(true);
    }
  }

  async *#steps(request: EngineRequest, signal: AbortSignal): AsyncGenerator<StreamEvent, QueryResult, void> {
    const place = await this.#place(request, signal);
    if (place === undefined) return yield* run(this.#pipeline, request, signal);
    const { cache, key } = place;
    const began = performance.now();
    const known = await cache.get(key);
    this.#looked(known !== undefined, (performance.now() - began) / 1000);
    if (known !== undefined) {
      yield* replay(known.value);
      return { ...known.value, metadata: { ...known.value.metadata, cached: known.from } };
    }
    return yield* this.#streams.follow(nameOf(key), signal, (stop) => this.#kept(place, request, stop));
  }

  async *#kept(
    { cache, key }: Place,
    request: EngineRequest,
    signal: AbortSignal,
  ): AsyncGenerator<StreamEvent, QueryResult, void> {
    const result = yield* run(this.#pipeline, request, signal);
    await cache.put(key, keeping(key, result));
    return result;
  }

  #answered(result: QueryResult, began: number): QueryResult {
    const total = (performance.now() - began) / 1000;
    this.monitor.record('query_response_time', total);
    this.monitor.record('query_success', 1);
    return { ...result, metadata: { ...result.metadata, total_time: total } };
  }

  #failed(error: unknown): unknown {
    if (!(error instanceof QuiverError && CALLERS.includes(error.code))) this.monitor.record('query_errors', 1);
    return error;
  }

  async #indexKind(): Promise<string> {
    const { stamp } = this.collection;
    const now = performance.now();
    if (this.#kind?.stamp !== stamp || now > this.#kind.until) {
      const { index } = await this.collection.stats();
      this.#kind = { stamp, until: now + KIND_SECONDS * 1000, name: index.kind };
    }
    return this.#kind.name;
  }
}

/** An answer of another state of the collection than the one asked for is not kept, nor one that is a makeshift. */
function keeping(
  { generation }: CacheKey,
  value: QueryResult,
): { value: QueryResult; negative: boolean; keep: boolean } {
  return { value, negative: !value.found, keep: value.metadata.generation === generation && value.note === undefined };
}

/** An engine over a collection. Errors: E_ARGUMENT, E_RANGE. */
export function createEngine(options: EngineOptions): Engine {
  return new Engine(options);
}
