/** A sum for each row: what was flipped on the disk is found when it is read, and never handed on. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { QuiverError } from '../../../lib/errors.js';

/** Of all values of a row, their types included. */
export function sumOfValues(values: readonly (string | number | null)[]): number {
  return crc32(JSON.stringify(values));
}

/** Of a vector, and of the chunk that it belongs to. */
export function sumOfVector(chunk: number, vector: Uint8Array): number {
  return crc32(vector, chunk & 0x7fffffff);
}

export function hashOfText(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** What is stored is not what was written. `what` names it in the database at `path`. */
export function damaged(path: string, what: string): QuiverError {
  return new QuiverError(
    'E_CORRUPT',
    `${path}: ${what} is damaged: it does not fit its sum. Restore a backup, or delete the document and ingest it again.`,
    { expected: 'what was written', actual: 'something else' },
  );
}
