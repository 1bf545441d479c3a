import type { IdArray } from '../../lib/types.js';
import { fileError } from './errors.js';
import { formatOfName } from './open.js';

/** Floats, or whole numbers such as ids. */
export type Values = Float32Array | Float64Array | BigInt64Array;

/** How the bytes of one format come about. */
export interface Encoder {
  headerBytes: number;
  header: (count: number) => Uint8Array;
  /** The bytes of whole vectors. `first` is the number of vectors before them, for errors. */
  rows: (values: Values, ids: IdArray | undefined, first: number) => Uint8Array;
}

export function encoderFor(path: string, dim: number): Encoder {
  const format = /\.gz$/i.test(path) ? undefined : formatOfName(path);
  switch (format) {
    case 'npy':
      return npyEncoder(dim);
    case 'jsonl':
      return { ...noHeader, rows: (values, ids) => Buffer.from(jsonl(values, ids, dim)) };
    case 'idx':
      return idxEncoder(path, dim);
    case 'fvecs':
    case 'ivecs':
    case 'bvecs':
      return { ...noHeader, rows: (values, _ids, first) => vecs(path, format, values, dim, first) };
    default:
      throw fileError('E_UNSUPPORTED', path, 'the format to write is not known', {
        expected: 'a name that ends in .npy, .fvecs, .bvecs, .ivecs, .jsonl or .idx',
      });
  }
}

const noHeader = { headerBytes: 0, header: (): Uint8Array => new Uint8Array(0) };
const NPY_HEADER = 128;

function npyEncoder(dim: number): Encoder {
  let descr = '<f4';
  return {
    headerBytes: NPY_HEADER,
    header: (count) => {
      const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${count}, ${dim}), }`;
      const head = Buffer.alloc(NPY_HEADER, ' ');
      head.write('\x93NUMPY\x01\x00', 'latin1');
      head.writeUInt16LE(NPY_HEADER - 10, 8);
      head.write(dict, 10, 'latin1');
      head.write('\n', NPY_HEADER - 1, 'latin1');
      return head;
    },
    rows: (values) => {
      if (values instanceof Float32Array) return bytesOf(values);
      descr = '<i8';
      return bytesOf(values instanceof BigInt64Array ? values : BigInt64Array.from(values, BigInt));
    },
  };
}

function bytesOf(values: Values): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function jsonl(values: Values, ids: IdArray | undefined, dim: number): string {
  let text = '';
  for (let row = 0; row * dim < values.length; row++) {
    const vector = `[${values.subarray(row * dim, (row + 1) * dim).join(',')}]`;
    text += ids === undefined ? `${vector}\n` : `{"id":${jsonId(ids[row])},"vector":${vector}}\n`;
  }
  return text;
}

/** JSON numbers lose precision past 2^53, so that int64 ids stand in quotes. */
function jsonId(id: number | bigint | undefined): string {
  return typeof id === 'bigint' ? `"${id}"` : String(id);
}

const WHOLE = {
  ivecs: { min: -(2 ** 31), max: 2 ** 31 - 1, name: 'int32' },
  bvecs: { min: 0, max: 255, name: 'a byte' },
  idx: { min: 0, max: 255, name: 'a byte' },
};

/** The value in place `i` as a whole number in the range of the format. */
function whole(path: string, format: keyof typeof WHOLE, values: Values, i: number, row: number): number {
  const { min, max, name } = WHOLE[format];
  const value = Number(values[i]);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw fileError('E_RANGE', path, `the value does not fit .${format}`, {
    at: `vector ${row}`,
    expected: `a whole number from ${min} to ${max} (${name})`,
    actual: String(values[i]),
    hint: 'Write .npy instead',
  });
}

function vecs(
  path: string,
  format: 'fvecs' | 'ivecs' | 'bvecs',
  values: Values,
  dim: number,
  first: number,
): Uint8Array {
  const width = format === 'bvecs' ? 1 : 4;
  const rows = values.length / dim;
  const bytes = Buffer.alloc(rows * (4 + dim * width));
  let at = 0;
  for (let row = 0; row < rows; row++) {
    at = bytes.writeInt32LE(dim, at);
    for (let i = row * dim; i < (row + 1) * dim; i++) {
      if (format === 'fvecs') at = bytes.writeFloatLE(Number(values[i]), at);
      else if (format === 'ivecs') at = bytes.writeInt32LE(whole(path, format, values, i, first + row), at);
      else at = bytes.writeUInt8(whole(path, format, values, i, first + row), at);
    }
  }
  return bytes;
}

function idxEncoder(path: string, dim: number): Encoder {
  return {
    headerBytes: 12,
    header: (count) => {
      const head = Buffer.from([0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
      head.writeUInt32BE(count, 4);
      head.writeUInt32BE(dim, 8);
      return head;
    },
    rows: (values, _ids, first) =>
      Uint8Array.from({ length: values.length }, (_, i) => whole(path, 'idx', values, i, first + Math.floor(i / dim))),
  };
}
