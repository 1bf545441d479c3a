/**
 * The process that import.ts starts: loads what comes on descriptor 0, searches it a little, and says how it went as
 * one line of JSON. It may crash; that is what it is for.
 */
import { readSync, writeSync } from 'node:fs';

import { call, native } from './calls.js';
import { QuiverError } from './errors.js';
import type { Verdict } from './import.js';
import type { NativeIndex } from './native.js';
import { stageVectors } from './vectors.js';
import type { IdArray } from './types.js';

/** Beyond the file: Node itself, tables that FAISS computes on loading, the searches. */
const SPARE_BYTES = 2 ** 30;
const COPIES = 4;
const CHUNK = 1 << 20;

function readAll(size: number): InstanceType<ReturnType<typeof native>['ByteStaging']> {
  const staging = new (native().ByteStaging)(size);
  const chunk = new Uint8Array(CHUNK);
  for (let left = size; left > 0;) {
    const got = readSync(0, chunk, 0, Math.min(left, CHUNK), null);
    if (got === 0) throw new QuiverError('E_CORRUPT', '<input> ends too early.', { expected: String(size) });
    staging.append(chunk.subarray(0, got));
    left -= got;
  }
  return staging;
}

/** Calls that walk the structures which a damaged file could have bent. */
async function exercise(index: NativeIndex): Promise<void> {
  const { dim, count } = index.stats();
  if (count === 0) return;
  const queries = new Float32Array(24 * dim);
  for (let i = 0; i < queries.length; i++) queries[i] = Math.sin(i * 12.9898) * (i < queries.length / 2 ? 1 : 100);
  for (const effort of [1, 64]) {
    await call((_, number) => index.search(number, queries, 24, 10, effort, effort, false, 0, undefined));
  }
  const ids = await call<IdArray>((_, number) => index.ids(number));
  await call((_, number) => index.get(number, ids.slice(0, 16)));
  try {
    const staging = await stageVectors('vectors', queries.subarray(0, dim), dim);
    await call((_, number) => index.add(number, staging, undefined, false));
  } catch (error) {
    if (!(error instanceof QuiverError) || error.code === 'E_INTERNAL') throw error; // some kinds take no more
  }
}

async function main(kind: string, size: number): Promise<Verdict> {
  try {
    native().limitMemory(size * COPIES + SPARE_BYTES);
    const bytes = size > 0 ? readAll(size) : undefined;
    if (bytes === undefined) throw new QuiverError('E_CORRUPT', '<input> is empty.', { actual: '0 bytes' });
    const index = await call<NativeIndex>((module, number) =>
      kind === 'faiss'
        ? module.NativeIndex.importFaiss(number, bytes, undefined, true, '')
        : module.NativeIndex.fromBuffer(number, bytes, true),
    );
    await exercise(index);
    return { ok: true };
  } catch (error) {
    if (!(error instanceof QuiverError))
      return { ok: false, code: 'E_CORRUPT', message: `<input> cannot be used: ${String(error)}` };
    const { code, message, expected, actual } = error;
    return { ok: false, code, message: message.replace(/^The buffer/, '<input>'), expected, actual };
  }
}

const verdict = await main(process.argv[2] ?? '', Number(process.argv[3]));
writeSync(1, JSON.stringify(verdict));
process.exit(0);
