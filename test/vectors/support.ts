import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ErrorCode } from '../../lib/errors.js';
import { QuiverError } from '../../lib/errors.js';
import { openVectors } from '../../src/vectors/open.js';
import type { ReadOptions } from '../../src/vectors/types.js';

/** A folder for one suite, gone after it. */
export function suiteFolder(): (name: string) => string {
  let folder = '';
  before(() => (folder = mkdtempSync(join(tmpdir(), 'quiver-vectors-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}

/** All of a file, as it comes in batches. */
export async function readWhole(path: string, options: ReadOptions = {}) {
  const source = await openVectors(path);
  const numbers: number[] = [];
  const ids: (number | bigint)[] = [];
  const rows: number[] = [];
  for await (const batch of source.read(options)) {
    numbers.push(...batch.vectors);
    ids.push(...(batch.ids ?? []));
    rows.push(batch.vectors.length / source.dim);
  }
  return { source, numbers, ids, rows };
}

interface Expected {
  code: ErrorCode;
  /** All of these are in the message. */
  says: readonly string[];
  expected?: RegExp;
  actual?: RegExp;
}

/** The work fails with an error that names the file, the place, and what was expected and found. */
export async function refuses(work: Promise<unknown>, { code, says, expected, actual }: Expected): Promise<void> {
  const error: unknown = await work.then(
    () => assert.fail('it was accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof QuiverError, String(error));
  assert.equal(error.code, code, error.message);
  for (const part of says) assert.ok(error.message.includes(part), `"${error.message}" does not say "${part}"`);
  if (expected) assert.match(error.expected ?? '', expected);
  if (actual) assert.match(error.actual ?? '', actual);
}

/** An .npy file as numpy writes it. */
export function npyFile(dict: string, data: Uint8Array, version = 1): Buffer {
  const size = version === 1 ? 10 : 12;
  const text = `${dict}${' '.repeat(127 - size - dict.length)}\n`;
  const head = Buffer.alloc(size);
  head.write('\x93NUMPY', 'latin1');
  head.writeUInt8(version, 6);
  if (version === 1) head.writeUInt16LE(text.length, 8);
  else head.writeUInt32LE(text.length, 8);
  return Buffer.concat([head, Buffer.from(text), data]);
}

export function npyDict(descr: string, shape: string, fortran = 'False'): string {
  return `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`;
}

export function bytesOf(values: Float32Array | Float64Array | Int32Array | BigInt64Array | BigUint64Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

/** One vector of .fvecs or .ivecs. */
export function vecsRow(values: Float32Array | Int32Array, dim = values.length): Buffer {
  return Buffer.concat([bytesOf(Int32Array.of(dim)), bytesOf(values)]);
}

/** An idx file of unsigned bytes. */
export function idxFile(sides: readonly number[], data: Uint8Array, type = 8): Buffer {
  const head = Buffer.alloc(4 + 4 * sides.length);
  head.writeUInt8(type, 2);
  head.writeUInt8(sides.length, 3);
  sides.forEach((side, i) => head.writeUInt32BE(side, 4 + 4 * i));
  return Buffer.concat([head, data]);
}
