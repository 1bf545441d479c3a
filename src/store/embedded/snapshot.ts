/**
 * The vector index on disk: a cache of the database. A snapshot is used when it is, byte for byte, the one that the database names;
 * everything else is as good as none.
 */
import { createHash } from 'node:crypto';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Index, type CallOptions } from '../../../lib/index.js';
import { isSnapshotFile, snapshotName } from './layout.js';
import type { SnapshotRecord } from './meta.js';

/** lib's header; it holds the sums of all that follows. */
const HEADER_BYTES = 4_096;

async function digestOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    const { bytesRead } = await file.read(header, 0, HEADER_BYTES, 0);
    return createHash('sha256').update(header.subarray(0, bytesRead)).digest('hex');
  } finally {
    await file.close();
  }
}

/** Opens the snapshot, every byte checked, or says why it is of no use. */
export async function openSnapshot(
  folder: string,
  record: SnapshotRecord,
  dim: number,
  options: CallOptions,
): Promise<Index | string> {
  const path = join(folder, record.file);
  let index: Index | undefined;
  try {
    if (!isSnapshotFile(record.file)) return `the name of the snapshot is damaged: ${record.file}`;
    const { size } = await stat(path);
    if (size !== record.bytes) return `${record.file} has ${String(size)} bytes, not ${String(record.bytes)}`;
    if ((await digestOf(path)) !== record.digest) return `${record.file} is not the file that was saved`;
    index = await Index.open(path, { ...options, mmap: 'vectors', verify: true });
    if (index.dim === dim && index.metric === 'cosine' && index.count === record.count) return index;
    await index.close();
    return `${record.file} holds another index than its record says`;
  } catch (error) {
    await index?.close();
    if (options.signal?.aborted === true) throw error;
    return `${record.file} cannot be used: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Writes the index; the record is what the database must then keep. Older files stay until that is done. */
export async function saveSnapshot(
  folder: string,
  index: Index,
  about: Omit<SnapshotRecord, 'file' | 'bytes' | 'digest' | 'count'>,
): Promise<SnapshotRecord> {
  const file = snapshotName(about.generation);
  const path = join(folder, file);
  const { count } = index;
  await index.save(path);
  const { size } = await stat(path);
  return { ...about, file, bytes: size, digest: await digestOf(path), count };
}

/** Deletes every snapshot but one, and what interrupted saves have left. */
export async function sweepSnapshots(folder: string, keep: string | undefined): Promise<void> {
  for (const name of await readdir(folder)) {
    if (isSnapshotFile(name) && name !== keep) await rm(join(folder, name), { recursive: true, force: true });
  }
}
