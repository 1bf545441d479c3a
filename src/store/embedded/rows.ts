/** Documents and chunks as rows, and back, with their sums checked. */
import type Database from 'better-sqlite3';
import type { Chunk, Document, JsonObject } from '../../document/types.js';
import type { DocumentSummary } from '../backend.js';
import { chunkText, type PreparedChunk, type PreparedDocument } from '../entry.js';
import { damaged, hashOfText, sumOfValues } from './sums.js';

export interface DocumentRow {
  number: number;
  id: string;
  title: string | null;
  type: string | null;
  source: string | null;
  hash: string | null;
  metadata: string;
  first_chunk: number;
  chunks: number;
  length: number;
  text_hash: Uint8Array;
  sum: number;
}

export interface ChunkRow {
  id: number;
  document: number;
  position: number;
  start: number;
  end: number;
  page: number | null;
  headings: string | null;
  text: string;
  sum: number;
}

const DOCUMENT_COLUMNS = 'number, id, title, type, source, hash, metadata, first_chunk, chunks, length, text_hash, sum';
const CHUNK_COLUMNS = 'id, document, position, start, "end", page, headings, text, sum';

/** SQL that selects whole rows of documents or chunks, followed by `rest`. */
export function selectDocuments(rest: string): string {
  return `SELECT ${DOCUMENT_COLUMNS} FROM documents ${rest}`;
}
export function selectChunks(rest: string): string {
  return `SELECT ${CHUNK_COLUMNS} FROM chunks ${rest}`;
}

export const INSERT_DOCUMENT = `INSERT INTO documents (${DOCUMENT_COLUMNS})
  VALUES (@number, @id, @title, @type, @source, @hash, @metadata, @first_chunk, @chunks, @length, @text_hash, @sum)`;
export const INSERT_CHUNK = `INSERT INTO chunks (${CHUNK_COLUMNS})
  VALUES (@id, @document, @position, @start, @end, @page, @headings, @text, @sum)`;

function documentSum(row: Omit<DocumentRow, 'sum'>): number {
  const { number, id, title, type, source, hash, metadata, first_chunk, chunks, length, text_hash } = row;
  const hex = Buffer.from(text_hash).toString('hex');
  return sumOfValues([number, id, title, type, source, hash, metadata, first_chunk, chunks, length, hex]);
}

function chunkSum(row: Omit<ChunkRow, 'sum'>): number {
  const { id, document, position, start, end, page, headings, text } = row;
  return sumOfValues([id, document, position, start, end, page, headings, text]);
}

export function toDocumentRow(document: PreparedDocument, number: number, firstChunk: number): DocumentRow {
  const row = {
    number,
    id: document.id,
    title: document.title ?? null,
    type: document.type ?? null,
    source: document.source ?? null,
    hash: document.hash ?? null,
    metadata: document.metadata,
    first_chunk: firstChunk,
    chunks: document.chunks.length,
    length: document.text.length,
    text_hash: hashOfText(document.text),
  };
  return { ...row, sum: documentSum(row) };
}

export function toChunkRow(
  chunk: PreparedChunk,
  text: string,
  document: number,
  firstChunk: number,
  position: number,
): ChunkRow {
  const row = {
    id: firstChunk + position,
    document,
    position,
    start: chunk.start,
    end: chunk.end,
    page: chunk.page ?? null,
    headings: chunk.headings === undefined ? null : JSON.stringify(chunk.headings),
    text: chunkText(text, chunk),
  };
  return { ...row, sum: chunkSum(row) };
}

export function checkDocument(db: Database.Database, row: DocumentRow): void {
  if (documentSum(row) !== row.sum)
    throw damaged(db.name, `document ${String(row.number)} (${JSON.stringify(row.id)})`);
}

export function checkChunk(db: Database.Database, row: ChunkRow): void {
  if (chunkSum(row) === row.sum) return;
  throw damaged(db.name, `chunk ${String(row.position)} of document ${String(row.document)}`);
}

export function checkText(db: Database.Database, row: DocumentRow, text: string | undefined): asserts text is string {
  if (text !== undefined && hashOfText(text).equals(row.text_hash)) return;
  throw damaged(db.name, `the text of document ${String(row.number)} (${JSON.stringify(row.id)})`);
}

type Named = Pick<DocumentSummary, 'id' | 'title' | 'type' | 'source'> & { metadata: JsonObject };

/** What names a document to people; absent fields stay absent. */
export function namedOf(row: DocumentRow): Named {
  return {
    id: row.id,
    ...(row.title !== null && { title: row.title }),
    ...(row.type !== null && { type: row.type }),
    ...(row.source !== null && { source: row.source }),
    metadata: JSON.parse(row.metadata) as JsonObject,
  };
}

export function summaryOf(row: DocumentRow): DocumentSummary {
  return {
    ...namedOf(row),
    ...(row.hash !== null && { hash: row.hash }),
    chunks: row.chunks,
    length: row.length,
  };
}

export function chunkOf(row: ChunkRow): Chunk & { position: number } {
  return {
    position: row.position,
    text: row.text,
    start: row.start,
    end: row.end,
    ...(row.page !== null && { page: row.page }),
    ...(row.headings !== null && { headings: JSON.parse(row.headings) as string[] }),
  };
}

export function documentOf(row: DocumentRow, text: string, chunks: readonly ChunkRow[]): Document {
  return {
    ...namedOf(row),
    ...(row.hash !== null && { hash: row.hash }),
    text,
    chunks: chunks.map((chunk) => {
      const { position, ...rest } = chunkOf(chunk);
      return rest;
    }),
  };
}
