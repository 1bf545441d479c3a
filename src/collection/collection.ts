/** Documents that can be asked: text in, answers out, and nothing lost in between. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { QuiverError } from '../../lib/errors.js';
import type { CallOptions, LongCallOptions } from '../../lib/index.js';
import type { Document } from '../document/types.js';
import type { Embedder, EmbedOptions } from '../embed/embedder.js';
import type { OpenModelOptions } from '../embed/models/open.js';
import type {
  Backend,
  DocumentPage,
  ListOptions,
  Opened,
  SearchAnswer,
  StoreStats,
  VerifyReport,
} from '../store/backend.js';
import type { Filter } from '../store/filter.js';
import { openStore } from '../store/embedded/open.js';
import { ask, retrieve } from './asking.js';
import { embedText } from './embed-text.js';
import { addFiles } from './files.js';
import { fitModel, type Fit } from './fitting.js';
import { cachingOf, infoOf, openModelOf, toEmbedder, type Caching, type ModelOpening } from './model.js';
import { addTexts } from './texts.js';
import type {
  Added,
  AddFilesOptions,
  AddTextOptions,
  Asked,
  AskOptions,
  CollectionOptions,
  CollectionSearch,
  FilesAdded,
  FitOptions,
  Retrieved,
  TextInput,
} from './types.js';

/**
 * A folder of documents with their vectors and words. Made by {@link Collection.open}.
 *
 * Errors are {@link QuiverError}s; after {@link Collection.close} every call rejects with E_CLOSED.
 */
export class Collection {
  readonly folder: string;
  readonly #backend: Backend;
  #embedder: Embedder;
  #own: boolean;
  readonly #caching: Caching;
  /** A change of model that is under way. */
  #changing: Promise<unknown> | undefined;

  private constructor(
    folder: string,
    backend: Backend,
    { embedder, own }: { embedder: Embedder; own: boolean },
    caching: Caching,
  ) {
    this.folder = folder;
    this.#backend = backend;
    this.#embedder = embedder;
    this.#own = own;
    this.#caching = caching;
  }

  /**
   * Opens the collection in a folder, or makes one. Errors: E_NOT_FOUND, E_LOCKED (another process writes to it), E_MODEL_MISMATCH,
   * E_CORRUPT, E_VERSION, E_IO.
   */
  static async open(folder: string, options: CollectionOptions = {}): Promise<Collection> {
    const { model, device, cache, ...rest } = options;
    const { signal, create = true, readOnly = false, onWarning } = rest;
    const caching = cachingOf({ cache, onWarning });
    const opening: ModelOpening = {
      caching,
      ...(device !== undefined && { device }),
      ...(signal !== undefined && { signal }),
    };
    const found = model === undefined ? await existing(folder, rest) : undefined;
    if (found !== undefined) {
      try {
        const embedder = await openModelOf(folder, found.model, opening);
        return new Collection(folder, found, { embedder, own: true }, caching);
      } catch (error) {
        await found.close();
        throw error;
      }
    }
    const { embedder, own } = await toEmbedder(model, opening);
    try {
      const backend = await openStore(folder, { ...rest, create: create && !readOnly, model: infoOf(embedder) });
      return new Collection(folder, backend, { embedder, own }, caching);
    } catch (error) {
      if (own) await embedder.close();
      throw error;
    }
  }

  /** What answers below: for those who build on it. */
  get backend(): Backend {
    return this.#backend;
  }
  get embedder(): Embedder {
    return this.#embedder;
  }
  /** How the open found the vector index. */
  get opened(): Opened {
    return this.#backend.opened;
  }
  /** Goes up with every change. */
  get generation(): number {
    return this.#backend.generation;
  }
  /** Another one for each state of each collection, also of copies that went different ways: a key for caches. */
  get stamp(): string {
    return this.#backend.stamp;
  }

  // --- writing

  /** Adds texts; one whose id is there is replaced. */
  async add(documents: TextInput | readonly TextInput[], options?: AddTextOptions): Promise<Added> {
    return addTexts(this.#backend, () => this.#embedder, documents, options);
  }

  /** Reads files, folders and globs. What cannot be read is reported and left out; what has not changed is not read again. */
  async addFiles(paths: string | readonly string[], options?: AddFilesOptions): Promise<FilesAdded> {
    return addFiles(this.#backend, () => this.#embedder, paths, options);
  }

  /** Deletes documents; ids that are not there do not count. Returns how many were. */
  async delete(ids: string | readonly string[], options?: CallOptions): Promise<number> {
    const list = typeof ids === 'string' ? [ids] : ids;
    return (await this.#backend.delete(list, options)).deleted;
  }

  // --- reading

  async get(id: string, options?: CallOptions): Promise<Document | undefined> {
    return this.#backend.get(id, options);
  }

  /** A page of documents, without their texts, in the order of their ids. */
  async list(options?: ListOptions): Promise<DocumentPage> {
    return this.#backend.list(options);
  }

  /** All documents, page after page. */
  async *documents(options: Omit<ListOptions, 'after'> = {}): AsyncGenerator<Document> {
    for (let after: string | undefined; ;) {
      const page = await this.#backend.list({ ...options, ...(after !== undefined && { after }) });
      for (const { id } of page.documents) {
        const document = await this.#backend.get(id, options);
        if (document !== undefined) yield document;
      }
      if (page.next === undefined) return;
      after = page.next;
    }
  }

  async count(filter?: Filter, options?: CallOptions): Promise<{ documents: number; chunks: number }> {
    return this.#backend.count(filter, options);
  }

  async stats(options?: CallOptions): Promise<StoreStats> {
    return this.#backend.stats(options);
  }

  /** The chunks that fit a text best: by words and meaning together, unless `mode` says otherwise. */
  async search(query: string, options: CollectionSearch = {}): Promise<SearchAnswer> {
    const { hits, generation } = await this.retrieve(query, options);
    return { hits, generation };
  }

  /** As {@link Collection.search}, with the question's vector and the seconds of each part: for those who answer by themselves. */
  async retrieve(question: string, options: CollectionSearch = {}): Promise<Retrieved> {
    return this.#withModel((embedder) => retrieve(this.#backend, embedder, question, options));
  }

  /** Vectors of the collection's model, of length 1: `n * dim` floats. */
  async embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array> {
    return this.#withModel((embedder) => embedder.embed(texts, options));
  }

  /** An answer made of sentences that were found, with its sources. */
  async ask(question: string, options?: AskOptions): Promise<Asked> {
    return this.#withModel((embedder) => ask(this.#backend, embedder, question, options));
  }

  // --- upkeep

  /** Embeds everything anew with another model; searches go on with the old vectors until all new ones are there. */
  async setModel(
    model: string | Embedder,
    options: LongCallOptions & OpenModelOptions = {},
  ): Promise<{ chunks: number }> {
    const { embedder, own } = await toEmbedder(model, { ...options, caching: this.#caching });
    return this.#change(embedder, own, options);
  }

  /**
   * Fits the small model to this collection's texts with a large one as its teacher, and embeds everything anew with it.
   * The report says what share of the teacher's nearest neighbours it found before and after.
   */
  async fit(options: FitOptions): Promise<Omit<Fit, 'embedder'> & { chunks: number; model: string }> {
    const { embedder, ...report } = await fitModel(this.folder, this.#backend, { ...options, caching: this.#caching });
    const { chunks } = await this.#change(embedder, true, options);
    return { ...report, chunks, model: embedder.model };
  }

  /** A copy in a folder that does not exist yet. Error: E_EXISTS. */
  async backup(folder: string, options?: LongCallOptions): Promise<{ bytes: number }> {
    return this.#backend.backup(folder, options);
  }

  async compact(options?: LongCallOptions): Promise<void> {
    return this.#backend.compact(options);
  }

  /** Opened with `readOnly`: takes in what the writer has committed since. Searches do so by themselves. Returns the generation. */
  async refresh(options?: CallOptions): Promise<number> {
    return this.#backend.refresh(options);
  }

  async verify(options?: LongCallOptions): Promise<VerifyReport> {
    return this.#backend.verify(options);
  }

  /** Waits for work behind the scenes. */
  async ready(): Promise<void> {
    await this.#backend.ready();
  }

  async close(): Promise<void> {
    await this.#backend.close();
    if (this.#own) await this.#embedder.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** A search that meets the change of models is done again with the new one. */
  async #withModel<T>(work: (embedder: Embedder) => Promise<T>): Promise<T> {
    try {
      return await work(this.#embedder);
    } catch (error) {
      const changed = error instanceof QuiverError && (error.code === 'E_MODEL_MISMATCH' || error.code === 'E_CLOSED');
      if (!changed || this.#changing === undefined) throw error;
      await this.#changing;
      return work(this.#embedder);
    }
  }

  async #change(embedder: Embedder, own: boolean, options: LongCallOptions): Promise<{ chunks: number }> {
    const { signal, onProgress } = options;
    const call = { ...(signal !== undefined && { signal }), ...(onProgress !== undefined && { onProgress }) };
    const changing = this.#backend.replaceVectors(
      infoOf(embedder),
      (chunks, given) => embedder.embed(chunks.map(embedText), { ...given, input: 'document' }),
      call,
    );
    const done = changing.then(async (result) => {
      const old = this.#own ? this.#embedder : undefined;
      this.#embedder = embedder;
      this.#own = own;
      await old?.close();
      return result;
    });
    this.#changing = done.catch(() => undefined);
    try {
      return await done;
    } catch (error) {
      if (own) await embedder.close();
      throw error;
    } finally {
      this.#changing = undefined;
    }
  }
}

/** The store in a folder, if there is one. */
async function existing(
  folder: string,
  options: Omit<CollectionOptions, 'model' | 'device'>,
): Promise<Backend | undefined> {
  if (existsSync(join(folder, 'collection.db'))) return openStore(folder, { ...options, create: false });
  if (options.create !== false && options.readOnly !== true) return undefined;
  throw new QuiverError(
    'E_NOT_FOUND',
    `There is no collection in ${folder}. Leave create and readOnly out to make one.`,
    {
      expected: 'a collection',
      actual: 'none',
    },
  );
}
