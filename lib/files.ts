/** An index from and to its own files, plain FAISS files, and the bytes of both. */
import { call, checkCall } from './calls.js';
import { checkBoolean, wrongArgument } from './errors.js';
import { writeOn, type Handle } from './handle.js';
import { tryInChild } from './import.js';
import type { NativeByteStaging, NativeIndex } from './native.js';
import { checkMetric, checkPath, type Note } from './options.js';
import type { ImportOptions, LongCallOptions, OpenOptions, SaveOptions } from './types.js';
import { keepBytes, orRelease, stageBytes } from './vectors.js';

export async function open(path: string, options: OpenOptions): Promise<NativeIndex> {
  checkPath('path', path);
  checkCall(options);
  const { mmap = false, verify = mmap === false, untrusted = false } = options;
  if (typeof mmap !== 'boolean' && mmap !== 'vectors') throw wrongArgument('mmap', "true, false or 'vectors'", mmap);
  for (const [name, value] of Object.entries({ verify, untrusted })) checkBoolean(name, value);
  if (untrusted) await tryInChild('quiver', { path }, options.signal);
  return call(
    (module, number) => module.NativeIndex.open(number, path, mmap !== false, verify, untrusted, mmap === 'vectors'),
    options,
    true,
  );
}

export async function fromBuffer(bytes: Uint8Array, options: LongCallOptions): Promise<NativeIndex> {
  checkCall(options);
  const staging = await stageBytes('bytes', bytes, options.signal);
  return orRelease(staging, () =>
    call((module, number) => module.NativeIndex.fromBuffer(number, staging, false), options, true),
  );
}

export async function importFaiss(source: string | Uint8Array, options: ImportOptions): Promise<NativeIndex> {
  checkCall(options);
  const { metric, idType = 'number', trusted = false, signal } = options;
  if (metric !== undefined) checkMetric(metric);
  if (idType !== 'number' && idType !== 'bigint') throw wrongArgument('idType', "'number' or 'bigint'", idType);
  if (typeof source === 'string') checkPath('source', source);
  checkBoolean('trusted', trusted);
  const note: Note = { version: 1, type: 'imported' };
  const load = (input: string | NativeByteStaging): Promise<NativeIndex> =>
    call(
      (module, number) =>
        module.NativeIndex.importFaiss(number, input, metric, idType === 'bigint', JSON.stringify(note)),
      options,
      true,
    );
  if (typeof source === 'string') {
    if (!trusted) await tryInChild('faiss', { path: source }, signal);
    return load(source);
  }
  // What the child has tried and what is loaded must be the same bytes, whatever the caller does meanwhile.
  const bytes = keepBytes('source', source);
  if (!trusted) await tryInChild('faiss', { bytes }, signal);
  const staging = await stageBytes('source', bytes, signal);
  return orRelease(staging, () => load(staging));
}

export async function save(handle: Handle, path: string, options: SaveOptions): Promise<{ bytes: number }> {
  checkPath('path', path);
  return { bytes: await writeOn<number>(handle, (native, number) => native.save(number, path), options) };
}

export async function toBuffer(handle: Handle, options: LongCallOptions): Promise<Buffer> {
  return asBuffer(await writeOn<Uint8Array>(handle, (native, number) => native.toBuffer(number), options));
}

export async function exportFaiss(
  handle: Handle,
  path: string | undefined,
  options: SaveOptions,
): Promise<Buffer | { bytes: number }> {
  if (path !== undefined) checkPath('path', path);
  const result = await writeOn<number | Uint8Array>(
    handle,
    (native, number) => native.exportFaiss(number, path),
    options,
  );
  return typeof result === 'number' ? { bytes: result } : asBuffer(result);
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
