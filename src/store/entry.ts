/** Documents on their way in: every promise that src/document/types.ts makes is checked before anything is stored. */
import { outOfRange, QuiverError, show, wrongArgument } from '../../lib/errors.js';
import type { Chunk, JsonValue } from '../document/types.js';
import type { Entry } from './backend.js';

const MAX_ID = 4_096;
const MAX_FIELD = 65_536;
/** UTF-16 units; SQLite takes a gigabyte of UTF-8. */
const MAX_TEXT = 1e8;
const MAX_METADATA = 1 << 20;
const MAX_DEPTH = 64;
const MAX_CHUNKS = 1_000_000;

/** A document as it is stored: strings are well-formed, vectors of length 1 (or 0), metadata as JSON. */
export interface PreparedDocument {
  id: string;
  title?: string;
  type?: string;
  source?: string;
  hash?: string;
  text: string;
  metadata: string;
  chunks: PreparedChunk[];
  vectors: Float32Array;
}

/** A chunk without its text, which is `text.slice(start, end)` of the document. */
export type PreparedChunk = Omit<Chunk, 'text'>;

type WellFormed = string & { toWellFormed(): string };

/** Half surrogate pairs become U+FFFD, as they would in any UTF-8. Lengths and offsets stay. */
function wellFormed(text: string): string {
  return (text as WellFormed).toWellFormed();
}

/** The text of a chunk, also where its border cuts a surrogate pair in two. */
export function chunkText(text: string, { start, end }: PreparedChunk): string {
  return wellFormed(text.slice(start, end));
}

/** Checks one entry and copies its vectors. Errors: E_ARGUMENT, E_DIMENSION, E_NOT_FINITE, E_RANGE. */
export function prepareEntry(name: string, entry: Entry, dim: number): PreparedDocument {
  if (typeof entry !== 'object' || entry === null) throw wrongArgument(name, '{ document, vectors }', entry);
  const { document, vectors } = entry;
  if (typeof document !== 'object' || document === null) throw wrongArgument(`${name}.document`, 'an object', document);
  const id = checkId(`${name}.document.id`, document.id);
  const of = (field: string): string => `${field} of document ${show(id)}`;
  const text = checkString(of('text'), document.text, MAX_TEXT);
  const chunks: unknown = document.chunks;
  if (!Array.isArray(chunks)) throw wrongArgument(of('chunks'), 'an array', chunks);
  if (chunks.length > MAX_CHUNKS)
    throw outOfRange(of('the number of chunks'), `at most ${String(MAX_CHUNKS)}`, chunks.length);
  const prepared: PreparedDocument = {
    id,
    text,
    metadata: metadataJson(of('metadata'), document.metadata),
    chunks: document.chunks.map((chunk, i) => prepareChunk(of(`chunks[${String(i)}]`), chunk, document.text)),
    vectors: unitVectors(of('vectors'), vectors, chunks.length, dim),
  };
  for (const field of ['title', 'type', 'source', 'hash'] as const) {
    const value = document[field];
    if (value !== undefined) prepared[field] = checkString(of(field), value, MAX_FIELD);
  }
  return prepared;
}

export function checkId(name: string, id: unknown): string {
  if (typeof id !== 'string') throw wrongArgument(name, 'a string', id);
  if (id === '' || id.length > MAX_ID) {
    throw new QuiverError(
      'E_RANGE',
      `${name} must have 1 to ${String(MAX_ID)} characters, but has ${String(id.length)}.`,
      {
        expected: `1 to ${String(MAX_ID)} characters`,
        actual: String(id.length),
      },
    );
  }
  if (wellFormed(id) !== id) {
    throw new QuiverError('E_ARGUMENT', `${name} holds half of a surrogate pair: ${show(id)}. Ids are kept as UTF-8.`, {
      expected: 'well-formed text',
      actual: show(id),
    });
  }
  return id;
}

function checkString(name: string, value: unknown, limit: number): string {
  if (typeof value !== 'string') throw wrongArgument(name, 'a string', value);
  if (value.length > limit) {
    const expected = `at most ${limit.toLocaleString('en')} characters`;
    throw new QuiverError('E_RANGE', `${name} must have ${expected}, but has ${value.length.toLocaleString('en')}.`, {
      expected,
      actual: value.length.toLocaleString('en'),
    });
  }
  return wellFormed(value);
}

function prepareChunk(name: string, chunk: Chunk, text: string): PreparedChunk {
  if (typeof chunk !== 'object' || chunk === null) throw wrongArgument(name, 'an object', chunk);
  const { start, end, page, headings } = chunk;
  const within = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= text.length;
  if (!within) {
    const expected = `0 <= start <= end <= ${String(text.length)}`;
    throw outOfRange(`start and end of ${name}`, expected, `${show(start)} and ${show(end)}`);
  }
  if (chunk.text !== text.slice(start, end)) {
    const expected = `text.slice(${String(start)}, ${String(end)}) of the document`;
    throw wrongArgument(`text of ${name}`, expected, chunk.text);
  }
  const prepared: PreparedChunk = { start, end };
  if (page !== undefined) {
    if (!Number.isSafeInteger(page) || page < 0) throw wrongArgument(`page of ${name}`, 'a whole number', page);
    prepared.page = page;
  }
  if (headings !== undefined) {
    if (!Array.isArray(headings)) throw wrongArgument(`headings of ${name}`, 'an array of strings', headings);
    prepared.headings = headings.map((one, i) => checkString(`headings[${String(i)}] of ${name}`, one, MAX_FIELD));
  }
  return prepared;
}

function metadataJson(name: string, metadata: unknown): string {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw wrongArgument(name, 'an object', metadata);
  }
  checkJson(name, metadata, 0);
  const json = JSON.stringify(metadata);
  if (json.length > MAX_METADATA) {
    const expected = `at most ${MAX_METADATA.toLocaleString('en')} characters of JSON`;
    throw new QuiverError('E_RANGE', `${name} must have ${expected}, but has ${json.length.toLocaleString('en')}.`, {
      expected,
      actual: json.length.toLocaleString('en'),
    });
  }
  return json;
}

/** What JSON cannot hold would come back as something else, so it is refused. */
function checkJson(name: string, value: unknown, depth: number): asserts value is JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (typeof value !== 'object' || !(Array.isArray(value) || isPlain(value))) {
    throw wrongArgument(
      name,
      'what JSON can hold (strings, finite numbers, booleans, null, arrays, plain objects)',
      value,
    );
  }
  if (depth > MAX_DEPTH) throw outOfRange(`the depth of ${name}`, `at most ${String(MAX_DEPTH)} levels`, 'more');
  if (Array.isArray(value)) value.forEach((one, i) => checkJson(`${name}[${String(i)}]`, one, depth + 1));
  else for (const [key, one] of Object.entries(value)) checkJson(`${name}.${key}`, one, depth + 1);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** A copy with vectors of length 1; those of length 0 stay, and have cosine 0 to everything. */
function unitVectors(name: string, vectors: Float32Array, count: number, dim: number): Float32Array {
  if (!(vectors instanceof Float32Array)) throw wrongArgument(name, 'a Float32Array', vectors);
  if (vectors.length !== count * dim) {
    const expected = `${String(count)} * ${String(dim)} numbers, one vector a chunk`;
    throw new QuiverError('E_DIMENSION', `${name} must hold ${expected}, but hold ${String(vectors.length)}.`, {
      expected: String(count * dim),
      actual: String(vectors.length),
    });
  }
  const unit = new Float32Array(vectors.length);
  for (let i = 0; i < count; i++) {
    if (toUnit(vectors, unit, i * dim, dim)) continue;
    const at = vectors.subarray(i * dim, (i + 1) * dim).findIndex((value) => !Number.isFinite(value));
    const actual = String(vectors[i * dim + at]);
    throw new QuiverError('E_NOT_FINITE', `${name}: the one of chunk ${String(i)} holds ${actual}.`, {
      expected: 'finite numbers',
      actual,
    });
  }
  return unit;
}

/**
 * Writes the vector at `from`, scaled to length 1, to the same place of `unit`. False where it holds NaN or infinity: squares of finite
 * floats do not overflow a double.
 */
export function toUnit(vectors: Float32Array, unit: Float32Array, from: number, dim: number): boolean {
  let sum = 0;
  for (let j = from; j < from + dim; j++) sum += vectors[j] * vectors[j];
  if (!Number.isFinite(sum)) return false;
  const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  for (let j = from; j < from + dim; j++) unit[j] = vectors[j] * scale;
  return true;
}
