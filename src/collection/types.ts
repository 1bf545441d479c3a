/** What a collection takes and gives. Nothing here runs. */
import type { CallOptions, LongCallOptions, QuiverError } from '../../lib/index.js';
import type { Answer } from '../answer/types.js';
import type { Chunk, Document, JsonObject } from '../document/types.js';
import type { Embedder } from '../embed/embedder.js';
import type { Device } from '../embed/onnx/messages.js';
import type { ChunkSize } from '../ingest/chunk.js';
import type { IngestOptions } from '../ingest/types.js';
import type { Hit, SearchRequest, StoreOptions } from '../store/backend.js';

export interface CollectionOptions extends Omit<StoreOptions, 'model'> {
  /**
   * A model by name, alias, folder or `openai:<model>`, or an embedder that is open already (it stays the caller's to close).
   * Default: the model that the collection was made with; for a new one the model that comes with the package.
   */
  model?: string | Embedder;
  /** For models in ONNX format. Default `cpu`. */
  device?: Device;
  /**
   * Whether vectors are kept in a file and looked up before a text is embedded: true, false, or the path of the file. It holds for
   * models opened by name, here, in setModel() and as fit()'s teacher; the static model embeds faster than a file is read, so it never
   * has a cache. Default true, in `$QUIVER_CACHE/embeddings.db`, else `~/.cache/faiss-quiver/embeddings.db`.
   */
  cache?: boolean | string;
}

/** A text to be added, cut into chunks here unless it comes with some. */
export interface TextInput {
  /** Default: a hash of the text, so that the same text is there once. */
  id?: string;
  text: string;
  title?: string;
  type?: string;
  source?: string;
  hash?: string;
  metadata?: JsonObject;
  chunks?: readonly Chunk[];
}

export interface AddTextOptions extends LongCallOptions {
  chunk?: ChunkSize;
}

export interface Added {
  /** In the order of the texts. */
  ids: string[];
  documents: number;
  chunks: number;
  replaced: number;
}

export interface AddFilesOptions extends Omit<IngestOptions, 'known'>, CallOptions {
  /** Read files again that have not changed. Default false. */
  force?: boolean;
  /** Called after each file, and after each batch of a file with many records. */
  onProgress?: (progress: FilesProgress) => void;
  /** Called with each file that could not be read, and each record. */
  onFailure?: (failure: FileFailure) => void;
}

export interface FilesProgress {
  /** Bytes read, of those that were found. */
  done: number;
  total: number;
  files: { done: number; total: number };
  documents: number;
  chunks: number;
  /** The file that came last. */
  file: string;
}

export interface FileFailure {
  file: string;
  /** The record's line, where only a record of the file is lost. */
  line?: number;
  error: QuiverError;
}

export interface FilesAdded {
  files: number;
  read: number;
  unchanged: number;
  failed: number;
  documents: number;
  chunks: number;
  /** Documents that took the place of an older version. */
  replaced: number;
  /** Records that a file no longer has. */
  removed: number;
  bytes: number;
  seconds: number;
  failures: FileFailure[];
}

export interface CollectionSearch extends Omit<SearchRequest, 'text' | 'vector' | 'fingerprint'> {
  /** Weight of the vectors in a hybrid search, 0 to 1. Default: as measured for the model. */
  weight?: number;
}

/** What was found for a question, and what was used to find it. */
export interface Retrieved {
  /** Best first. */
  hits: Hit[];
  /** The state of the collection that was searched. */
  generation: number;
  /** The question's vector, `dim` floats; absent in a search by words alone. */
  vector?: Float32Array;
  seconds: { embed: number; search: number };
}

export interface AskOptions extends CollectionSearch {
  /** Sentences of the answer at most. Default 3. */
  sentences?: number;
  /** Score that the best sentence must reach, 0 to 1; below it the answer is that nothing was found. */
  threshold?: number;
}

export interface Source {
  /** As cited in the answer. */
  number: number;
  hit: Hit;
}

export interface Asked {
  answer: Answer;
  /** Those that the answer cites. */
  sources: Source[];
  /** All that was found, best first. */
  hits: Hit[];
  /** Seconds. */
  timings: { embed: number; retrieve: number; answer: number; total: number };
  generation: number;
}

export interface FitOptions extends LongCallOptions {
  /** The model to learn from, by name, alias or folder, or an embedder. */
  teacher: string | Embedder;
  /** Chunks to learn from at most, drawn at random. Default 20,000. */
  texts?: number;
  device?: Device;
}

export type { Document };
