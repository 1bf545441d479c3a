/**
 * The process that import.ts starts: loads what comes on descriptor 0, uses it a little, and says on descriptor 3 how
 * it went. It may crash; that is what it is for.
 */
import { readSync, writeSync } from 'node:fs';

import { call, native } from './calls.js';
import { QuiverError, type ErrorCode } from './errors.js';
import type { Verdict } from './import.js';
import type { NativeByteStaging, NativeIndex } from './native.js';
import { stageVectors } from './vectors.js';
import type { IdArray } from './types.js';

/** Beyond copies of the file: Node itself, and the tables that FAISS computes on loading, 2 GiB at most. */
const SPARE_BYTES = 3 * 2 ** 30;
const COPIES = 4;
const CHUNK = 1 << 20;
/** Vectors are read back in blocks of so many floats; of what is very large, a part that is spread over it. */
const BLOCK_FLOATS = 1 << 20;
const MAX_FLOATS = 2 ** 28;

const REFUSALS: readonly ErrorCode[] = ['E_FAISS', 'E_UNSUPPORTED', 'E_RANGE'];

function corrupt(what: string, actual: string): QuiverError {
  return new QuiverError('E_CORRUPT', `<input> ${what}.`, { expected: 'a sound index', actual });
}

function readAll(size: number): NativeByteStaging {
  if (size === 0) throw corrupt('is empty', '0 bytes');
  const staging = new (native().ByteStaging)(size);
  const chunk = new Uint8Array(CHUNK);
  for (let left = size; left > 0;) {
    const got = readSync(0, chunk, 0, Math.min(left, CHUNK), null);
    if (got === 0) throw corrupt('ends too early', `${String(size - left)} of ${String(size)} bytes`);
    staging.append(chunk.subarray(0, got));
    left -= got;
  }
  return staging;
}

/** Runs what some kinds refuse, or what is full: that is no fault of the file. */
async function whereSupported(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof QuiverError) || !REFUSALS.includes(error.code)) throw error;
  }
}

async function readBack(index: NativeIndex, dim: number, ids: IdArray): Promise<void> {
  const step = Math.max(1, Math.floor(BLOCK_FLOATS / dim));
  const stride = step * Math.max(1, Math.ceil((ids.length * dim) / MAX_FLOATS));
  for (let at = 0; at < ids.length; at += stride) {
    const floats = await call<Float32Array>((_, number) => index.get(number, ids.slice(at, at + step)));
    if (!floats.every(Number.isFinite)) throw corrupt('holds vectors that are not finite', 'NaN or Infinity');
  }
}

/** Calls that walk the structures which a damaged file could have bent. */
async function exercise(index: NativeIndex): Promise<void> {
  const { dim, count } = index.stats();
  if (count === 0) return;
  const ids = await call<IdArray>((_, number) => index.ids(number));
  await whereSupported(() => readBack(index, dim, ids));
  const queries = new Float32Array(24 * dim);
  for (let i = 0; i < queries.length; i++) queries[i] = Math.sin(i * 12.9898) * (i < queries.length / 2 ? 1 : 100);
  for (const effort of [1, 64]) {
    await call((_, number) => index.search(number, queries, 24, 10, effort, effort, false, 0, undefined));
  }
  await whereSupported(async () => {
    const staging = await stageVectors('vectors', queries.subarray(0, dim), dim);
    await call((_, number) => index.add(number, staging, undefined, false));
  });
}

async function tryInput(kind: string, size: number, seconds: number): Promise<Verdict> {
  try {
    native().confine(size * COPIES + SPARE_BYTES, seconds);
    const bytes = readAll(size);
    const index = await call<NativeIndex>((module, number) =>
      kind === 'faiss'
        ? module.NativeIndex.importFaiss(number, bytes, undefined, true, '')
        : module.NativeIndex.fromBuffer(number, bytes, true),
    );
    await exercise(index);
    return { ok: true };
  } catch (error) {
    if (!(error instanceof QuiverError)) {
      return { ok: false, code: 'E_CORRUPT', message: `<input> cannot be used: ${String(error)}.` };
    }
    if (error.code === 'E_OUT_OF_MEMORY') {
      const message = `<input> asks for more memory than its ${String(size)} bytes explain.`;
      return { ok: false, code: 'E_CORRUPT', message, expected: 'a sound index', actual: error.message };
    }
    const { code, message, expected, actual } = error;
    return {
      ok: false,
      code: code === 'E_INTERNAL' ? 'E_CORRUPT' : code,
      message: message.replace(/^The buffer/, '<input>').replace(/^Unexpected/, '<input> cannot be used. Unexpected'),
      expected,
      actual,
    };
  }
}

const [kind = '', size, seconds] = process.argv.slice(2);
writeSync(3, JSON.stringify(await tryInput(kind, Number(size), Number(seconds))));
process.exit(0);
