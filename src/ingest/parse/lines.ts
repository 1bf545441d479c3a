/** Lines of bytes, of which none is longer than allowed: what is longer is passed over, not kept. */
import type { Decode } from '../encoding.js';

const NEWLINE = 0x0a;

export interface ByteLine {
  /** From 1. */
  number: number;
  /** Without its line end; undefined when the line is too long. */
  bytes: Buffer | undefined;
  /** Its length, also when it is too long. */
  length: number;
}

export async function* readByteLines(parts: AsyncIterable<Buffer>, maxLine: number): AsyncGenerator<ByteLine, void> {
  let number = 0;
  let held: Buffer[] = [];
  let length = 0;
  const add = (bytes: Buffer): void => {
    length += bytes.length;
    if (length > maxLine) held = [];
    else if (bytes.length > 0) held.push(bytes);
  };
  const line = (): ByteLine => {
    const [only] = held;
    const bytes = held.length === 1 && only !== undefined ? only : Buffer.concat(held);
    const done = { number: ++number, bytes: length > maxLine ? undefined : bytes, length };
    held = [];
    length = 0;
    return done;
  };
  for await (const part of parts) {
    let from = 0;
    for (let end = part.indexOf(NEWLINE); end !== -1; end = part.indexOf(NEWLINE, from)) {
      add(part.subarray(from, end));
      from = end + 1;
      yield line();
    }
    add(part.subarray(from));
  }
  if (length > 0) yield line();
}

/** The same text in UTF-8, so that a line end is a byte and nothing else is. */
export async function* reencode(parts: AsyncIterable<Buffer>, decode: Decode): AsyncGenerator<Buffer, void> {
  for await (const part of parts) yield Buffer.from(decode(part));
  yield Buffer.from(decode());
}
