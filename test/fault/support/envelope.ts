/**
 * The envelope of a snapshot, taken apart and put together again with sums that are right: what somebody who wants to
 * do harm can make as well as we. native/core/snapshot.h describes the format, snapshot.cc the fields of the header.
 */

const HEADER_BYTES = 4096;
const BLOCK_BYTES = 1 << 20;
const ALIGN = 64;

/** Where the header's fields lie. */
export const FIELD = {
  version: 8,
  fileBytes: 16,
  dim: 24,
  rows: 32,
  live: 40,
  nextId: 48,
  generation: 56,
  metric: 64,
  bigintIds: 72,
  tableCrc: 76,
  note: 80,
  ids: 96,
  dead: 112,
  faiss: 128,
  table: 144,
  vectors: 160,
  factory: 176,
  crc: HEADER_BYTES - 4,
} as const;

const SECTIONS = ['note', 'ids', 'dead', 'faiss'] as const;
type SectionName = (typeof SECTIONS)[number];

export type Envelope = { header: Buffer } & Record<SectionName, Buffer>;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value >>> 0;
});

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (TABLE[(crc ^ byte) & 255] ^ (crc >>> 8)) >>> 0;
  return (crc ^ 0xffffffff) >>> 0;
}

export function takeApart(bytes: Buffer): Envelope {
  const header = Buffer.from(bytes.subarray(0, HEADER_BYTES));
  const section = (name: SectionName): Buffer => {
    const offset = Number(header.readBigUInt64LE(FIELD[name]));
    return Buffer.from(bytes.subarray(offset, offset + Number(header.readBigUInt64LE(FIELD[name] + 8))));
  };
  return { header, note: section('note'), ids: section('ids'), dead: section('dead'), faiss: section('faiss') };
}

/** Lays the sections out, lets `change` do its worst to the header, and sums up everything. */
export function seal(envelope: Envelope, change: (header: Buffer) => void = () => undefined): Buffer {
  const header = Buffer.from(envelope.header);
  const body: Buffer[] = [];
  let position = HEADER_BYTES;
  const append = (bytes: Buffer): void => {
    body.push(bytes);
    position += bytes.length;
  };
  const align = (): void => append(Buffer.alloc((ALIGN - (position % ALIGN)) % ALIGN));
  const place = (field: number, bytes: number): void => {
    header.writeBigUInt64LE(BigInt(position), field);
    header.writeBigUInt64LE(BigInt(bytes), field + 8);
  };
  for (const name of SECTIONS) {
    align();
    place(FIELD[name], envelope[name].length);
    append(envelope[name]);
  }
  align();
  const sections = Buffer.concat(body);
  const sums: number[] = [];
  for (let at = 0; at < sections.length; at += BLOCK_BYTES) sums.push(crc32c(sections.subarray(at, at + BLOCK_BYTES)));
  const table = Buffer.alloc(sums.length * 4);
  for (const [i, sum] of sums.entries()) table.writeUInt32LE(sum, i * 4);
  place(FIELD.table, table.length);
  header.fill(0, FIELD.vectors, FIELD.vectors + 16);
  header.writeBigUInt64LE(BigInt(position + table.length), FIELD.fileBytes);
  header.writeUInt32LE(crc32c(table), FIELD.tableCrc);
  change(header);
  header.writeUInt32LE(crc32c(header.subarray(0, FIELD.crc)), FIELD.crc);
  return Buffer.concat([header, sections, table]);
}

/** A sealed envelope around an index in FAISS's format, with counts that fit it. */
export function wrap(model: Envelope, faiss: Buffer, dim: number, rows: number): Buffer {
  const empty = Buffer.alloc(0);
  return seal({ ...model, ids: empty, dead: empty, faiss }, (header) => {
    header.writeBigInt64LE(BigInt(dim), FIELD.dim);
    for (const field of [FIELD.rows, FIELD.live, FIELD.nextId]) header.writeBigInt64LE(BigInt(rows), field);
    header.writeUInt32LE(0, FIELD.bigintIds);
  });
}
