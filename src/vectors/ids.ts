import type { IdArray, IdType } from '../../lib/types.js';
import { ByteInput } from './bytes.js';
import { fileError } from './errors.js';
import { readLines } from './lines.js';
import { readNpyHeader } from './npy.js';

const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/** Integer types of .npy, each to a typed array of its own. */
const DTYPES: Record<string, { bytes: number; view: (bytes: ArrayBuffer) => Iterable<number | bigint> }> = {
  '<i8': { bytes: 8, view: (bytes) => new BigInt64Array(bytes) },
  '<u8': { bytes: 8, view: (bytes) => new BigUint64Array(bytes) },
  '<i4': { bytes: 4, view: (bytes) => new Int32Array(bytes) },
  '<u4': { bytes: 4, view: (bytes) => new Uint32Array(bytes) },
};

/** One id from JSON or text. Digits in quotes are fine: JSON numbers lose precision past 2^53. */
export function parseId(value: unknown, idType: IdType, path: string, at: string): number | bigint {
  const digits = typeof value === 'bigint' || (typeof value === 'string' && /^[+-]?\d+$/.test(value));
  if (digits || (typeof value === 'number' && Number.isSafeInteger(value))) {
    const id = BigInt(value);
    if (idType === 'bigint' && id >= 0n && id <= INT64.max) return id;
    if (idType === 'number' && id >= 0n && id <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(id);
  }
  throw fileError('E_ARGUMENT', path, 'bad id', {
    at,
    expected: idType === 'bigint' ? 'an integer from 0 to 2^63 - 1' : 'an integer from 0 to 2^53 - 1',
    actual: typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'none'),
    ...(idType === 'number' && { hint: 'Larger ids need the id type bigint (and quotes around them in .jsonl)' }),
  });
}

export function toIdArray(ids: readonly (number | bigint)[], idType: IdType): IdArray {
  return idType === 'bigint' ? BigInt64Array.from(ids, BigInt) : Float64Array.from(ids, Number);
}

/** A list of ids: an .npy array of integers with one dimension, or a text file with one id a line. */
export async function readIds(path: string, idType: IdType): Promise<IdArray> {
  const input = await ByteInput.open(path);
  try {
    if (/\.npy(\.gz)?$/i.test(path)) return await readNpyIds(input, idType);
    const ids: (number | bigint)[] = [];
    for await (const { number, text } of readLines(input)) ids.push(parseId(text, idType, path, `line ${number}`));
    return toIdArray(ids, idType);
  } finally {
    await input.close();
  }
}

async function readNpyIds(input: ByteInput, idType: IdType): Promise<IdArray> {
  const { path } = input;
  const { descr, shape, dataOffset } = await readNpyHeader(input);
  const dtype = DTYPES[descr];
  if (dtype === undefined || shape.length !== 1) {
    throw fileError('E_UNSUPPORTED', path, 'it is not a list of ids', {
      expected: 'int64, uint64, int32 or uint32 with one dimension',
      actual: `'${descr}' of shape (${shape.join(', ')})`,
      hint: "In Python: np.save(path, ids.astype('<i8').ravel())",
    });
  }
  const count = shape[0] ?? 0;
  // Asked before memory is taken: a damaged count can be anything.
  const room = input.size === undefined ? 2 ** 32 : input.size - dataOffset;
  const bytes = new Uint8Array(Math.min(room, count * dtype.bytes));
  const got = await input.fill(bytes);
  if (got < count * dtype.bytes) {
    throw fileError('E_CORRUPT', path, 'the file ends too early', {
      at: `byte ${dataOffset + got}`,
      expected: `${count} ids`,
      actual: String(Math.floor(got / dtype.bytes)),
    });
  }
  const ids: (number | bigint)[] = [];
  for (const id of dtype.view(bytes.buffer)) ids.push(parseId(id, idType, path, `place ${ids.length}`));
  return toIdArray(ids, idType);
}
