/** What an engine takes and gives. Nothing here runs. */
import type { CallOptions } from '../../lib/index.js';
import type { ChatOptions } from '../answer/chat.js';
import type { Answerer, Quote } from '../answer/types.js';
import type { AnswerCache } from '../cache/answer-cache.js';
import type { CacheOptions, CacheStats } from '../cache/types.js';
import type {
  Added,
  AddFilesOptions,
  AddTextOptions,
  CollectionSearch,
  FilesAdded,
  Retrieved,
  TextInput,
} from '../collection/types.js';
import type { Document } from '../document/types.js';
import type { EmbedOptions } from '../embed/embedder.js';
import type { GuardOptions } from '../monitor/memory-guard.js';
import type { Monitor, Report } from '../monitor/monitor.js';
import type { DocumentPage, ListOptions, SearchMode, StoreStats } from '../store/backend.js';
import type { Filter } from '../store/filter.js';

/**
 * What an engine needs of a collection. `Collection` is one; a collection in shards or behind a server may be another.
 * Its calls are those of `Collection`, with the same errors.
 */
export interface EngineCollection {
  /** The model that embeds, and what changes whenever the same text may get another vector. */
  readonly embedder: { readonly model: string; readonly fingerprint: string };
  readonly stamp: string;
  /** Takes in what others have written; returns the generation. */
  refresh(options?: CallOptions): Promise<number>;
  retrieve(question: string, options?: CollectionSearch): Promise<Retrieved>;
  embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array>;
  add(documents: TextInput | readonly TextInput[], options?: AddTextOptions): Promise<Added>;
  addFiles(paths: string | readonly string[], options?: AddFilesOptions): Promise<FilesAdded>;
  delete(ids: string | readonly string[], options?: CallOptions): Promise<number>;
  get(id: string, options?: CallOptions): Promise<Document | undefined>;
  list(options?: ListOptions): Promise<DocumentPage>;
  count(filter?: Filter, options?: CallOptions): Promise<{ documents: number; chunks: number }>;
  stats(options?: CallOptions): Promise<StoreStats>;
}

export interface EngineOptions {
  /** It stays the caller's to close. */
  collection: EngineCollection;
  /** What it is called in reports. Default: `documents`. */
  name?: string;
  /** Who answers: settings of a language model, or an answerer. Default: sentences of the documents, word for word. */
  llm?: ChatOptions | Answerer;
  /** Answers are remembered until the collection changes: settings, a cache of one's own, or false. Default: in memory. */
  cache?: CacheOptions | AnswerCache<QueryResult> | false;
  /** It stays the caller's to stop. Default: one of its own, started. */
  monitor?: Monitor;
  /** How much is brought in at once; batches are halved while memory is short. Default: batches of 100. */
  memory?: Pick<GuardOptions, 'batchSize' | 'pressure'>;
  /** Seconds that a query may take. Default 30. */
  deadline?: number;
  /**
   * A field of the documents' metadata that holds their tenant. Then every query names one and sees its documents alone. Default:
   * none, and all see all.
   */
  tenantField?: string;
  /** Called with what did not work and did no harm, such as a cache that cannot be reached. */
  onWarning?: (message: string) => void;
}

export interface QueryOptions extends Omit<CollectionSearch, 'offset'> {
  /** Sentences of an extractive answer at most. Default 3. */
  sentences?: number;
  /** Score that the best sentence of an extractive answer must reach, 0 to 1; below it nothing was found. */
  threshold?: number;
  /** Whose documents are asked, and whose entries of the cache. */
  tenant?: string;
  /** False: answer anew, and do not remember it. Default true. */
  cache?: boolean;
  /** Seconds that this query may take. Default: the engine's. */
  deadline?: number;
}

/** A passage that was found. */
export interface QuerySource {
  /** As cited in the answer, from 1. */
  number: number;
  document_id: string;
  file_name: string;
  title?: string;
  /** Of a PDF, from 1. */
  page?: number;
  /**
   * 0 to 1. The cosine of the question's and the passage's vectors, at least 0; in a search by words alone the share of the
   * best passage's BM25.
   */
  relevance_score: number;
  /** What the passages are ordered by: see `Hit.score`. */
  score: number;
  snippet: string;
  /** Where the words of the question stand in the snippet, as [from, to) pairs. */
  marks: readonly (readonly [from: number, to: number])[];
}

/** Times are in seconds. */
export interface QueryMetadata {
  /** Embedding the question and searching. */
  retrieval_time: number;
  /** Making the answer of the passages. */
  llm_time: number;
  /** From the call to the whole answer. */
  total_time: number;
  documents_retrieved: number;
  /** Numbers of the sources that the answer cites. */
  cited: number[];
  /** Where the answer was remembered, or false when it was made for this call. */
  cached: false | 'memory' | 'redis';
  /** Who answered: `extractive`, or a language model. */
  model: string;
  embedding_model: string;
  /** The kind of vector index that was searched. */
  index: string;
  mode: SearchMode;
  /** The state of the collection that was asked. */
  generation: number;
}

export interface QueryResult {
  answer: string;
  /** False when nothing that was found speaks to the question. */
  found: boolean;
  /** What was not as asked for, such as a language model that did not answer. */
  note?: string;
  /** The sentences of an extractive answer. */
  quotes: readonly Quote[];
  /** All passages that were found, best first. */
  sources: QuerySource[];
  metadata: QueryMetadata;
}

/** What a stream tells, in this order; `error` is the last event where it comes. */
export type StreamEvent =
  | { type: 'status'; message: string }
  | { type: 'sources'; data: QuerySource[] }
  /** All data of an answer, one after the other, is the answer. */
  | { type: 'response_chunk'; data: string; is_final: boolean }
  | { type: 'metadata'; data: QueryMetadata & { found: boolean; note?: string } }
  | { type: 'error'; error: { code: string; message: string } };

export type IngestInput = string | readonly string[] | { texts: Iterable<TextInput> | AsyncIterable<TextInput> };

export interface EngineIngestOptions extends Omit<AddFilesOptions, 'force'> {
  force?: boolean;
}

/** What ingesting came to. */
export interface IngestResult extends Omit<FilesAdded, 'failures'> {
  failures: { file: string; line?: number; error: { code: string; message: string } }[];
  /** Texts or files for which memory did not suffice even alone. */
  skipped: string[];
}

export interface EngineReport extends Report {
  collection: { name: string; documents: number; chunks: number; generation: number; bytes: number };
  model: { answer: string; embedding: string };
  index: { kind: string; bytes: number };
  /** Absent where answers are not remembered. */
  cache?: CacheStats & { hit_rate: number | undefined };
}
