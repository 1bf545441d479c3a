/** Files and buffers taken apart and put together again: the layout of native/core/snapshot.cc, seen from outside. */
export const HEADER_BYTES = 4096;
export const BLOCK_BYTES = 1 << 20;

/** Where the fields of the header lie that tests look at or bend. */
export const FIELD = { version: 8, fileBytes: 16, dim: 24, rows: 32, live: 40, faiss: 128, table: 144, vectors: 160 };

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

export interface Section {
  offset: number;
  bytes: number;
}

export function section(file: Buffer, at: number): Section {
  return { offset: Number(file.readBigUInt64LE(at)), bytes: Number(file.readBigUInt64LE(at + 8)) };
}

/** The same bytes, changed; the original stays as it is. */
export function changed(file: Uint8Array, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(file);
  change(copy);
  return copy;
}

/** As an attacker would leave it, or a writer of another version: all checksums fit what is there. */
export function resealed(file: Uint8Array, change: (copy: Buffer) => void): Buffer {
  return changed(file, (copy) => {
    change(copy);
    const table = section(copy, FIELD.table);
    for (let block = 0; block * 4 < table.bytes; block++) {
      const from = HEADER_BYTES + block * BLOCK_BYTES;
      const sum = crc32c(copy.subarray(from, Math.min(from + BLOCK_BYTES, table.offset)));
      copy.writeUInt32LE(sum, table.offset + block * 4);
    }
    copy.writeUInt32LE(crc32c(copy.subarray(table.offset, table.offset + table.bytes)), 76);
    copy.writeUInt32LE(crc32c(copy.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4);
  });
}

export function flipped(file: Uint8Array, at: number, mask = 1): Buffer {
  return changed(file, (copy) => void (copy[at] ^= mask));
}
