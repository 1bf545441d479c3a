import { basename } from 'node:path';
import { ByteInput } from './bytes.js';
import { fileError } from './errors.js';
import { isIdx, openIdx } from './idx.js';
import { openJsonl } from './jsonl.js';
import { isNpy, openNpy } from './npy.js';
import type { VectorFormat, VectorSource } from './types.js';
import { openVecs } from './vecs.js';

const KNOWN = '.npy, .fvecs, .bvecs, .ivecs, .jsonl or idx (each may be gzipped)';

/** Opens a file of vectors and reads its header. The format comes from its first bytes, else from its name. */
export async function openVectors(path: string): Promise<VectorSource> {
  const format = formatOfContent(await firstBytes(path)) ?? formatOfName(path);
  if (format === undefined) {
    throw fileError('E_UNSUPPORTED', path, 'the format is not known', {
      expected: KNOWN,
      actual: `"${basename(path)}"`,
    });
  }
  if (format === 'jsonl') return openJsonl(path);
  const input = await ByteInput.open(path);
  try {
    if (format === 'npy') return await openNpy(input);
    if (format === 'idx') return await openIdx(input);
    return await openVecs(input, format);
  } finally {
    await input.close();
  }
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const input = await ByteInput.open(path);
  try {
    const head = new Uint8Array(8);
    return head.subarray(0, await input.fill(head));
  } finally {
    await input.close();
  }
}

function formatOfContent(head: Uint8Array): VectorFormat | undefined {
  if (isNpy(head)) return 'npy';
  if (isIdx(head)) return 'idx';
  return undefined;
}

/** By the name alone, with or without .gz. */
export function formatOfName(path: string): VectorFormat | undefined {
  const name = basename(path).toLowerCase().replace(/\.gz$/, '');
  const extension = /\.([a-z0-9]+)$/.exec(name)?.[1] ?? '';
  const byExtension: Record<string, VectorFormat> = {
    npy: 'npy',
    fvecs: 'fvecs',
    bvecs: 'bvecs',
    ivecs: 'ivecs',
    jsonl: 'jsonl',
    ndjson: 'jsonl',
    idx: 'idx',
  };
  return byExtension[extension] ?? (/[-.]idx\d?-/.test(name) ? 'idx' : undefined);
}
