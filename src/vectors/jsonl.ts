import { ByteInput } from './bytes.js';
import { fileError, throwIfAborted } from './errors.js';
import { parseId, toIdArray } from './ids.js';
import { readLines } from './lines.js';
import type { Line } from './lines.js';
import { MAX_DIM, rowsPerBatch } from './types.js';
import type { ReadOptions, VectorBatch, VectorSource } from './types.js';

interface Row {
  vector: unknown[];
  id: unknown;
}

/** One vector a line: `[0.1, 0.2]`, or `{"id": 7, "vector": [0.1, 0.2]}` (`embedding` instead of `vector` is fine). */
export async function openJsonl(path: string): Promise<VectorSource> {
  const first = await firstRow(path);
  const dim = first.vector.length;
  const hasIds = first.id !== undefined;
  return {
    path,
    format: 'jsonl',
    dim,
    count: undefined,
    hasIds,
    read: (options) => readRows(path, dim, hasIds, options),
  };
}

async function firstRow(path: string): Promise<Row> {
  const input = await ByteInput.open(path);
  try {
    for await (const line of readLines(input)) {
      const row = parseRow(path, line);
      const dim = row.vector.length;
      if (dim >= 1 && dim <= MAX_DIM) return row;
      throw fileError('E_DIMENSION', path, 'bad vector size', {
        at: `line ${line.number}`,
        expected: `1 to ${MAX_DIM} numbers`,
        actual: String(dim),
      });
    }
  } finally {
    await input.close();
  }
  throw fileError('E_CORRUPT', path, 'no vectors', { expected: 'one vector a line', actual: 'an empty file' });
}

function parseRow(path: string, line: Line): Row {
  const at = `line ${line.number}`;
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw fileError('E_CORRUPT', path, `not JSON (${reason})`, { at });
  }
  if (Array.isArray(value)) return { vector: value, id: undefined };
  if (typeof value === 'object' && value !== null) {
    const { id, vector, embedding } = value as Record<string, unknown>;
    const numbers = vector ?? embedding;
    if (Array.isArray(numbers)) return { vector: numbers, id: id ?? undefined };
  }
  throw fileError('E_CORRUPT', path, 'no vector on this line', {
    at,
    expected: 'an array of numbers, or an object with "vector" or "embedding"',
    actual: line.text.length > 60 ? `${line.text.slice(0, 60)}...` : line.text,
  });
}

async function* readRows(
  path: string,
  dim: number,
  hasIds: boolean,
  { limit = Infinity, batchBytes, idType = 'number', signal }: ReadOptions = {},
): AsyncGenerator<VectorBatch, void, undefined> {
  const input = await ByteInput.open(path);
  const size = rowsPerBatch(dim, batchBytes);
  let vectors = new Float32Array(size * dim);
  let ids: (number | bigint)[] = [];
  let rows = 0;
  let left = limit;
  const batch = (): VectorBatch => {
    const full = { vectors: vectors.subarray(0, rows * dim), ...(hasIds && { ids: toIdArray(ids, idType) }) };
    vectors = new Float32Array(size * dim);
    ids = [];
    rows = 0;
    return full;
  };
  try {
    for await (const line of readLines(input)) {
      if (left <= 0) break;
      const row = parseRow(path, line);
      checkRow(path, line, row, dim, hasIds);
      copyNumbers(path, line, row.vector, vectors, rows * dim);
      if (hasIds) ids.push(parseId(row.id, idType, path, `line ${line.number}`));
      rows++;
      left--;
      if (rows === size) {
        throwIfAborted(signal);
        yield batch();
      }
    }
    if (rows > 0) yield batch();
  } finally {
    await input.close();
  }
}

function checkRow(path: string, line: Line, row: Row, dim: number, hasIds: boolean): void {
  const at = `line ${line.number}`;
  if (row.vector.length !== dim) {
    throw fileError('E_DIMENSION', path, 'the vectors differ in size', {
      at,
      expected: `${dim} numbers as in the first vector`,
      actual: String(row.vector.length),
    });
  }
  if ((row.id !== undefined) === hasIds) return;
  throw fileError('E_CORRUPT', path, 'some vectors have an id and some have none', {
    at,
    expected: hasIds ? 'an id as in the first vector' : 'no id as in the first vector',
    actual: hasIds ? 'none' : `the id ${JSON.stringify(row.id)}`,
  });
}

function copyNumbers(path: string, line: Line, from: unknown[], to: Float32Array, offset: number): void {
  for (let i = 0; i < from.length; i++) {
    const number = from[i];
    if (typeof number !== 'number') {
      throw fileError('E_CORRUPT', path, `bad value in place ${i} of the vector`, {
        at: `line ${line.number}`,
        expected: 'a number',
        actual: JSON.stringify(number),
      });
    }
    to[offset + i] = number;
  }
}
