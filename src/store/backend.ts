/**
 * What keeps documents, their vectors and their words, and finds them again. A collection embeds and calls one of these;
 * what goes in and out is plain data, so that a server may stand behind it as well as a folder.
 */
import type { CallOptions, IndexOptions, IndexStats, LongCallOptions } from '../../lib/index.js';
import type { Chunk, Document, JsonObject } from '../document/types.js';
import type { Filter } from './filter.js';

/** Which model made the vectors. Vectors of different models cannot be compared, so a store holds those of one. */
export interface ModelInfo {
  name: string;
  /** Changes whenever the same text may get another vector. */
  fingerprint: string;
  dim: number;
}

export interface StoreOptions extends CallOptions {
  /** Needed to make a new store; an existing one refuses another model with E_MODEL_MISMATCH. */
  model?: ModelInfo;
  /** Open beside a writer, without the right to change anything. Default false. */
  readOnly?: boolean;
  /** Make the store when there is none. Default true, with `readOnly` false. */
  create?: boolean;
  /** How the vector index is built. Default `{ type: 'auto' }`. */
  index?: Omit<IndexOptions, 'dim' | 'metric' | 'metricArg' | 'idType'>;
  /** Check all of the database before answering, however large it is. Default false: only small ones. */
  verify?: boolean;
  /** Threads that read. One or more; searches never wait for other reads where there are two. Default 2. */
  readers?: number;
  /** Called with what did not work and did no harm, such as a snapshot that could not be written. */
  onWarning?: (message: string) => void;
}

/** One document with the vectors of its chunks, `chunks.length * dim` floats in their order. */
export interface Entry {
  document: Document;
  vectors: Float32Array;
}

export interface PutOptions extends LongCallOptions {
  /** Of the model that made the vectors. When given, another one than the store's is E_MODEL_MISMATCH. */
  fingerprint?: string;
}

export interface PutResult {
  documents: number;
  chunks: number;
  /** Documents that took the place of an older one with the same id. */
  replaced: number;
  /** The state of the store that holds them. */
  generation: number;
}

/** A document without its text. */
export interface DocumentSummary {
  id: string;
  title?: string;
  type?: string;
  source?: string;
  hash?: string;
  metadata: JsonObject;
  /** Number of chunks. */
  chunks: number;
  /** Length of its text in UTF-16 units. */
  length: number;
}

export interface ListOptions extends CallOptions {
  /** 1 to 10,000. Default 100. */
  limit?: number;
  /** The id after which the page begins: `next` of the page before. */
  after?: string;
  filter?: Filter;
}

export interface DocumentPage {
  /** In the order of their ids (by code point). */
  documents: DocumentSummary[];
  /** Give it as `after` to get the next page; absent on the last one. */
  next?: string;
}

export type SearchMode = 'hybrid' | 'vector' | 'keyword';

export interface SearchRequest extends CallOptions {
  /** The words looked for. Any text is fine: it is never read as a query language. */
  text?: string;
  /** The question's vector. */
  vector?: Float32Array;
  /** Of the model that made `vector`. When given, another one than the store's is E_MODEL_MISMATCH. */
  fingerprint?: string;
  /** Default: `hybrid` where both text and vector are given, else the one that is. */
  mode?: SearchMode;
  /** Hits wanted, 1 to 1,000. Default 10. */
  k?: number;
  /** Hits left out at the front, for paging; `offset + k` is at most 10,000. Default 0. */
  offset?: number;
  filter?: Filter;
  /** How a hybrid search joins its two parts: see {@link Hit.score}. Default `score`. */
  fusion?: 'score' | 'rrf';
  /** Weight of the vectors' part in a hybrid search, 0 to 1. Default 0.5. */
  weight?: number;
  /** Prefer hits unlike those before them: 1 is relevance alone, 0 difference alone. Off when absent. */
  mmr?: { lambda: number };
  /** Leaves out hits with a lower score (in the unit of this search's {@link Hit.score}). */
  minScore?: number;
  /** Leaves out hits with a lower cosine. Needs a vector. */
  minCosine?: number;
  /** At most so many chunks of one document. */
  perDocument?: number;
  /** Compare with every vector instead of using the index's graph or lists. */
  exact?: boolean;
  /** Length of the snippets in characters, 40 to 2,000. Default 240. */
  snippet?: number;
}

export interface Snippet {
  text: string;
  /** Where it begins in the document's text, in UTF-16 units. */
  start: number;
  /** Where the words of the question stand in `text`, as [from, to) pairs. */
  marks: readonly (readonly [from: number, to: number])[];
}

export interface Hit {
  document: Omit<DocumentSummary, 'chunks' | 'length' | 'hash'>;
  chunk: Chunk & {
    /** Its number among the document's chunks, from 0. */
    position: number;
  };
  /**
   * What the hits are ordered by.
   * - `vector`: the cosine, -1 to 1.
   * - `keyword`: BM25 (k1 0.9, b 0.4), 0 and up; comparable within one search only.
   * - `hybrid`, `score` fusion: `weight * z(cosine) + (1 - weight) * z(BM25)`, where z says how many standard deviations
   *   a value lies above the mean of the whole store. Around 0 is an average chunk; 2 and more stands out.
   * - `hybrid`, `rrf`: `weight / (60 + rank by cosine) + (1 - weight) / (60 + rank by BM25)`, where only the best few hundred of
   *   each part have a rank.
   */
  score: number;
  parts: {
    /** The true cosine of the question's and the chunk's vectors. Present where a vector was given. */
    cosine?: number;
    /** 0 where no word matches. Present where a text was given. */
    bm25?: number;
  };
  snippet: Snippet;
}

export interface SearchAnswer {
  /** Best first; equal scores in the order in which the chunks came in. */
  hits: Hit[];
  /** The state of the store that was searched. */
  generation: number;
}

/** How an open found the vector index: as it was saved, brought up to date, or made anew from the database. */
export interface Opened {
  how: 'created' | 'snapshot' | 'replayed' | 'rebuilt';
  /** For people: why that way. */
  reason: string;
}

export interface StoreStats {
  documents: number;
  chunks: number;
  generation: number;
  model: ModelInfo;
  readOnly: boolean;
  opened: Opened;
  /** Bytes of the database, its log and the snapshot. */
  bytes: { database: number; log: number; snapshot: number };
  index: IndexStats;
  /** The state that the snapshot on disk holds, and chunks changed since; absent when there is none. */
  snapshot?: { generation: number; changed: number };
  /** A change of model that was begun and not finished; see {@link Backend.replaceVectors}. */
  replacing?: { model: ModelInfo; done: number; total: number };
}

/** A chunk as a model gets it to embed it anew. */
export interface ChunkText {
  text: string;
  title?: string;
  headings?: readonly string[];
}

/** Returns `chunks.length * dim` floats. */
export type EmbedBatch = (chunks: readonly ChunkText[], options: CallOptions) => Promise<Float32Array>;

export interface ReplaceOptions extends LongCallOptions {
  /** Chunks embedded at once, 1 to 10,000. Default 256. */
  batch?: number;
}

export interface VerifyReport {
  documents: number;
  chunks: number;
  /** What is wrong, in words. Empty when all is well. */
  problems: string[];
}

/**
 * Every method rejects with E_CLOSED after close(), with E_ABORTED when its signal aborts, with E_CORRUPT where stored
 * bytes are not what was written, with E_IO where the disk fails or is full (then nothing has changed), and, on a store
 * opened with `readOnly`, with E_UNSUPPORTED where it would change something.
 */
export interface Backend {
  readonly model: ModelInfo;
  readonly readOnly: boolean;
  readonly opened: Opened;
  /** Goes up with every change. Survives restarts; a key for caches. */
  readonly generation: number;
  /** Another one for each state of each store: copies of a store that went different ways may have the same generation. */
  readonly stamp: string;

  /**
   * Stores documents; one whose id is there is replaced. Each document is stored whole or not at all, and is on disk
   * when the promise resolves. A large call is stored in several steps: what an error or an abort leaves out is said.
   * Errors: E_ARGUMENT, E_DIMENSION, E_NOT_FINITE, E_RANGE, E_MODEL_MISMATCH.
   */
  put(entries: readonly Entry[], options?: PutOptions): Promise<PutResult>;
  /** Deletes documents; ids that are not there do not count. */
  delete(ids: readonly string[], options?: CallOptions): Promise<{ deleted: number; generation: number }>;

  get(id: string, options?: CallOptions): Promise<Document | undefined>;
  has(id: string, options?: CallOptions): Promise<boolean>;
  /** The `hash` of each document that has one, by id: of all, or of these ids. */
  hashes(ids?: readonly string[], options?: CallOptions): Promise<Map<string, string>>;
  list(options?: ListOptions): Promise<DocumentPage>;
  count(filter?: Filter, options?: CallOptions): Promise<{ documents: number; chunks: number }>;
  stats(options?: CallOptions): Promise<StoreStats>;
  /** Errors: E_ARGUMENT, E_DIMENSION, E_NOT_FINITE, E_RANGE, E_MODEL_MISMATCH. */
  search(request: SearchRequest): Promise<SearchAnswer>;

  /**
   * Embeds all chunks with another model while the present vectors go on serving, then changes over at once. Begun and
   * not finished (abort, crash), it goes on where it was when called with the same model again, and starts over with another.
   */
  replaceVectors(model: ModelInfo, embed: EmbedBatch, options?: ReplaceOptions): Promise<{ chunks: number }>;
  /** Writes a copy to a folder that does not exist yet. Writes and searches go on meanwhile. Error: E_EXISTS. */
  backup(folder: string, options?: LongCallOptions): Promise<{ bytes: number }>;
  /** Gives the room of what was deleted back to the disk. Searches go on; writes wait. */
  compact(options?: LongCallOptions): Promise<void>;
  /** Reads everything and checks it against its sums. */
  verify(options?: LongCallOptions): Promise<VerifyReport>;

  /** Read-only: takes in what the writer has committed since. Searches do so by themselves. Returns the generation. */
  refresh(options?: CallOptions): Promise<number>;
  /** Waits for work behind the scenes, such as an index that becomes a graph, and saves its result. */
  ready(): Promise<void>;
  /** Waits for what runs, refuses what comes. Twice is fine. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
