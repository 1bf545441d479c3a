/**
 * One writer at a time, across processes. The lock is SQLite's own, on a file that holds nothing: the operating system
 * frees it when its process dies, however it dies. (Nobody may open and close that file by other means in the same process: POSIX
 * locks would go with it. SQLite knows its own files and takes care.)
 */
import { readFileSync, writeFileSync, unlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import Database from 'better-sqlite3';
import { QuiverError } from '../../../lib/errors.js';
import { holderPath, lockPath } from './layout.js';

interface Holder {
  pid: number;
  host: string;
  since: string;
}

export interface WriterLock {
  release(): void;
}

export function lockForWriting(folder: string): WriterLock {
  const db = new Database(lockPath(folder), { timeout: 0 });
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (error instanceof Database.SqliteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code)) throw locked(folder);
    throw error;
  }
  const holder: Holder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  try {
    writeFileSync(holderPath(folder), JSON.stringify(holder));
  } catch {
    // Only a help for whoever comes second; a full disk is found out soon enough.
  }
  return {
    release() {
      try {
        unlinkSync(holderPath(folder));
      } catch {
        // Gone already.
      }
      db.close();
    },
  };
}

function locked(folder: string): QuiverError {
  const holder = readHolder(folder);
  const who =
    holder === undefined
      ? 'Another process'
      : holder.host === hostname() && holder.pid === process.pid
        ? `This process (pid ${String(holder.pid)})`
        : `Process ${String(holder.pid)} on ${holder.host}`;
  const since = holder === undefined ? '' : ` since ${holder.since}`;
  return new QuiverError(
    'E_LOCKED',
    `${who} has the store in ${folder} open for writing${since}, and there can be one writer. Close it there, or open with readOnly: true.`,
    { expected: 'no other writer', actual: holder === undefined ? 'one' : `pid ${String(holder.pid)}` },
  );
}

function readHolder(folder: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(holderPath(folder), 'utf8')) as Partial<Holder>;
    const { pid, host, since } = holder;
    if (typeof pid === 'number' && typeof host === 'string' && typeof since === 'string') return { pid, host, since };
  } catch {
    // Not written yet, or half.
  }
  return undefined;
}
