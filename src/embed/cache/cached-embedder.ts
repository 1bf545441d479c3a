/** An embedder that remembers: what it has embedded once, in this or another process, it reads from a file. */
import { join, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { aborted } from '../../../lib/calls.js';
import { checkInteger, checkObject, QuiverError, wrongArgument } from '../../../lib/errors.js';
import { allocateVectors } from '../allocate.js';
import { checkEmbed } from '../check.js';
import type { Embedder, EmbedOptions } from '../embedder.js';
import { cacheHome } from '../models/home.js';
import { progressReporter } from '../progress.js';
import { closed } from './closed.js';
import { KEY_BYTES, type Space } from './messages.js';
import { VectorCache } from './vector-cache.js';

export interface CacheOptions {
  /** The file. Several processes and embedders may use the same. Default `$QUIVER_CACHE/embeddings.db`, else `~/.cache/faiss-quiver/embeddings.db`. */
  path?: string;
  /**
   * Bytes that the file may have, from 1 MiB on; beyond that, the vectors that were not used for longest go. (SQLite's log beside
   * it may have some MiB more.) Default 1 GiB.
   */
  maxBytes?: number;
  /** Called with what does not work. Embedding goes on without. Default: a process warning with the code `QUIVER_CACHE`. */
  onWarning?: (message: string) => void;
}

/** Texts since it was opened: answered from the cache (or from the same call), and embedded. */
export interface CacheStats {
  hits: number;
  misses: number;
}

/** Texts, and characters of them, that are looked up at once: sending them must not hold the event loop. */
const LOOKUP = { texts: 512, characters: 256 * 1024 };
/** Texts that are embedded and kept at once: many enough for a model to work well, few enough to be lost. */
const BATCH = 2048;

/** Where vectors are kept when no path is given. */
export function defaultCachePath(): string {
  return join(cacheHome(), 'embeddings.db');
}

export class CachedEmbedder implements Embedder {
  readonly model: string;
  readonly fingerprint: string;
  readonly dim: number;
  readonly hybridWeight: number;
  /** The one that embeds what is not in the cache. */
  readonly inner: Embedder;
  readonly #cache: VectorCache;
  readonly #stats: CacheStats = { hits: 0, misses: 0 };
  readonly #running = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(inner: Embedder, cache: VectorCache) {
    this.inner = inner;
    this.#cache = cache;
    this.model = inner.model;
    this.fingerprint = inner.fingerprint;
    this.dim = inner.dim;
    this.hybridWeight = inner.hybridWeight;
  }

  get stats(): CacheStats {
    return { ...this.#stats };
  }

  /** Vectors as the inner embedder made them, to the bit. Errors: those of the inner one; none for the cache's sake. */
  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array> {
    if (this.#closing !== undefined) throw closed();
    checkEmbed(texts, options);
    const call = new Call(this.inner, this.#cache, this.#stats, texts, options);
    const work = call.run();
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  /** Closes the inner one too. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      try {
        await this.inner.close();
      } finally {
        await Promise.allSettled(this.#running);
        await this.#cache.close();
      }
    })();
    return this.#closing;
  }
}

/** One call of embed(). */
class Call {
  readonly #inner: Embedder;
  readonly #cache: VectorCache;
  readonly #stats: CacheStats;
  readonly #texts: readonly string[];
  readonly #options: EmbedOptions;
  readonly #space: Space;
  readonly #out: Float32Array;
  readonly #report: (done: number) => void;
  #done = 0;
  /** Places of texts that are not in the cache, and what they are kept under. */
  #missing: { at: number; key: Uint8Array | undefined }[] = [];

  constructor(inner: Embedder, cache: VectorCache, stats: CacheStats, texts: readonly string[], options: EmbedOptions) {
    const { fingerprint, dim } = inner;
    this.#inner = inner;
    this.#cache = cache;
    this.#stats = stats;
    this.#texts = texts;
    this.#options = options;
    this.#space = { fingerprint, dim, input: options.input ?? 'document' };
    this.#out = allocateVectors(texts.length, dim);
    this.#report = progressReporter('embed', texts.length, options);
  }

  async run(): Promise<Float32Array> {
    const texts = this.#texts;
    /** Where a text stands first; and the places at which one stands again. */
    const first = new Map<string, number>();
    const again: number[] = [];
    for (let next = 0; next < texts.length;) {
      const places: number[] = [];
      for (let room = LOOKUP.characters; room > 0 && places.length < LOOKUP.texts && next < texts.length; next++) {
        const text = texts[next];
        if (first.has(text)) {
          again.push(next);
          room--;
          continue;
        }
        first.set(text, next);
        places.push(next);
        room -= text.length + 1;
      }
      if (places.length > 0) await this.#find(places);
      else await nextTurn();
      this.#throwIfAborted();
      while (this.#missing.length >= BATCH) await this.#embed(this.#missing.splice(0, BATCH));
    }
    if (this.#missing.length > 0) await this.#embed(this.#missing);
    await this.#repeat(first, again);
    this.#report(texts.length);
    return this.#out;
  }

  async #find(places: readonly number[]): Promise<void> {
    const { dim } = this.#inner;
    const wanted = places.map((at) => this.#texts[at]);
    const found = await this.#cache.find(this.#space, wanted, this.#options);
    let hits = 0;
    places.forEach((place, at) => {
      if (found?.at[hits] === at) {
        this.#out.set(found.vectors.subarray(hits * dim, (hits + 1) * dim), place * dim);
        hits++;
      } else this.#missing.push({ at: place, key: found?.keys.subarray(at * KEY_BYTES, (at + 1) * KEY_BYTES) });
    });
    this.#stats.hits += hits;
    this.#done += hits;
    if (hits > 0) this.#report(this.#done);
  }

  async #embed(missing: readonly { at: number; key: Uint8Array | undefined }[]): Promise<void> {
    const { dim, model } = this.#inner;
    const { input, signal, onProgress } = this.#options;
    const before = this.#done;
    const vectors = await this.#inner.embed(
      missing.map(({ at }) => this.#texts[at]),
      {
        ...(input !== undefined && { input }),
        ...(signal !== undefined && { signal }),
        ...(onProgress !== undefined && { onProgress: ({ done }) => this.#report(before + done) }),
      },
    );
    if (vectors.length !== missing.length * dim) {
      const [expected, actual] = [`${missing.length * dim} numbers`, `${vectors.length}`];
      const message = `The model ${model} gave ${actual} numbers for ${missing.length} texts of ${dim} dimensions each.`;
      throw new QuiverError('E_DIMENSION', message, { expected, actual });
    }
    const keys = new Uint8Array(missing.length * KEY_BYTES);
    let isKnown = true;
    missing.forEach(({ at, key }, row) => {
      this.#out.set(vectors.subarray(row * dim, (row + 1) * dim), at * dim);
      if (key === undefined) isKnown = false;
      else keys.set(key, row * KEY_BYTES);
    });
    this.#stats.misses += missing.length;
    this.#done += missing.length;
    // A copy: the array may be the model's own still.
    if (isKnown) this.#cache.keep({ ...this.#space, keys, vectors: vectors.slice() });
    this.#throwIfAborted();
  }

  /** Texts that stand in the call more than once. */
  async #repeat(first: ReadonlyMap<string, number>, again: readonly number[]): Promise<void> {
    const { dim } = this.#inner;
    for (let i = 0; i < again.length; i++) {
      const from = first.get(this.#texts[again[i]]) ?? 0;
      this.#out.copyWithin(again[i] * dim, from * dim, (from + 1) * dim);
      if (i % BATCH === BATCH - 1) await nextTurn();
    }
    this.#stats.hits += again.length;
    this.#throwIfAborted();
  }

  #throwIfAborted(): void {
    const { signal } = this.#options;
    if (signal?.aborted === true) throw aborted(signal);
  }
}

/**
 * Puts a cache before an embedder: a text that was embedded before, by a model with the same fingerprint and for the same kind of input,
 * is read from a file. What comes back is what the inner embedder gave, to the bit; a file that is damaged, read-only or full makes
 * no call fail. Closing closes the inner one. Worth it for ONNX models and services; the static model embeds faster than a file is read.
 * A service's fingerprint is its address and the model's name: when it changes its weights under the same name, delete the file.
 * Errors: E_ARGUMENT, E_RANGE.
 */
export function cachedEmbedder(embedder: Embedder, options: CacheOptions = {}): CachedEmbedder {
  if (typeof embedder?.embed !== 'function') throw wrongArgument('embedder', 'an embedder', embedder);
  checkObject('options', options);
  const { path = defaultCachePath(), maxBytes = 2 ** 30, onWarning } = options;
  if (typeof path !== 'string' || path === '') throw wrongArgument('path', 'the path of a file', path);
  checkInteger('maxBytes', maxBytes, 2 ** 20, Number.MAX_SAFE_INTEGER);
  if (onWarning !== undefined && typeof onWarning !== 'function')
    throw wrongArgument('onWarning', 'a function', onWarning);
  const warn = onWarning ?? ((message: string) => process.emitWarning(message, { code: 'QUIVER_CACHE' }));
  return new CachedEmbedder(embedder, new VectorCache({ path: resolve(path), maxBytes }, warn));
}
