import type { ByteInput } from './bytes.js';
import { fileError } from './errors.js';
import { checkDim, fixedSource } from './fixed.js';
import type { FixedLayout } from './fixed.js';
import type { VectorSource } from './types.js';

/** numpy's own format: magic, version, length of the header, and a Python dict as text. */
export interface NpyHeader {
  descr: string;
  fortran: boolean;
  shape: number[];
  dataOffset: number;
}

const MAGIC = '\x93NUMPY';
/** numpy writes headers of 128 bytes; a megabyte leaves room for the strangest, and bounds what a damaged length can ask for. */
const MAX_HEADER = 1 << 20;

type Decode = FixedLayout['decode'];
const DTYPES: Record<string, { bytes: number; decode: Decode }> = {
  '<f4': { bytes: 4, decode: (raw) => new Float32Array(raw.buffer) },
  '<f8': { bytes: 8, decode: (raw) => new Float32Array(new Float64Array(raw.buffer)) },
  '|u1': { bytes: 1, decode: (raw) => new Float32Array(raw) },
  '|i1': { bytes: 1, decode: (raw) => new Float32Array(new Int8Array(raw.buffer)) },
};

export function isNpy(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, 6)).toString('latin1') === MAGIC;
}

export async function readNpyHeader(input: ByteInput): Promise<NpyHeader> {
  const start = Buffer.alloc(12);
  const got = await input.fill(start.subarray(0, 10));
  if (got < 10 || !isNpy(start)) {
    throw fileError('E_CORRUPT', input.path, 'not an .npy file', {
      at: 'byte 0',
      expected: '\\x93NUMPY and a version',
      actual: got === 0 ? 'an empty file' : JSON.stringify(start.toString('latin1', 0, Math.min(got, 6))),
    });
  }
  const version = start.readUInt8(6);
  if (version < 1 || version > 3) {
    throw fileError('E_VERSION', input.path, 'unknown .npy version', {
      at: 'byte 6',
      expected: '1, 2 or 3',
      actual: String(version),
    });
  }
  if (version > 1) await input.fill(start.subarray(10, 12));
  const length = version === 1 ? start.readUInt16LE(8) : start.readUInt32LE(8);
  const at = `byte ${input.offset}`;
  const text = Buffer.alloc(Math.min(length, MAX_HEADER));
  if (length > MAX_HEADER || (await input.fill(text)) < length) {
    throw fileError('E_CORRUPT', input.path, 'the .npy header is cut off', {
      at,
      expected: `${length} bytes of header`,
    });
  }
  return { ...parseDict(input.path, at, text.toString('latin1')), dataOffset: input.offset };
}

function parseDict(path: string, at: string, text: string): Omit<NpyHeader, 'dataOffset'> {
  const descr = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const fortran = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape':\s*\(([\d,\sL]*)\)/.exec(text)?.[1];
  if (descr === undefined && /'descr':\s*\[/.test(text)) {
    throw fileError('E_UNSUPPORTED', path, 'a structured array has no single vector a row', {
      at,
      expected: 'one number type',
      actual: 'a list of fields',
      hint: 'Save the column of vectors alone',
    });
  }
  if (descr === undefined || fortran === undefined || shape === undefined) {
    throw fileError('E_CORRUPT', path, 'the .npy header cannot be read', {
      at,
      expected: "{'descr': ..., 'fortran_order': ..., 'shape': ...}",
      actual: JSON.stringify(text.slice(0, 80)),
    });
  }
  const sides = [...shape.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  return { descr, fortran: fortran === 'True', shape: sides };
}

export async function openNpy(input: ByteInput): Promise<VectorSource> {
  const header = await readNpyHeader(input);
  const { path } = input;
  const { descr, fortran, shape, dataOffset } = header;
  const dtype = DTYPES[descr];
  if (dtype === undefined) {
    throw fileError('E_UNSUPPORTED', path, 'the number type is not read', {
      expected: 'float32 (<f4), float64 (<f8), uint8 (|u1) or int8 (|i1)',
      actual: `'${descr}'`,
      hint: "In Python: np.save(path, x.astype('<f4'))",
    });
  }
  if (shape.length < 1 || shape.length > 2) {
    throw fileError('E_DIMENSION', path, 'wrong number of dimensions', {
      expected: '(n, dim), or (dim,) for one vector',
      actual: `(${shape.join(', ')})`,
      hint: 'In Python: np.save(path, x.reshape(len(x), -1))',
    });
  }
  const [count, dim] = shape.length === 1 ? [1, shape[0] ?? 0] : [shape[0] ?? 0, shape[1] ?? 0];
  if (fortran && count > 1 && dim > 1) {
    throw fileError('E_UNSUPPORTED', path, 'the array is stored by columns', {
      expected: "C order ('fortran_order': False)",
      actual: "'fortran_order': True",
      hint: 'In Python: np.save(path, np.ascontiguousarray(x))',
    });
  }
  checkDim(path, dim, 'shape');
  const { bytes, decode } = dtype;
  return fixedSource(input, { format: 'npy', dim, count, dataOffset, rowBytes: bytes * dim, decode });
}
