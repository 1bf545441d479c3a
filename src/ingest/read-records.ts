/** Reads a file of records, JSONL or CSV, in batches: however long it is, only a few records are in memory. */
import { createHash } from 'node:crypto';
import type { QuiverError } from '../../lib/errors.js';
import { fileError } from '../vectors/errors.js';
import { detectEncoding } from './encoding.js';
import type { OpenFile } from './file.js';
import { toPlainError } from './messages.js';
import type { Batch, Job, Outcome, PackedDocument, Send } from './messages.js';
import { MAX_BYTES } from './options.js';
import type { ReadSettings } from './options.js';
import type { RecordResult } from './parse/records.js';
import { toDocument, toRecordDocument } from './to-document.js';

const SAMPLE = 64 * 1024;
/** A batch is sent when it has this many records or characters. */
const BATCH_RECORDS = 512;
const BATCH_CHARACTERS = 1_000_000;
/** When so many lines are bad and none is good, it is not a file of records. */
const HOPELESS = 100;

export async function readRecords(
  job: Job,
  type: 'jsonl' | 'csv',
  file: OpenFile,
  settings: ReadSettings,
  send: Send,
): Promise<Outcome> {
  const { maxBytes = Infinity } = settings;
  if (file.size > maxBytes) await file.whole(maxBytes);
  if (job.known !== undefined && job.known === (await hashOf(file))) return { kind: 'unchanged', bytes: file.size };
  const head = await file.head(SAMPLE);
  const encoding = settings.encoding ?? detectEncoding(head, { whole: file.size <= SAMPLE });
  const hash = createHash('sha256');
  let bytes = 0;
  const parts = file.parts((part) => {
    hash.update(part);
    bytes += part.length;
  });
  const batches = createBatches(job, type, settings, send, () => bytes);
  const done =
    type === 'jsonl'
      ? await jsonl(job, parts, encoding, settings, batches)
      : await csv(job, file, parts, encoding, settings, batches);
  return { kind: 'done', batch: batches.take(done ? hash.digest('hex') : undefined) };
}

async function hashOf(file: OpenFile): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of file.parts()) hash.update(part);
  return hash.digest('hex');
}

interface Batches {
  add: (result: RecordResult) => Promise<void>;
  /** A table that is one document. */
  whole: (text: string) => void;
  /** What has come together, and begins anew. */
  take: (hash: string | undefined) => Batch;
}

function createBatches(
  job: Job,
  type: 'jsonl' | 'csv',
  settings: ReadSettings,
  send: Send,
  read: () => number,
): Batches {
  let documents: PackedDocument[] = [];
  let failures: Batch['failures'] = [];
  let characters = 0;
  let taken = 0;
  let began = performance.now();
  let good = 0;
  let bad = 0;
  const take = (hash: string | undefined): Batch => {
    const seconds = (performance.now() - began) / 1000;
    // The whole table is known only when all of it was read.
    if (hash !== undefined) for (const document of documents) document.hash ??= hash;
    const batch = { documents, failures, hash, bytes: read() - taken, seconds };
    [documents, failures, characters, taken] = [[], [], 0, read()];
    return batch;
  };
  return {
    take,
    whole(text) {
      documents.push(toDocument(job, type, { text, metadata: {} }, undefined, settings));
    },
    async add(result) {
      if ('error' in result) {
        failures.push({ line: result.line, error: toPlainError(result.error, () => result.error) });
        if (++bad >= HOPELESS && good === 0) throw hopeless(job, result.error);
      } else {
        good++;
        characters += result.record.text.length;
        documents.push(toRecordDocument(job, type, result.line, result.record, settings));
      }
      if (documents.length + failures.length < BATCH_RECORDS && characters < BATCH_CHARACTERS) return;
      await send(take(undefined));
      began = performance.now();
    },
  };
}

function hopeless({ id }: Job, error: QuiverError): QuiverError {
  return fileError('E_CORRUPT', id, `none of the first ${HOPELESS} lines is a record, so the rest was not read`, {
    hint: `The last error was: ${error.message}`,
  });
}

/** @returns whether all of the file was read */
async function jsonl(
  job: Job,
  parts: AsyncIterable<Buffer>,
  encoding: string,
  { maxRecordBytes }: ReadSettings,
  batches: Batches,
): Promise<boolean> {
  const { readJsonl } = await import('./parse/jsonl.js');
  for await (const result of readJsonl(job.id, parts, encoding, maxRecordBytes)) await batches.add(result);
  return true;
}

async function csv(
  job: Job,
  file: OpenFile,
  parts: AsyncIterable<Buffer>,
  encoding: string,
  { maxBytes, maxRecordBytes }: ReadSettings,
  batches: Batches,
): Promise<boolean> {
  const { columnNames, createTableText, readCsv, rowRecord } = await import('./parse/csv.js');
  const { recognise } = await import('./parse/records.js');
  const rows = readCsv(job.id, parts, encoding, maxRecordBytes);
  const first = await rows.next();
  if (first.done === true) {
    batches.whole('');
    return true;
  }
  if ('error' in first.value) throw first.value.error;
  const names = columnNames(first.value.cells);
  const fields = recognise(names);
  if (fields.text === undefined) {
    if (maxBytes === undefined && file.size > MAX_BYTES) await file.whole(MAX_BYTES);
    const table = createTableText(first.value.cells);
    for await (const row of rows) {
      if ('error' in row) throw row.error;
      table.add(row.cells);
    }
    batches.whole(table.text());
    return true;
  }
  for await (const row of rows) {
    await batches.add('error' in row ? row : rowRecord(row, names, fields));
    if ('error' in row) return false;
  }
  return true;
}
