/** From bytes to text: which encoding it is, and how it is read. */
import { isUtf8 } from 'node:buffer';
import { analyse } from 'chardet';

/** Whether the platform can decode it. */
export function canDecode(label: unknown): label is string {
  if (typeof label !== 'string') return false;
  try {
    new TextDecoder(label);
    return true;
  } catch {
    return false;
  }
}

/** What windows-1252 has where Latin-1 has control characters. */
const WINDOWS = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/** Decodes piece by piece: `decode(bytes)` for each, then `decode()` for what is left. */
export type Decode = (bytes?: Uint8Array) => string;

export function createDecoder(encoding: string): Decode {
  if (new TextDecoder(encoding).encoding === 'windows-1252') {
    // Not every version of Node decodes 0x80 to 0x9f as the standard says.
    return (bytes = new Uint8Array(0)) =>
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        .toString('latin1')

        .replace(/[\x80-\x9f]/g, (sign) => WINDOWS[sign.charCodeAt(0) - 0x80] ?? sign);
  }
  const decoder = new TextDecoder(encoding);
  return (bytes) => (bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true }));
}

export function decode(bytes: Uint8Array, encoding: string): string {
  const decoder = createDecoder(encoding);
  return decoder(bytes) + decoder();
}

/** Bytes that are looked at where all would take too long. */
const SAMPLE = 64 * 1024;
/** A page states its encoding within its first bytes. */
const HEAD = 2048;

/**
 * The encoding of a text: its byte order mark, else UTF-8 where it is valid, else what a page says of itself, else the best
 * guess by its letters. `whole` is false when `bytes` are only the beginning.
 */
export function detectEncoding(bytes: Uint8Array, { html = false, whole = true } = {}): string {
  const marked = byMark(bytes) ?? byZeros(bytes.subarray(0, SAMPLE));
  if (marked !== undefined) return marked;
  // The last character of a beginning may be cut.
  const end = whole ? bytes.length : lastWholeCharacter(bytes);
  if (isUtf8(bytes.subarray(0, end)) || isMostlyUtf8(bytes)) return 'utf-8';
  const declared = html ? byDeclaration(bytes.subarray(0, HEAD)) : undefined;
  return declared ?? byLetters(bytes);
}

function byMark([a, b, c]: Uint8Array): string | undefined {
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8';
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  return undefined;
}

/** UTF-16 without a mark: of most characters one byte is zero, always the same one. */
function byZeros(bytes: Uint8Array): string | undefined {
  const zeros = [0, 0];
  const length = bytes.length & ~1;
  for (let i = 0; i < length; i++) if (bytes[i] === 0) zeros[i & 1] = (zeros[i & 1] ?? 0) + 1;
  const [even = 0, odd = 0] = zeros;
  const many = length * 0.2;
  if (odd > many && even < odd / 20) return 'utf-16le';
  if (even > many && odd < even / 20) return 'utf-16be';
  return undefined;
}

function lastWholeCharacter(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes.length - end < 3 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end--;
  return end > 0 && (bytes[end - 1] ?? 0) >= 0xc0 ? end - 1 : end;
}

/** UTF-8 with a few broken characters, and not another encoding, in which hardly any pair of bytes would be valid. */
function isMostlyUtf8(bytes: Uint8Array): boolean {
  const text = new TextDecoder().decode(aroundLetters(bytes));
  let broken = 0;
  let whole = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0xfffd) broken++;
    else if (code > 0x7f) whole++;
  }
  return whole >= 4 * broken;
}

function byDeclaration(head: Uint8Array): string | undefined {
  const text = Buffer.from(head).toString('latin1');
  const label =
    /<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)/i.exec(text)?.[1] ?? /<\?xml[^>]+encoding="([\w-]+)"/i.exec(text)?.[1];
  // A page whose declaration can be read as ASCII is not UTF-16, whatever it says.
  return label !== undefined && canDecode(label) && !/^utf-?16/i.test(label) ? label : undefined;
}

/** Below this the guess is no better than the encoding that is most common. */
const CONFIDENT = 25;

function byLetters(bytes: Uint8Array): string {
  for (const { name, confidence } of analyse(aroundLetters(bytes))) {
    if (confidence < CONFIDENT) break;
    // It takes the C1 codes of windows-1252 for Latin-1.
    if (name === 'ISO-8859-1') return 'windows-1252';
    if (canDecode(name) && !name.startsWith('UTF')) return name.toLowerCase();
  }
  return 'windows-1252';
}

/** A sample from where the text leaves ASCII: nothing before that tells encodings apart. */
function aroundLetters(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte > 0x7f);
  const from = Math.max(0, first - 1024);
  return bytes.subarray(from, from + SAMPLE);
}
