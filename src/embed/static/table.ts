/** The numbers of a static model: one row a token, small whole numbers, and one scale a row. */
import { shared } from './memory.js';
import type { Vocabulary } from './vocabulary.js';

export interface StaticTable {
  vocabulary: Vocabulary;
  dim: number;
  /** `tokens * dim`. In shared memory, as the scales are. */
  rows: Int8Array;
  /** What a row is multiplied by. */
  scales: Float32Array;
}

/** Bits of a number of a row on disk. In memory it has 8. */
export type Bits = 4 | 8;

/** Which part of a row's largest number becomes the largest whole number: with 4 bits it pays to cut off the few that stand out. */
const CUTS: Readonly<Record<Bits, readonly number[]>> = { 4: [1, 0.9, 0.8, 0.7, 0.6], 8: [1] };

function largestOf(bits: Bits): number {
  return 2 ** (bits - 1) - 1;
}

function toWhole(value: number, scale: number, largest: number): number {
  return Math.max(-largest, Math.min(largest, Math.round(value / scale)));
}

/** The scale that brings a row nearest to whole numbers. */
function bestScale(row: Float32Array, bits: Bits): number {
  const largest = largestOf(bits);
  const peak = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  let best = { scale: 0, error: Infinity };
  if (peak === 0) return 0;
  for (const cut of CUTS[bits]) {
    const scale = Math.fround((peak * cut) / largest);
    const error = row.reduce((sum, value) => sum + (value - toWhole(value, scale, largest) * scale) ** 2, 0);
    if (error < best.error) best = { scale, error };
  }
  return best.scale;
}

/** The nearest whole numbers and scales for rows of any numbers. */
export function quantise(rows: Float32Array, dim: number, bits: Bits): Pick<StaticTable, 'rows' | 'scales'> {
  const small = shared(Int8Array, rows.length);
  const scales = shared(Float32Array, rows.length / dim);
  for (let row = 0; row < scales.length; row++) {
    const values = rows.subarray(row * dim, (row + 1) * dim);
    const scale = bestScale(values, bits);
    scales[row] = scale;
    if (scale > 0) values.forEach((value, d) => (small[row * dim + d] = toWhole(value, scale, largestOf(bits))));
  }
  return { rows: small, scales };
}

/** The rows with their full numbers again, to fit them further. */
export function widen({ rows, scales, dim }: Omit<StaticTable, 'vocabulary'>): Float32Array {
  const wide = new Float32Array(rows.length);
  for (let row = 0; row < scales.length; row++) {
    const scale = scales[row];
    for (let i = row * dim; i < (row + 1) * dim; i++) wide[i] = rows[i] * scale;
  }
  return wide;
}

/** Rows as bytes on disk: with 4 bits two numbers a byte, the first in the lower half. */
export function packRows(rows: Int8Array, bits: Bits): Uint8Array {
  if (bits === 8) return new Uint8Array(rows);
  const bytes = new Uint8Array(rows.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (rows[2 * i] & 15) | ((rows[2 * i + 1] & 15) << 4);
  }
  return bytes;
}

/** The reverse, into shared memory. */
export function unpackRows(bytes: Uint8Array, bits: Bits): Int8Array {
  const rows = shared(Int8Array, bits === 8 ? bytes.length : bytes.length * 2);
  if (bits === 8) {
    rows.set(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    return rows;
  }
  // Two numbers of a byte are written at once: a third of the time of opening goes here.
  const pairs = new Uint16Array(rows.buffer);
  for (let i = 0; i < bytes.length; i++) pairs[i] = PAIRS[bytes[i]];
  return rows;
}

/** The two numbers that each byte holds, as two bytes in the order of memory. */
const PAIRS = new Uint16Array(
  Int8Array.from({ length: 512 }, (_, i) => ((i >> 1) << (i % 2 === 0 ? 28 : 24)) >> 28).buffer,
);
