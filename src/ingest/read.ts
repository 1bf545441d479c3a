/** Reads one file: finds out what it is, has it parsed, cuts it into chunks. Runs in a worker. */
import { createHash } from 'node:crypto';
import type { QuiverError } from '../../lib/errors.js';
import { fileError } from '../vectors/errors.js';
import { looksBinary } from './clean.js';
import { HEAD_BYTES, sniff, typeByName } from './detect.js';
import { decode, detectEncoding } from './encoding.js';
import { openFile } from './file.js';
import type { OpenFile } from './file.js';
import { toPlainError } from './messages.js';
import type { Job, Outcome, Send } from './messages.js';
import { MAX_BYTES } from './options.js';
import type { ReadSettings } from './options.js';
import type { Parsed } from './parse/parsed.js';
import { readRecords } from './read-records.js';
import { toDocument } from './to-document.js';
import type { DocumentType } from './types.js';

/** Never throws: what goes wrong is the outcome. */
export async function readFile(job: Job, settings: ReadSettings, send: Send): Promise<Outcome> {
  let bytes = 0;
  try {
    const file = await openFile(job.id, job.path);
    bytes = file.size;
    try {
      return await readOpen(job, file, settings, send);
    } finally {
      await file.close();
    }
  } catch (error) {
    const damaged = (reason: string): QuiverError =>
      fileError('E_CORRUPT', job.id, `the file cannot be read (${reason})`);
    return { kind: 'failed', error: toPlainError(error, damaged), bytes };
  }
}

async function readOpen(job: Job, file: OpenFile, settings: ReadSettings, send: Send): Promise<Outcome> {
  const type = typeOf(job, await file.head(HEAD_BYTES));
  if (type === 'jsonl' || type === 'csv') return readRecords(job, type, file, settings, send);
  const began = performance.now();
  const bytes = await file.whole(settings.maxBytes ?? MAX_BYTES);
  const hash = createHash('sha256').update(bytes).digest('hex');
  if (hash === job.known) return { kind: 'unchanged', bytes: bytes.length };
  const parsed = await parse(job, type, bytes, settings);
  const document = toDocument(job, type, parsed, hash, settings);
  const seconds = (performance.now() - began) / 1000;
  return { kind: 'done', batch: { documents: [document], failures: [], hash, bytes: bytes.length, seconds } };
}

function typeOf({ id, path }: Job, head: Buffer): DocumentType {
  const { type, foreign } = sniff(head);
  if (foreign !== undefined) {
    throw fileError('E_UNSUPPORTED', id, `the file is ${foreign}`, {
      hint: 'Convert it to PDF, DOCX, HTML or text first',
    });
  }
  // What begins like a PDF or an archive is one, whatever it is called. For text the name says more.
  if (type === 'pdf' || type === 'docx') return type;
  return typeByName(path) ?? type ?? 'text';
}

/** Parsers are large, and most runs need only some of them: each is loaded when it is first needed. */
async function parse(job: Job, type: DocumentType, bytes: Buffer, settings: ReadSettings): Promise<Parsed> {
  if (type === 'pdf') return (await import('./parse/pdf.js')).parsePdf(job.id, bytes, settings);
  if (type === 'docx') return (await import('./parse/docx.js')).parseDocx(job.id, bytes);
  const encoding = settings.encoding ?? detectEncoding(bytes, { html: type === 'html' });
  const text = decode(bytes, encoding);
  if (looksBinary(text)) {
    throw fileError('E_UNSUPPORTED', job.id, 'the file is not text, or in an encoding that was not recognised', {
      hint: 'If it is text, name its encoding with the option encoding',
    });
  }
  const parsed = await parseText(type, text);
  return encoding === 'utf-8' ? parsed : { ...parsed, metadata: { encoding, ...parsed.metadata } };
}

async function parseText(type: DocumentType, text: string): Promise<Parsed> {
  if (type === 'html') return (await import('./parse/html.js')).parseHtml(text);
  if (type === 'markdown') return (await import('./parse/markdown.js')).parseMarkdown(text);
  return (await import('./parse/text.js')).parseText(text);
}
