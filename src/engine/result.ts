/** Whether a value from outside, such as a shared cache, is a result of ours. */
import type { QueryResult } from './types.js';

type Shape = 'string' | 'number' | 'boolean';

/** What a field that is not of one of these shapes holds is not known yet. */
interface Unsure {
  marks?: unknown;
  cited?: unknown;
  sources?: unknown;
  quotes?: unknown;
  metadata?: unknown;
}

function has(value: unknown, fields: Record<string, Shape>): value is Unsure {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(fields).every(([name, type]) => typeof (value as Record<string, unknown>)[name] === type);
}

const RESULT = { answer: 'string', found: 'boolean' } as const;
const SOURCE = {
  number: 'number',
  document_id: 'string',
  file_name: 'string',
  relevance_score: 'number',
  score: 'number',
  snippet: 'string',
} as const;
const QUOTE = { text: 'string', source: 'number', start: 'number', end: 'number', score: 'number' } as const;
const METADATA = {
  retrieval_time: 'number',
  llm_time: 'number',
  total_time: 'number',
  documents_retrieved: 'number',
  model: 'string',
  embedding_model: 'string',
  index: 'string',
  mode: 'string',
  generation: 'number',
} as const;

function isSource(value: unknown): boolean {
  return has(value, SOURCE) && Array.isArray(value.marks) && value.marks.every(isNumbers);
}

function isNumbers(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'number');
}

/** The value, when it is a result; else undefined. */
export function checkResult(value: unknown): QueryResult | undefined {
  if (!has(value, RESULT)) return undefined;
  const { sources, quotes, metadata } = value;
  const whole =
    Array.isArray(sources) &&
    sources.every(isSource) &&
    Array.isArray(quotes) &&
    quotes.every((quote) => has(quote, QUOTE)) &&
    has(metadata, METADATA) &&
    isNumbers(metadata.cited);
  return whole ? (value as unknown as QueryResult) : undefined;
}
