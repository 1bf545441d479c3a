/** Jobs over the whole store: copies and checks, in threads of their own. */
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { constants } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { QuiverError, wrongArgument } from '../../../lib/errors.js';
import type { LongCallOptions } from '../../../lib/index.js';
import type { StoreStats, VerifyReport } from '../backend.js';
import { closed } from '../errors.js';
import { databasePath } from './layout.js';
import type { Live } from './live.js';
import type { MaintenanceCalls } from './maintenance.js';
import { startThread, type Remote } from '../../thread/rpc.js';
import type { ThreadData } from './thread.js';

const CHECKED_AT_ONCE = 64;

export function startStoreThread<H extends { [N in keyof H]: (input: never) => unknown }>(data: ThreadData): Remote<H> {
  return startThread<H>({
    name: `quiver-store-${data.role}`,
    file: new URL('./thread.js', import.meta.url),
    data,
    closed,
    advice: 'Close the store and open it again; what was acknowledged is on disk.',
  });
}

async function inThread<T>(folder: string, run: (thread: Remote<MaintenanceCalls>) => Promise<T>): Promise<T> {
  const thread = startStoreThread<MaintenanceCalls>({ role: 'maintenance', folder });
  try {
    return await run(thread);
  } finally {
    await thread.call('close', undefined).catch(() => undefined);
    await thread.close();
  }
}

/** A copy of the database, and of the snapshot where it is of use there. Appears whole, under its name, at the end. */
export async function backup(
  folder: string,
  target: unknown,
  live: Live,
  { signal }: LongCallOptions,
): Promise<{ bytes: number }> {
  if (typeof target !== 'string' || target === '') throw wrongArgument('folder', 'a path', target);
  const path = resolve(target);
  if (await isThere(path)) {
    throw new QuiverError('E_EXISTS', `${path} is there already. Give a path that is not, or move it away.`, {
      expected: 'a path without anything',
      actual: path,
    });
  }
  const temporary = join(dirname(path), `.${basename(path)}.${String(process.pid)}.tmp`);
  try {
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true });
    await inThread(folder, (thread) => thread.call('copy', databasePath(temporary), { signal }));
    await copySnapshot(folder, temporary, live);
    for (const name of await readdir(temporary)) await sync(join(temporary, name));
    await sync(temporary);
    await rename(temporary, path);
    await sync(dirname(path));
    return { bytes: await bytesIn(path) };
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw error instanceof QuiverError ? error : ioError(`Cannot write the copy to ${path}`, error);
  }
}

/** What the copy cannot use (a snapshot that was replaced meanwhile) it makes anew when it is opened. */
async function copySnapshot(folder: string, target: string, live: Live): Promise<void> {
  const file = live.state.snapshot?.file;
  if (file === undefined) return;
  try {
    await copyFile(join(folder, file), join(target, file), constants.COPYFILE_FICLONE);
  } catch {
    await rm(join(target, file), { force: true });
  }
}

function ioError(what: string, error: unknown): QuiverError {
  return new QuiverError('E_IO', `${what}: ${error instanceof Error ? error.message : String(error)}.`, {
    cause: error,
  });
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await bytesOf(path)) !== undefined;
}

async function bytesOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch {
    return undefined;
  }
}

async function bytesIn(folder: string): Promise<number> {
  const sizes = await Promise.all((await readdir(folder)).map((name) => bytesOf(join(folder, name))));
  return sizes.reduce((sum: number, size) => sum + (size ?? 0), 0);
}

export async function sizes(folder: string, live: Live): Promise<StoreStats['bytes']> {
  const file = live.state.snapshot?.file;
  return {
    database: (await bytesOf(databasePath(folder))) ?? 0,
    log: (await bytesOf(`${databasePath(folder)}-wal`)) ?? 0,
    snapshot: file === undefined ? 0 : ((await bytesOf(join(folder, file))) ?? 0),
  };
}

type Checked = ReturnType<MaintenanceCalls['checkDocuments']>;

export function verify(folder: string, total: number, { signal, onProgress }: LongCallOptions): Promise<VerifyReport> {
  return inThread(folder, async (thread) => {
    const report: VerifyReport = { documents: 0, chunks: 0, problems: [] };
    report.problems.push(...(await thread.call('checkStructure', undefined, { signal })));
    let from: number | undefined = 0;
    while (from !== undefined) {
      const part: Checked = await thread.call('checkDocuments', { from, limit: CHECKED_AT_ONCE }, { signal });
      report.documents += part.documents;
      report.chunks += part.chunks;
      report.problems.push(...part.problems);
      onProgress?.({ phase: 'verify', done: report.documents, total });
      from = part.next;
    }
    return report;
  });
}
