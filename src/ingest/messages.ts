/** What goes between `ingest`, the process of its workers, and the workers, and how it is packed and unpacked. */
import type { MessagePort } from 'node:worker_threads';
import { QuiverError } from '../../lib/errors.js';
import type { ErrorCode } from '../../lib/errors.js';
import type { Document } from '../document/types.js';
import { chunksFrom } from './chunk.js';
import type { Layout } from './layout.js';
import type { ReadSettings } from './options.js';

/** A file to read. */
export interface Job {
  /** Its document's id, which errors name it by. */
  id: string;
  path: string;
  /** The hash under which it is known: when it is still the same, nothing else is done. */
  known: string | undefined;
}

/** An error as plain data. */
export interface PlainError {
  code: ErrorCode;
  message: string;
  expected?: string | undefined;
  actual?: string | undefined;
}

export function toPlainError(error: unknown, otherwise: (reason: string) => QuiverError): PlainError {
  const reason = error instanceof Error ? error.message : String(error);
  const { code, message, expected, actual } = error instanceof QuiverError ? error : otherwise(reason);
  return { code, message, expected, actual };
}

export function fromPlainError({ code, message, expected, actual }: PlainError): QuiverError {
  return new QuiverError(code, message, {
    ...(expected !== undefined && { expected }),
    ...(actual !== undefined && { actual }),
  });
}

/** A document whose chunks are only places in its text: half of what there would be to send. */
export interface PackedDocument extends Omit<Document, 'chunks'>, Pick<Layout, 'sections' | 'pages'> {
  spans: number[];
}

export function unpack({ spans, sections, pages, ...document }: PackedDocument): Document {
  const layout = { ...(sections !== undefined && { sections }), ...(pages !== undefined && { pages }) };
  return { ...document, chunks: chunksFrom(document.text, spans, layout) };
}

/** A part of what a file holds. */
export interface Batch {
  documents: PackedDocument[];
  failures: { line: number; error: PlainError }[];
  /** SHA-256 of the file; only the last batch has it, and only when all of the file was read. */
  hash: string | undefined;
  bytes: number;
  seconds: number;
}

/** Hands a batch on, and waits until the next one is wanted. */
export type Send = (batch: Batch) => Promise<void>;

/** How reading a file ended. */
export type Outcome =
  | { kind: 'unchanged'; bytes: number }
  | { kind: 'done'; batch: Batch }
  | { kind: 'failed'; error: PlainError; bytes: number };

/** From `ingest` to the process of the workers: read a file, or go on with one whose batch was taken. */
export type ToHost = { kind: 'start'; number: number; job: Job } | { kind: 'more'; number: number };

/** And back: a batch, or how it ended. `packed` is a Batch or an Outcome, serialised by the worker and opened only at the end. */
export type FromHost = { kind: 'ready' } | { kind: 'batch' | 'end'; number: number; packed: Uint8Array };

/** What the process of the workers is started with. */
export interface HostSettings {
  /** The module that reads files: worker.ts, or that of a test. */
  worker: string;
  threads: number;
  maxSeconds: number;
  read: ReadSettings;
}

/** What a worker is called with. */
export interface Task {
  job: Job;
  settings: ReadSettings;
  /** Takes batches; answers each when the next is wanted. */
  port: MessagePort;
}
