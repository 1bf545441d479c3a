/** Records of JSONL and CSV as documents: which of their fields is the id, the title, the text. */
import { createHash } from 'node:crypto';
import type { QuiverError } from '../../../lib/errors.js';
import type { JsonObject, JsonValue } from '../../document/types.js';
import { cleanText } from '../clean.js';

const IDS = ['id', '_id', 'doc_id', 'docid', 'key'];
const TITLES = ['title', 'headline', 'subject'];
const TEXTS = ['text', 'content', 'body', 'passage', 'abstract', 'description'];

export interface FieldNames {
  id: string | undefined;
  title: string | undefined;
  text: string | undefined;
}

/** The names of a record's fields that have a meaning, whatever their case. */
export function recognise(names: readonly string[]): FieldNames {
  const find = (wanted: readonly string[]): string | undefined => {
    for (const one of wanted) {
      const found = names.find((name) => name.trim().toLowerCase() === one);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return { id: find(IDS), title: find(TITLES), text: find(TEXTS) };
}

export interface ParsedRecord {
  /** Within its file; undefined when the record has none. */
  id: string | undefined;
  title: string | undefined;
  text: string;
  metadata: JsonObject;
  hash: string;
}

/** A record, or why there is none. */
export type RecordResult = { line: number; record: ParsedRecord } | { line: number; error: QuiverError };

/** @param source what the record was made of, to the byte: its hash tells whether it has changed */
export function toRecord(record: JsonObject, fields: FieldNames, source: string | Uint8Array): ParsedRecord {
  const id = fields.id === undefined ? undefined : plain(record[fields.id]);
  const title = fields.title === undefined ? undefined : plain(record[fields.title]);
  const own = fields.text === undefined ? undefined : plain(record[fields.text]);
  const used = new Set([id && fields.id, title && fields.title, own !== undefined && fields.text]);
  const entries = Object.entries(record).filter(([name]) => !used.has(name));
  return {
    id: oneLine(id),
    title: oneLine(title),
    text: cleanText(own ?? (fields.text === undefined ? inWords(record, fields.id) : (title ?? ''))),
    metadata: Object.fromEntries(entries.flatMap(unwrapped)),
    hash: createHash('sha256').update(source).digest('hex'),
  };
}

function oneLine(text: string | undefined): string | undefined {
  return (
    cleanText(text ?? '')
      .replace(/\s+/g, ' ')
      .trim() || undefined
  );
}

/** A field as text; undefined for an empty one, and for what is no text. */
function plain(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string'))
    return value.join('\n');
  return undefined;
}

/** A record without a field for its text: all that it says, a line each. */
function inWords(record: JsonObject, id: string | undefined): string {
  const lines = Object.entries(record).flatMap(([name, value]) => {
    if (name === id) return [];
    const text = typeof value === 'boolean' ? String(value) : plain(value);
    return text === undefined ? [] : [`${name}: ${text}`];
  });
  return lines.join('\n');
}

/** Data sets put all other fields into one named `metadata`. */
function unwrapped([name, value]: [string, JsonValue]): [string, JsonValue][] {
  const isInner = name === 'metadata' && typeof value === 'object' && value !== null && !Array.isArray(value);
  return isInner ? Object.entries(value) : [[name, value]];
}
