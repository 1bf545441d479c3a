import type { IdArray, IdType } from '../../lib/types.js';

/** The formats that `openVectors` reads. Each may also be gzipped. */
export type VectorFormat = 'npy' | 'fvecs' | 'bvecs' | 'ivecs' | 'jsonl' | 'idx';

/** Some vectors in a row, `m * dim` numbers, with the ids that the file gives them. */
export interface VectorBatch {
  vectors: Float32Array;
  /** Only from formats that carry ids: see `VectorSource.hasIds`. */
  ids?: IdArray;
}

export interface ReadOptions {
  /** Stop after that many vectors. */
  limit?: number | undefined;
  /** Size of one batch of vectors in bytes. Default 4 MiB. */
  batchBytes?: number | undefined;
  /** What the ids of .jsonl become. Default `number`. */
  idType?: IdType | undefined;
  signal?: AbortSignal | undefined;
}

/** A file of vectors, known by its header and read in batches, so that it may be larger than memory. */
export interface VectorSource {
  readonly path: string;
  readonly format: VectorFormat;
  readonly dim: number;
  /** Vectors in the file, where its header or its size says so. */
  readonly count: number | undefined;
  /** True where each vector comes with its own id. */
  readonly hasIds: boolean;
  /** Reads the file from its start. May be called again. */
  read(options?: ReadOptions): AsyncGenerator<VectorBatch, void, undefined>;
}

export const MAX_DIM = 65_536;
export const BATCH_BYTES = 4 * 1024 * 1024;

/** Whole vectors in one batch. */
export function rowsPerBatch(dim: number, batchBytes = BATCH_BYTES): number {
  return Math.max(1, Math.floor(batchBytes / (dim * 4)));
}
