/** Documents on their way in: embedded in batches, while the batch before is written and the next one is read. */
import { QuiverError } from '../../lib/errors.js';
import type { CallOptions } from '../../lib/index.js';
import type { Document } from '../document/types.js';
import type { Embedder } from '../embed/embedder.js';
import type { Backend, Entry } from '../store/backend.js';
import { embedText } from './embed-text.js';

/** Chunks that are embedded and written together: enough that a commit to disk costs little for each. */
const BATCH = 512;

interface Embedded {
  entries: Entry[];
  embedder: Embedder;
}

export interface Written {
  documents: number;
  chunks: number;
  replaced: number;
}

/** Takes documents one after the other; what it was given is on disk once `finish()` resolves. */
export class DocumentWriter {
  readonly #backend: Backend;
  readonly #embedder: () => Embedder;
  readonly #options: CallOptions;
  readonly #onWritten: (written: Written) => void;
  #batch: Document[] = [];
  #chunks = 0;
  #writing: Promise<void> = Promise.resolve();
  #failed = false;

  constructor(
    backend: Backend,
    embedder: () => Embedder,
    options: CallOptions,
    onWritten: (written: Written) => void = () => undefined,
  ) {
    this.#backend = backend;
    this.#embedder = embedder;
    this.#options = options;
    this.#onWritten = onWritten;
  }

  /** Resolves when there is room for more: reading must not run ahead of the disk. */
  async add(document: Document): Promise<void> {
    this.#batch.push(document);
    this.#chunks += document.chunks.length;
    if (this.#chunks >= BATCH) await this.#flush();
  }

  async finish(): Promise<void> {
    await this.#flush();
    await this.#writing;
  }

  /** Forgets what was not written yet, and waits for what is being written. */
  async abandon(): Promise<void> {
    this.#failed = true;
    this.#batch = [];
    await this.#writing.catch(() => undefined);
  }

  async #flush(): Promise<void> {
    const documents = this.#batch;
    if (documents.length === 0 || this.#failed) return;
    this.#batch = [];
    this.#chunks = 0;
    const entries = await this.#embed(documents);
    await this.#writing;
    this.#writing = this.#put(documents, entries).then(this.#onWritten);
    // Whoever adds next, or finishes, gets the error; until then it is not unhandled.
    this.#writing.catch(() => undefined);
  }

  async #embed(documents: readonly Document[]): Promise<Embedded> {
    const embedder = this.#embedder();
    const texts = documents.flatMap(({ title, chunks }) =>
      chunks.map(({ text, headings }) => embedText({ text, title, headings })),
    );
    const { dim } = embedder;
    const vectors = await embedder.embed(texts, { ...this.#options, input: 'document' });
    let at = 0;
    const entries = documents.map((document) => {
      const from = at;
      at += document.chunks.length;
      return { document, vectors: vectors.subarray(from * dim, at * dim) };
    });
    return { entries, embedder };
  }

  async #put(documents: readonly Document[], { entries, embedder }: Embedded): Promise<Written> {
    try {
      return await this.#backend.put(entries, { ...this.#options, fingerprint: embedder.fingerprint });
    } catch (error) {
      // The collection has changed its model meanwhile.
      const changed =
        error instanceof QuiverError && error.code === 'E_MODEL_MISMATCH' && this.#embedder() !== embedder;
      if (!changed) throw error;
      return this.#put(documents, await this.#embed(documents));
    }
  }
}
