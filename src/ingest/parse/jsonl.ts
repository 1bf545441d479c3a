/** JSONL: a record a line. A bad line is told by its number, and the next one is read. */
import { fileError } from '../../vectors/errors.js';
import { createDecoder } from '../encoding.js';
import { toJsonObject } from './json.js';
import { readByteLines, reencode } from './lines.js';
import type { ByteLine } from './lines.js';
import { recognise, toRecord } from './records.js';
import type { RecordResult } from './records.js';

/** @param parts the file, piece by piece */
export async function* readJsonl(
  name: string,
  parts: AsyncIterable<Buffer>,
  encoding: string,
  maxRecordBytes: number,
): AsyncGenerator<RecordResult, void> {
  const isUtf8 = encoding === 'utf-8';
  const lines = readByteLines(isUtf8 ? parts : reencode(parts, createDecoder(encoding)), maxRecordBytes);
  for await (const line of lines) {
    const result = readLine(name, line, maxRecordBytes);
    if (result !== undefined) yield result;
  }
}

const strict = new TextDecoder('utf-8', { fatal: true });

/** Undefined for a blank line. */
function readLine(
  name: string,
  { number: line, bytes, length }: ByteLine,
  maxRecordBytes: number,
): RecordResult | undefined {
  const fail = (what: string, detail: object = {}): RecordResult => ({
    line,
    error: fileError('E_CORRUPT', name, what, { at: `line ${line}`, ...detail }),
  });
  if (bytes === undefined) {
    const error = fileError('E_RANGE', name, 'the line is too long', {
      at: `line ${line}`,
      expected: `at most ${maxRecordBytes} bytes`,
      actual: String(length),
      hint: 'One record a line is read, not one array around them all; raise maxRecordBytes if it is one record',
    });
    return { line, error };
  }
  let text: string;
  try {
    text = strict.decode(bytes).trim();
  } catch {
    return fail('the line is not valid UTF-8', {
      hint: 'If the file is in another encoding, name it with the option encoding',
    });
  }
  if (text === '') return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail(`the line is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const actual = Array.isArray(value) ? 'an array' : `a ${value === null ? 'null' : typeof value}`;
    return fail('the line is not a record', { expected: 'a JSON object', actual });
  }
  const record = toJsonObject(value);
  return { line, record: toRecord(record, recognise(Object.keys(record)), bytes) };
}
