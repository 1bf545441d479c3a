/** From what a parser found to a document with its chunks. */
import { basename } from 'node:path';
import { chunkSpans } from './chunk.js';
import type { Job, PackedDocument } from './messages.js';
import type { ReadSettings } from './options.js';
import type { Parsed } from './parse/parsed.js';
import type { ParsedRecord } from './parse/records.js';
import type { DocumentType } from './types.js';

/** A file that is one document. */
export function toDocument(
  { id, path }: Job,
  type: DocumentType,
  { title, text, sections, pages, metadata }: Parsed,
  hash: string | undefined,
  settings: ReadSettings,
): PackedDocument {
  return {
    id,
    title: title ?? basename(path),
    type,
    source: id,
    ...(hash !== undefined && { hash }),
    text,
    metadata,
    spans: chunkSpans(text, settings.chunk, sections),
    ...(sections !== undefined && sections.length > 0 && { sections }),
    ...(pages !== undefined && { pages }),
  };
}

/** A record of a file. One without an id is named by its line. */
export function toRecordDocument(
  { id }: Job,
  type: DocumentType,
  line: number,
  record: ParsedRecord,
  settings: ReadSettings,
): PackedDocument {
  const { title, text, metadata, hash } = record;
  return {
    id: `${id}#${record.id ?? String(line)}`,
    ...(title !== undefined && { title }),
    type,
    source: id,
    hash,
    text,
    metadata,
    spans: chunkSpans(text, settings.chunk),
  };
}
