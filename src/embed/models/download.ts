/** One file from the network to the disk: resumed where it broke off, and kept only when it is the right one. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { aborted } from '../../../lib/calls.js';
import { QuiverError } from '../../../lib/errors.js';

export interface DownloadOptions {
  bytes: number;
  sha256: string;
  signal?: AbortSignal | undefined;
  /** Called with the bytes of this file that are here. */
  onBytes?: (bytes: number) => void;
  /** Attempts that brought nothing before it gives up. Default 5. */
  retries?: number;
}

const BACKOFF_MS = 400;

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
  return hash.digest('hex');
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0;
}

/** Asks for what is missing and appends it. Returns how many bytes came. */
async function fetchRest(url: string, part: string, options: DownloadOptions): Promise<number> {
  const { bytes, signal, onBytes } = options;
  let have = await sizeOf(part);
  const response = await fetch(url, {
    headers: have > 0 ? { range: `bytes=${have}-` } : {},
    ...(signal && { signal }),
  });
  if (have > 0 && response.status !== 206) have = 0; // the server starts over
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new QuiverError('E_REMOTE', `${url} answered ${response.status} ${response.statusText}.`, {
      expected: 'status 200 or 206',
      actual: String(response.status),
    });
  }
  const from = have;
  const file = await open(part, have > 0 ? 'r+' : 'w');
  try {
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      await file.write(piece, 0, piece.length, have);
      have += piece.length;
      if (have > bytes) break; // more than the file has: the hash would refuse it, and the disk should not fill up
      onBytes?.(Math.min(have, bytes));
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return have - from;
}

/** Fetches until all bytes are there; gives up when several attempts in a row bring nothing. */
async function fetchAll(url: string, part: string, options: DownloadOptions): Promise<void> {
  const { bytes, signal, retries = 5 } = options;
  let failures = 0;
  while ((await sizeOf(part)) < bytes) {
    const before = await sizeOf(part);
    let trouble: unknown;
    try {
      await fetchRest(url, part, options);
    } catch (error) {
      if (signal?.aborted === true) throw aborted(signal);
      trouble = error;
    }
    const now = await sizeOf(part);
    if (now >= bytes) return;
    failures = now > before ? 0 : failures + 1;
    if (failures > retries || final(trouble)) throw explain(trouble, url, now, bytes);
    await new Promise((resolve) => setTimeout(resolve, BACKOFF_MS * failures));
  }
}

/** A refusal that no further attempt changes. */
function final(trouble: unknown): boolean {
  return trouble instanceof QuiverError && /^4(?!08|29)/.test(trouble.actual ?? '');
}

function explain(trouble: unknown, url: string, have: number, bytes: number): QuiverError {
  if (trouble instanceof QuiverError) return trouble;
  const cause = trouble instanceof Error ? trouble : undefined;
  const reason = cause?.cause instanceof Error ? cause.cause.message : (cause?.message ?? 'the connection ended early');
  return new QuiverError(
    'E_REMOTE',
    `${url} could not be fetched whole: ${reason}. What came is kept: run the same again to go on from there.`,
    { expected: `${bytes} bytes`, actual: `${have} bytes`, cause },
  );
}

/**
 * Fetches `url` to `target`, by way of `target.part`. Nothing is fetched when the target is there already and right.
 * Errors: E_REMOTE, E_CORRUPT (other bytes than expected; they are thrown away), E_IO, E_ABORTED.
 */
export async function download(url: string, target: string, options: DownloadOptions): Promise<'fetched' | 'present'> {
  const { bytes, sha256 } = options;
  if ((await sizeOf(target)) === bytes && (await sha256Of(target)) === sha256) return 'present';
  await mkdir(dirname(target), { recursive: true });
  const part = `${target}.part`;
  if ((await sizeOf(part)) > bytes) await rm(part);
  await fetchAll(url, part, options);
  const actual = await sha256Of(part);
  if ((await sizeOf(part)) !== bytes || actual !== sha256) {
    await rm(part);
    throw new QuiverError(
      'E_CORRUPT',
      `${url} is not the file that it should be: its SHA-256 differs. It was thrown away. ` +
        'Try again; if it stays so, somebody on the way changes it.',
      { expected: sha256, actual },
    );
  }
  await rename(part, target);
  return 'fetched';
}
