/** A file as bytes: whole, or piece by piece. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { fileError, ioError } from '../vectors/errors.js';

const PART = 256 * 1024;

export interface OpenFile {
  size: number;
  /** The first bytes, fewer where the file has fewer. */
  head: (bytes: number) => Promise<Buffer>;
  /** All of it. Errors: E_IO, and E_RANGE when it has more than `most` bytes. */
  whole: (most: number) => Promise<Buffer>;
  /** All of it, piece by piece; `seen` gets each piece. */
  parts: (seen?: (part: Buffer) => void) => AsyncGenerator<Buffer, void>;
  close: () => Promise<void>;
}

/** @param name what errors call it. Errors: E_NOT_FOUND, E_IO. */
export async function openFile(name: string, path: string): Promise<OpenFile> {
  let handle: FileHandle;
  try {
    // A pipe would otherwise keep us waiting for somebody to write to it.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw ioError(name, 'open', error);
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) {
      const actual = stat.isDirectory() ? 'a folder' : 'a pipe, socket or device';
      throw fileError('E_IO', name, 'cannot be read', { expected: 'a regular file', actual });
    }
    return fileOf(name, handle, stat.size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function fileOf(name: string, handle: FileHandle, size: number): OpenFile {
  const read = async (into: Buffer, position: number): Promise<number> => {
    let filled = 0;
    while (filled < into.length) {
      const { bytesRead } = await handle
        .read(into, filled, into.length - filled, position + filled)
        .catch((error: unknown) => Promise.reject(ioError(name, 'read', error)));
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  };
  const upTo = async (bytes: number): Promise<Buffer> => {
    const buffer = Buffer.allocUnsafeSlow(bytes);
    return buffer.subarray(0, await read(buffer, 0));
  };
  return {
    size,
    head: (bytes) => upTo(Math.min(bytes, size)),
    async whole(most) {
      // One byte more than there should be: the file may grow while it is read.
      const bytes = size > most ? undefined : await upTo(size + 1);
      if (bytes !== undefined && bytes.length <= most) return bytes;
      throw fileError('E_RANGE', name, 'the file is too large', {
        expected: `at most ${most.toLocaleString('en')} bytes`,
        actual: (bytes?.length ?? size).toLocaleString('en'),
        hint: 'Raise maxBytes, or split the file',
      });
    },
    async *parts(seen) {
      for (let position = 0; ;) {
        const part = Buffer.allocUnsafeSlow(PART);
        const filled = await read(part, position);
        if (filled > 0) {
          position += filled;
          seen?.(part.subarray(0, filled));
          yield part.subarray(0, filled);
        }
        if (filled < PART) return;
      }
    },
    close: () => handle.close(),
  };
}
