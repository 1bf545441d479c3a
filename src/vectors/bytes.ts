import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import { fileError, ioError } from './errors.js';

/**
 * Reads a file front to back into buffers that the caller gives. A gzipped file looks like the bytes inside it, only that
 * its size is not known before its end.
 */
export class ByteInput {
  readonly path: string;
  /** Bytes in the file; undefined when it is gzipped. */
  readonly size: number | undefined;
  /** Bytes handed out so far. */
  offset = 0;
  readonly #handle: FileHandle;
  #inflated: AsyncIterator<Buffer> | undefined;
  #rest: Uint8Array = new Uint8Array(0);

  private constructor(path: string, handle: FileHandle, size: number | undefined) {
    this.path = path;
    this.#handle = handle;
    this.size = size;
    if (size === undefined) {
      const gunzip = createGunzip({ chunkSize: 256 * 1024 });
      const raw = handle.createReadStream({ start: 0, autoClose: false, highWaterMark: 256 * 1024 });
      raw.on('error', (error) => gunzip.destroy(error));
      this.#inflated = raw.pipe(gunzip)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    }
  }

  static async open(path: string): Promise<ByteInput> {
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (error) {
      throw ioError(path, 'open', error);
    }
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) {
        const actual = stat.isDirectory() ? 'a folder' : 'a pipe or device';
        throw fileError('E_IO', path, 'cannot read vectors from it', { expected: 'a regular file', actual });
      }
      const magic = new Uint8Array(2);
      await handle.read(magic, 0, 2, 0);
      const gzipped = magic[0] === 0x1f && magic[1] === 0x8b;
      return new ByteInput(path, handle, gzipped ? undefined : stat.size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Fills the buffer and returns the number of bytes, which is smaller than the buffer only at the end of the file. */
  async fill(into: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < into.length) {
      const n = await this.#some(into, filled);
      if (n === 0) break;
      filled += n;
      this.offset += n;
    }
    return filled;
  }

  async #some(into: Uint8Array, from: number): Promise<number> {
    if (this.#inflated === undefined) {
      try {
        return (await this.#handle.read(into, from, into.length - from, this.offset)).bytesRead;
      } catch (error) {
        throw ioError(this.path, 'read', error);
      }
    }
    if (this.#rest.length === 0) this.#rest = await this.#inflate(this.#inflated);
    const n = Math.min(this.#rest.length, into.length - from);
    into.set(this.#rest.subarray(0, n), from);
    this.#rest = this.#rest.subarray(n);
    return n;
  }

  async #inflate(inflated: AsyncIterator<Buffer>): Promise<Uint8Array> {
    try {
      const next = await inflated.next();
      return next.done === true ? new Uint8Array(0) : next.value;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw fileError('E_CORRUPT', this.path, `the gzip data is damaged or cut off (${reason})`, {
        at: `byte ${this.offset + this.#rest.length} of the unpacked data`,
        hint: 'Fetch or pack the file again',
      });
    }
  }

  async close(): Promise<void> {
    await this.#inflated?.return?.();
    await this.#handle.close();
  }
}
