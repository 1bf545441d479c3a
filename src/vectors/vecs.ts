import type { ByteInput } from './bytes.js';
import { fileError } from './errors.js';
import { checkDim, fixedSource } from './fixed.js';
import type { FixedLayout } from './fixed.js';
import type { VectorSource } from './types.js';

type VecsFormat = 'fvecs' | 'bvecs' | 'ivecs';

/** The formats of the TEXMEX sets (SIFT, GIST): each vector is an int32 with its dim, then its numbers, little-endian. */
const NUMBERS: Record<VecsFormat, { bytes: number; view: (bytes: Uint8Array<ArrayBuffer>) => ArrayLike<number> }> = {
  fvecs: { bytes: 4, view: (bytes) => new Float32Array(bytes.buffer) },
  ivecs: { bytes: 4, view: (bytes) => new Int32Array(bytes.buffer) },
  bvecs: { bytes: 1, view: (bytes) => bytes },
};

export async function openVecs(input: ByteInput, format: VecsFormat): Promise<VectorSource> {
  const { path, size } = input;
  const head = Buffer.alloc(4);
  const got = await input.fill(head);
  if (got < 4) {
    throw fileError('E_CORRUPT', path, `not a .${format} file`, {
      at: 'byte 0',
      expected: '4 bytes with the size of the first vector',
      actual: got === 0 ? 'an empty file' : `${got} bytes`,
    });
  }
  const dim = head.readInt32LE(0);
  checkDim(path, dim, 'byte 0');
  const rowBytes = 4 + dim * NUMBERS[format].bytes;
  if (size !== undefined && size % rowBytes !== 0) {
    throw fileError('E_CORRUPT', path, `the size does not fit vectors of ${dim} numbers`, {
      at: `byte ${size - (size % rowBytes)}`,
      expected: `a multiple of ${rowBytes} bytes`,
      actual: `${size} bytes`,
      hint: `The last vector is cut off, or this is not a .${format} file`,
    });
  }
  const count = size === undefined ? undefined : size / rowBytes;
  const decode = decoder(path, format, dim, rowBytes);
  return fixedSource(input, { format, dim, count, dataOffset: 0, rowBytes, decode });
}

function decoder(path: string, format: VecsFormat, dim: number, rowBytes: number): FixedLayout['decode'] {
  const { bytes, view } = NUMBERS[format];
  return (raw, rows, offset) => {
    const heads = new DataView(raw.buffer);
    for (let row = 0; row < rows; row++) {
      const found = heads.getInt32(row * rowBytes, true);
      if (found === dim) continue;
      throw fileError('E_CORRUPT', path, 'the vectors differ in size', {
        at: `byte ${offset + row * rowBytes}`,
        expected: `${dim} as in the first vector`,
        actual: String(found),
      });
    }
    const vectors = new Float32Array(rows * dim);
    if (bytes === 4) {
      const numbers = view(raw) as Float32Array | Int32Array;
      for (let row = 0; row < rows; row++) {
        const from = row * (dim + 1) + 1;
        vectors.set(numbers.subarray(from, from + dim), row * dim);
      }
    } else {
      for (let row = 0; row < rows; row++) {
        const from = row * rowBytes + 4;
        vectors.set(raw.subarray(from, from + dim), row * dim);
      }
    }
    return vectors;
  };
}
