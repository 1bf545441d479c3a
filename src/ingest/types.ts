/** What `ingest` takes and what it tells. Nothing here runs. */
import type { QuiverError } from '../../lib/index.js';
import type { Document } from '../document/types.js';
import type { ChunkSize } from './chunk.js';

export type DocumentType = 'pdf' | 'html' | 'markdown' | 'text' | 'docx' | 'csv' | 'jsonl';

/** Caps on one file. What passes one is reported as that file's failure; the others go on. */
export interface IngestLimits {
  /** Seconds of work on a file. One that comes in several batches has them for each. Default 30. */
  maxSeconds?: number;
  /** Bytes of a file. Default 64 MiB; without bound for JSONL and CSV, which are read piece by piece. */
  maxBytes?: number;
  /** Bytes of one record: a line of JSONL, a row of CSV. Default 8 MiB. */
  maxRecordBytes?: number;
  /** Pages of a PDF. Default 10,000. */
  maxPages?: number;
  /** Bytes that a worker may take: its JavaScript heap, and as much again in the PDF engine. Default 512 MiB. */
  maxMemory?: number;
}

export interface IngestOptions extends IngestLimits {
  /** Ids of documents are paths relative to this folder. Files outside it have absolute ones. Default: the current folder. */
  root?: string;
  /** Which files of a folder are read: globs, matched without regard to case. Default: the types that are known, and READMEs and licences. */
  include?: readonly string[];
  /** What is left out of folders and globs. Default: `**\/node_modules/**`. */
  exclude?: readonly string[];
  /** Read files and folders whose name begins with a dot, too. Default false. */
  hidden?: boolean;
  /** Follow symbolic links inside folders. A file that is reached twice is read once. Default false. */
  followLinks?: boolean;
  /** The hash under which a document is known already, by its id. What has the same hash is not read again. */
  known?: (id: string) => string | undefined | Promise<string | undefined>;
  /** Default: 1,000 characters, 200 of them repeated. */
  chunk?: ChunkSize;
  /** The encoding of all text files, such as `shift_jis`. Default: found out for each. */
  encoding?: string;
  /** Files that are read at a time. Default: the number of cores, up to 8. */
  concurrency?: number;
  signal?: AbortSignal;
}

/** What the files are, once all are found and before the first is read. */
export interface Scanned {
  kind: 'scanned';
  files: number;
  bytes: number;
}

/**
 * Documents of a file. A PDF or a page is one document. JSONL and CSV are one a record, and come in batches: only the last has
 * `last`, and until then the file is not done.
 */
export interface Documents {
  kind: 'document';
  file: string;
  documents: Document[];
  /** SHA-256 of the whole file; of batches only the last has it. */
  hash?: string;
  last: boolean;
  /** Records that `known` knows, and that are therefore not among `documents`. */
  unchanged: number;
  /** Their ids: the file still has them. */
  unchangedIds: string[];
  /** Bytes of the file that were read since its event before. */
  bytes: number;
  /** Seconds of work since its event before. */
  seconds: number;
}

/** The file's hash is the one that is known. */
export interface Unchanged {
  kind: 'unchanged';
  file: string;
  bytes: number;
}

/** A file that cannot be read; or, with `line`, a record of it, after which the file goes on. */
export interface Failed {
  kind: 'failed';
  file: string;
  error: QuiverError;
  line?: number;
  bytes: number;
}

/** The last event: all that happened. */
export interface Finished {
  kind: 'finished';
  /** Files that were found; each is read, unchanged or failed. */
  files: number;
  read: number;
  unchanged: number;
  failed: number;
  documents: number;
  chunks: number;
  /** Records that are known already, and those that cannot be read. */
  records: { unchanged: number; failed: number };
  bytes: number;
  seconds: number;
}

export type IngestEvent = Scanned | Documents | Unchanged | Failed | Finished;
