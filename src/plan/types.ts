/** What the measured way of planning takes and gives. Nothing here runs. */
import type { LongCallOptions } from '../../lib/index.js';
import type { Collection } from '../collection/collection.js';
import type { StoreOptions } from '../store/backend.js';
import type { Need } from './need.js';

export interface MeasureOptions extends Need, LongCallOptions {
  /** Take documents of this collection, as they are, and its model. */
  collection?: Collection;
  /** Take documents of these files, folders and globs. Default: the Markdown files, READMEs and licences below node_modules. */
  files?: string | readonly string[];
  /** Documents to measure with, 20 to 100,000. Default 400. The more, the further the prediction carries. */
  sample?: number;
  /** By name, alias or folder. Default: the collection's, else the one that comes with the package. */
  model?: string;
  /** How the vector index is built. Default `{ type: 'auto' }`: the kind that it will be at its full size. */
  index?: NonNullable<StoreOptions['index']>;
  /** Bytes of memory that one machine has. Default: those of this machine, or of its container. */
  memory?: number;
  /** Bytes on disk of one shard at most. Default 16 GiB. */
  shardBytes?: number;
}

/** A collection of some size, measured in a process of its own that opened it and asked it. */
export interface Reading {
  documents: number;
  chunks: number;
  /** Bytes on disk: documents, words and vectors; and the index's snapshot. */
  databaseBytes: number;
  snapshotBytes: number;
  /** Of the index, by its own count. */
  indexBytes: number;
  /** Resident bytes of the process (and those that a model runs in), after the queries; and before it opened anything. */
  residentBytes: number;
  emptyBytes: number;
  factory: string;
  /** Milliseconds of a query, one after the other: the median of each kind, and of a hybrid one the 95th percentile, too. */
  embedMs: number;
  vectorMs: number;
  keywordMs: number;
  p50Ms: number;
  p95Ms: number;
  /** Queries a second, with as many at a time as keep the cores busy, and CPU seconds that each took. */
  qps: number;
  cpuSeconds: number;
}

export interface Figures {
  chunks: number;
  disk: { databaseBytes: number; snapshotBytes: number; bytes: number };
  memory: { indexBytes: number; bytes: number };
  /** Milliseconds of a hybrid query, the embedding of its text included. */
  query: { p50Ms: number; p95Ms: number; qpsPerCore: number };
}

export interface Shards {
  count: number;
  /** Shards that memory alone, and disk alone, would ask for. */
  forMemory: number;
  forDisk: number;
  /** Of each. */
  memoryBytes: number;
  diskBytes: number;
}

export interface MeasuredPlan extends Required<Need> {
  setting: {
    model: string;
    dim: number;
    /** The kind of index at the planned size. */
    index: string;
    /** Where the documents of the sample came from. */
    source: string;
    cores: number;
    memoryBytes: number;
    shardBytes: number;
  };
  /** On this machine, just now: half of the sample, and all of it. */
  measured: {
    half: Reading;
    all: Reading;
    /** Documents of the sample a minute, read (not those of a collection), embedded and stored. */
    documentsPerMinute: number;
    chunksPerSecond: number;
  };
  /** By the laws of docs/plan.md, from what was measured. */
  predicted: Figures & {
    chunksPerDocument: number;
    buildSeconds: number;
    /** For qps * peak, each 70 % busy; all shards together. */
    cores: number;
    shards: Shards;
    /** How many times the sample the plan is. */
    scale: number;
  };
  /** What a reader must know to judge the numbers. */
  notes: string[];
}
