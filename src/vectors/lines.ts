import type { ByteInput } from './bytes.js';
import { fileError } from './errors.js';

export interface Line {
  /** From 1. */
  number: number;
  text: string;
}

/** A line longer than this is not a vector: 65,536 numbers with 20 characters each take 1.3 MB. */
const MAX_LINE = 16 * 1024 * 1024;
const CHUNK = 64 * 1024;
const NEWLINE = 0x0a;

/** The lines of a text file that are not blank, with their numbers. */
export async function* readLines(input: ByteInput): AsyncGenerator<Line, void, undefined> {
  let number = 0;
  let parts: Uint8Array[] = [];
  let held = 0;
  for (;;) {
    const chunk = new Uint8Array(CHUNK);
    const bytes = await input.fill(chunk);
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1 && end < bytes; end = chunk.indexOf(NEWLINE, from)) {
      const text = decode(input.path, ++number, [...parts, chunk.subarray(from, end)]);
      parts = [];
      held = 0;
      from = end + 1;
      if (text !== '') yield { number, text };
    }
    if (from < bytes) {
      parts.push(chunk.subarray(from, bytes));
      held += bytes - from;
    }
    if (held > MAX_LINE) {
      throw fileError('E_CORRUPT', input.path, 'the line is too long', {
        at: `line ${number + 1}`,
        expected: `at most ${MAX_LINE} bytes`,
        actual: 'more',
        hint: 'One vector a line is read, not one array around them all',
      });
    }
    if (bytes < CHUNK) break;
  }
  const text = decode(input.path, ++number, parts);
  if (text !== '') yield { number, text };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(path: string, number: number, parts: Uint8Array[]): string {
  try {
    return utf8.decode(Buffer.concat(parts)).trim();
  } catch {
    throw fileError('E_CORRUPT', path, 'the text is not UTF-8', { at: `line ${number}` });
  }
}
