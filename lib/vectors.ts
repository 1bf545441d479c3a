/** From what a caller calls vectors to floats in a row, and on into native memory without blocking the event loop. */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { aborted, native } from './calls.js';
import { QuiverError, show, wrongArgument } from './errors.js';
import type { NativeByteStaging, NativeVectorStaging } from './native.js';
import type { VectorsInput } from './types.js';

/** Copied in one turn of the event loop: about a millisecond. */
const AT_ONCE_BYTES = 4 << 20;
const PIECE_BYTES = 2 << 20;

/** The largest squared length of a vector; above it FAISS's distances overflow. See native/core/vectors.h. */
export const MAX_SQUARED_NORM = 1e37;

/** Refuses memory that can change or vanish while it is read. */
export function checkBuffer(name: string, view: ArrayBufferView): void {
  const buffer = view.buffer as ArrayBufferLike & { resizable?: boolean; growable?: boolean };
  if (typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer) {
    throw new QuiverError(
      'E_ARGUMENT',
      `${name} lies in a SharedArrayBuffer, which another thread may change meanwhile. Pass a copy: array.slice().`,
      { expected: 'memory of its own', actual: 'a SharedArrayBuffer' },
    );
  }
  if (buffer.resizable === true) {
    throw new QuiverError('E_ARGUMENT', `${name} lies in a resizable ArrayBuffer. Pass a copy: array.slice().`, {
      expected: 'memory of fixed size',
      actual: 'a resizable ArrayBuffer',
    });
  }
  if (view.byteLength === 0 && isDetached(buffer)) {
    throw new QuiverError('E_ARGUMENT', `${name} is detached: its memory was transferred to another thread.`, {
      expected: 'an array with its memory',
      actual: 'a detached one',
    });
  }
}

function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

function notWhole(name: string, length: number, dim: number): QuiverError {
  return new QuiverError(
    'E_DIMENSION',
    `${name} must hold whole vectors of ${String(dim)} numbers, but has ${String(length)}.`,
    { expected: `a multiple of ${String(dim)}`, actual: String(length) },
  );
}

function fromRows(name: string, rows: readonly (readonly number[] | Float32Array)[], dim: number): Float32Array {
  const data = new Float32Array(rows.length * dim);
  rows.forEach((row, i) => {
    if (!Array.isArray(row) && !(row instanceof Float32Array)) {
      throw wrongArgument(`${name}[${String(i)}]`, `an array of ${String(dim)} numbers`, row);
    }
    if (row.length !== dim) {
      throw new QuiverError(
        'E_DIMENSION',
        `${name}[${String(i)}] must have ${String(dim)} numbers, but has ${String(row.length)}.`,
        { expected: String(dim), actual: String(row.length) },
      );
    }
    if (row instanceof Float32Array) checkBuffer(`${name}[${String(i)}]`, row);
    else checkNumbers(`${name}[${String(i)}]`, row);
    data.set(row, i * dim);
  });
  return data;
}

function checkNumbers(name: string, values: readonly unknown[]): asserts values is readonly number[] {
  for (let i = 0; i < values.length; i++) {
    if (typeof values[i] !== 'number') throw wrongArgument(`${name}[${String(i)}]`, 'a number', values[i]);
  }
}

/** `n * dim` floats. A Float32Array is returned as it is, not copied. */
export function toVectors(name: string, input: VectorsInput, dim: number): { data: Float32Array; n: number } {
  let data: Float32Array;
  if (input instanceof Float32Array) {
    checkBuffer(name, input);
    data = input;
  } else if (Array.isArray(input)) {
    if (input.length > 0 && typeof input[0] === 'object') {
      data = fromRows(name, input as readonly (readonly number[])[], dim);
    } else {
      checkNumbers(name, input as readonly unknown[]);
      data = Float32Array.from(input as readonly number[]);
    }
  } else {
    throw wrongArgument(name, 'a Float32Array or an array of numbers or of vectors', input);
  }
  if (data.length === 0) {
    throw new QuiverError('E_ARGUMENT', `${name} is empty; give at least one vector of ${String(dim)} numbers.`, {
      expected: 'at least one vector',
      actual: show(input),
    });
  }
  if (data.length % dim !== 0) throw notWhole(name, data.length, dim);
  return { data, n: data.length / dim };
}

/** Throws E_NOT_FINITE when one query of `dim` floats would send FAISS astray. */
export function checkQuery(query: Float32Array): void {
  let sum = 0;
  for (let i = 0; i < query.length; i++) {
    const value = query[i];
    sum += value * value;
  }
  if (sum <= MAX_SQUARED_NORM) return; // false for NaN
  const at = query.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) {
    throw new QuiverError(
      'E_NOT_FINITE',
      `The query holds ${String(query[at])} at position ${String(at)}; every number must be finite.`,
      { expected: 'finite numbers', actual: String(query[at]) },
    );
  }
  throw new QuiverError(
    'E_NOT_FINITE',
    'The query is too large: its squared length must stay below 1e37, or distances overflow. Scale the vectors.',
    { expected: 'squared length < 1e37', actual: String(sum) },
  );
}

async function inPieces<T extends Float32Array | Uint8Array>(
  name: string,
  data: T,
  piece: number,
  append: (part: T) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const length = data.length;
  if (data.byteLength <= AT_ONCE_BYTES) {
    append(data);
    return;
  }
  for (let at = 0; at < length; at += piece) {
    if (at > 0) await nextTurn();
    if (signal?.aborted) throw aborted(signal);
    if (data.length !== length) {
      throw new QuiverError('E_ARGUMENT', `${name} was transferred or resized while it was read; nothing was done.`, {
        expected: 'an array left alone until the promise settles',
        actual: `${String(data.length)} of ${String(length)} elements left`,
      });
    }
    append(data.subarray(at, Math.min(at + piece, length)) as T);
  }
}

/**
 * Copies vectors into native memory. Up to 4 MB at once, so that later changes do not matter; more in pieces over
 * several turns, during which the caller must leave the array alone.
 */
export async function stageVectors(
  name: string,
  data: Float32Array,
  dim: number,
  signal?: AbortSignal,
): Promise<NativeVectorStaging> {
  const staging = new (native().VectorStaging)(dim);
  const piece = Math.max(1, Math.floor(PIECE_BYTES / (dim * 4))) * dim;
  await inPieces(name, data, piece, (part) => staging.append(part), signal);
  return staging;
}

/** Refuses what are not the bytes of an index, or not safe to read. */
export function checkBytes(name: string, bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) throw wrongArgument(name, 'a Buffer or Uint8Array', bytes);
  checkBuffer(name, bytes);
  if (bytes.length === 0) {
    throw new QuiverError('E_CORRUPT', `${name} is empty.`, { expected: 'the bytes of an index', actual: '0 bytes' });
  }
}

/** As stageVectors, for bytes. */
export async function stageBytes(name: string, bytes: Uint8Array, signal?: AbortSignal): Promise<NativeByteStaging> {
  checkBytes(name, bytes);
  const staging = new (native().ByteStaging)(bytes.length);
  // A Buffer is a Uint8Array whose slices share memory from a pool: look at it as plain bytes.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  await inPieces(name, plain, PIECE_BYTES, (part) => staging.append(part), signal);
  return staging;
}
