/**
 * A teacher's vectors on disk, so that a second run asks it nothing twice. One record a text: 16 bytes of its hash and the vector in
 * 16-bit fixed point. Records are only appended; what a killed run left half-written is cut off.
 */
import { createHash } from 'node:crypto';
import { open, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

const KEY_BYTES = 16;
const ONE = 32_767;
/** Texts between two writes: what a killed run loses. */
const PIECE = 1024;

/** @param {string} text */
function keyOf(text) {
  return createHash('sha256').update(text).digest().subarray(0, KEY_BYTES);
}

/**
 * Vectors of `texts`, from the file where it has them, else from the teacher.
 *
 * @param {import('./teacher.mjs').Teacher} teacher
 * @param {string} file
 * @param {readonly string[]} texts
 * @param {(done: number, total: number) => void} [onProgress] of the texts that were not in the file
 * @returns {Promise<Float32Array>}
 */
export async function embedCached(teacher, file, texts, onProgress) {
  const { dim } = teacher;
  const recordBytes = KEY_BYTES + dim * 2;
  const wanted = new Map();
  texts.forEach((text, i) => {
    const key = keyOf(text).toString('latin1');
    const rows = wanted.get(key);
    if (rows === undefined) wanted.set(key, [i]);
    else rows.push(i);
  });
  const out = new Float32Array(texts.length * dim);
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, 'a+');
  try {
    const { size } = await handle.stat();
    const whole = Math.floor(size / recordBytes);
    if (whole * recordBytes !== size) await handle.truncate(whole * recordBytes);
    const block = Buffer.alloc(recordBytes * 4096);
    for (let at = 0; at < whole; at += 4096) {
      const count = Math.min(4096, whole - at);
      await handle.read(block, 0, count * recordBytes, at * recordBytes);
      for (let r = 0; r < count; r++) {
        const from = r * recordBytes;
        const key = block.toString('latin1', from, from + KEY_BYTES);
        const rows = wanted.get(key);
        if (rows === undefined) continue;
        wanted.delete(key);
        for (const row of rows) {
          for (let d = 0; d < dim; d++) out[row * dim + d] = block.readInt16LE(from + KEY_BYTES + d * 2) / ONE;
        }
      }
    }
    const missing = [...wanted.values()];
    // Short texts first: the work of a piece is then alike, and its texts are of one length.
    missing.sort((a, b) => String(texts[a[0]]).length - String(texts[b[0]]).length);
    for (let from = 0; from < missing.length; from += PIECE) {
      const piece = missing.slice(from, from + PIECE);
      const vectors = await teacher.embed(piece.map(([first]) => String(texts[first])));
      const records = Buffer.alloc(piece.length * recordBytes);
      piece.forEach((rows, r) => {
        keyOf(String(texts[rows[0]])).copy(records, r * recordBytes);
        for (let d = 0; d < dim; d++) {
          const value = Math.round(Number(vectors[r * dim + d]) * ONE);
          records.writeInt16LE(value, r * recordBytes + KEY_BYTES + d * 2);
          for (const row of rows) out[row * dim + d] = value / ONE;
        }
      });
      await handle.appendFile(records);
      onProgress?.(Math.min(missing.length, from + PIECE), missing.length);
    }
    return out;
  } finally {
    await handle.close();
  }
}
