import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { IdArray } from '../../lib/types.js';
import { encoderFor } from './encode.js';
import type { Values } from './encode.js';
import { ioError, throwIfAborted } from './errors.js';

export interface WriteBatch {
  /** `m * dim` numbers. */
  vectors: Values;
  ids?: IdArray | undefined;
}

export interface WriteResult {
  count: number;
  bytes: number;
}

/**
 * Writes batches of vectors to a file in the format that its name tells. The file appears whole, under its name, or not at
 * all: it is written beside its place and renamed.
 */
export async function writeVectors(
  path: string,
  dim: number,
  batches: AsyncIterable<WriteBatch> | Iterable<WriteBatch>,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<WriteResult> {
  const encoder = encoderFor(path, dim);
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID().slice(0, 8)}.tmp`);
  let handle: FileHandle;
  try {
    handle = await open(temporary, 'wx');
  } catch (error) {
    throw ioError(path, 'write', error);
  }
  try {
    let count = 0;
    let bytes = 0;
    const write = async (part: Uint8Array, at: number): Promise<void> => {
      for (let from = 0; from < part.length;) {
        const { bytesWritten } = await handle
          .write(part, from, part.length - from, at + from)
          .catch((error: unknown) => {
            throw ioError(path, 'write', error);
          });
        from += bytesWritten;
      }
    };
    // A header holds the count, which is known only at the end: room for it first, its bytes last.
    bytes += encoder.headerBytes;
    for await (const { vectors, ids } of batches) {
      throwIfAborted(options.signal);
      const part = encoder.rows(vectors, ids, count);
      await write(part, bytes);
      bytes += part.length;
      count += vectors.length / dim;
    }
    if (encoder.headerBytes > 0) await write(encoder.header(count), 0);
    await handle.sync();
    await handle.close();
    await rename(temporary, path);
    return { count, bytes };
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
}
