import type { ByteInput } from './bytes.js';
import { fileError } from './errors.js';
import { checkDim, fixedSource } from './fixed.js';
import type { VectorSource } from './types.js';

const TYPES: Record<number, string> = {
  0x08: 'unsigned byte',
  0x09: 'signed byte',
  0x0b: 'short',
  0x0c: 'int',
  0x0d: 'float',
  0x0e: 'double',
};

export function isIdx(head: Uint8Array): boolean {
  return (
    head[0] === 0 && head[1] === 0 && TYPES[head[2] ?? 0] !== undefined && (head[3] ?? 0) >= 1 && (head[3] ?? 0) <= 8
  );
}

/** The format of MNIST: two zero bytes, the number type, the number of sides, each side as a big-endian uint32. */
export async function openIdx(input: ByteInput): Promise<VectorSource> {
  const { path } = input;
  const magic = Buffer.alloc(4);
  const got = await input.fill(magic);
  if (got < 4 || !isIdx(magic)) {
    throw fileError('E_CORRUPT', path, 'not an idx file', {
      at: 'byte 0',
      expected: 'the bytes 00 00, a number type (08 to 0e) and a number of sides',
      actual:
        got === 0
          ? 'an empty file'
          : magic
              .subarray(0, got)
              .toString('hex')
              .replace(/..(?!$)/g, '$& '),
    });
  }
  const [type, rank] = [magic.readUInt8(2), magic.readUInt8(3)];
  if (type !== 0x08) {
    throw fileError('E_UNSUPPORTED', path, 'the number type is not read', {
      at: 'byte 2',
      expected: 'unsigned byte (08)',
      actual: TYPES[type] ?? String(type),
      hint: 'Convert it to .npy',
    });
  }
  if (rank < 2) {
    throw fileError('E_DIMENSION', path, 'it holds single numbers, not vectors', {
      at: 'byte 3',
      expected: '2 sides or more',
      actual: String(rank),
      hint: 'Files of labels (idx1) look like this; give the file of images (idx3)',
    });
  }
  const sides = Buffer.alloc(4 * rank);
  if ((await input.fill(sides)) < sides.length) {
    throw fileError('E_CORRUPT', path, 'the idx header is cut off', {
      at: 'byte 4',
      expected: `${rank} sides of 4 bytes`,
    });
  }
  const count = sides.readUInt32BE(0);
  let dim = 1;
  for (let side = 1; side < rank; side++) dim *= sides.readUInt32BE(4 * side);
  checkDim(path, dim, 'byte 8');
  const decode = (raw: Uint8Array): Float32Array => new Float32Array(raw);
  return fixedSource(input, { format: 'idx', dim, count, dataOffset: input.offset, rowBytes: dim, decode });
}
