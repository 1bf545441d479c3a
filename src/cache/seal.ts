/** What lies in Redis: an answer with a MAC, so that nobody without the secret can change it, or pass it off under another key. */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface Sealed {
  json: string;
  negative: boolean;
  /** Milliseconds since 1970. */
  expires: number;
}

const NEWLINE = 0x0a;
/** `quiver1 MAC EXPIRES KIND`, then a line break and the JSON. */
const HEADER = /^quiver1 ([0-9a-f]{64}) (\d{1,16}) ([np])$/;
const MOST_HEADER = 100;

function macOf(secret: string, key: string, terms: string, json: string | Uint8Array): Buffer {
  // Neither key nor terms hold a line break, so that the three have one reading only.
  return createHmac('sha256', secret).update(`${key}\n${terms}\n`).update(json).digest();
}

export function seal(secret: string, key: string, { json, negative, expires }: Sealed): Buffer {
  const terms = `${Math.floor(expires)} ${negative ? 'n' : 'p'}`;
  return Buffer.from(`quiver1 ${macOf(secret, key, terms, json).toString('hex')} ${terms}\n${json}`);
}

/** Undefined: not ours, or not under this key. */
export function unseal(secret: string, key: string, bytes: Buffer): Sealed | undefined {
  const end = bytes.subarray(0, MOST_HEADER + 1).indexOf(NEWLINE);
  const match = end < 0 ? null : HEADER.exec(bytes.toString('latin1', 0, end));
  if (match === null) return undefined;
  const [, mac, expires, kind] = match;
  const json = bytes.subarray(end + 1);
  if (!timingSafeEqual(Buffer.from(mac, 'hex'), macOf(secret, key, `${expires} ${kind}`, json))) return undefined;
  return { json: json.toString('utf8'), negative: kind === 'n', expires: Number(expires) };
}
