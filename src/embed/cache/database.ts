/**
 * The file of the cache: opened, made, and set aside when it is damaged. What is in it can be made anew, so nothing here is worth waiting
 * for: a power cut may cost the last transactions, and what is busy is left alone.
 */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { QuiverError } from '../../../lib/errors.js';

/** "Qvec" in the header of the file: this database is a cache of ours. */
const APPLICATION_ID = 0x51766563;
const FORMAT_VERSION = 1;
/** Other processes hold the file for some milliseconds at a time. */
const BUSY_MS = 500;
/** 8 KiB pages hold five vectors of 384 floats without waste; 4 KiB pages hold two. */
const PAGE_BYTES = 8_192;

/**
 * What is small and what is large lie apart: a use changes an entry, and must not rewrite the vector beside it.
 * `used` is when, by a clock that counts the bytes that were ever written.
 */
const TABLES = `
  CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), written INTEGER NOT NULL) STRICT;
  INSERT INTO clock VALUES (1, 0);

  CREATE TABLE spaces (
    number INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    input TEXT NOT NULL,
    UNIQUE (fingerprint, input)
  ) STRICT;

  CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    space INTEGER NOT NULL,
    key BLOB NOT NULL,
    used INTEGER NOT NULL,
    UNIQUE (space, key)
  ) STRICT;
  CREATE INDEX entries_by_use ON entries (used);

  CREATE TABLE vectors (
    entry INTEGER PRIMARY KEY,
    vector BLOB NOT NULL,
    sum INTEGER NOT NULL
  ) STRICT;
`;

/** What is at the path must stay as it is. */
class Foreign extends Error {}

export interface OpenDatabase {
  db: Database.Database;
  /** Which file it is, should another one come to lie at its path. */
  inode: number;
}

export function openDatabase(path: string): OpenDatabase {
  mkdirSync(dirname(path), { recursive: true });
  if (!existsSync(path)) {
    // Vectors tell something of their texts: nobody else's business. SQLite gives its other files the same rights.
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
  }
  const db = new Database(path, { timeout: BUSY_MS });
  try {
    db.pragma(`page_size = ${String(PAGE_BYTES)}`); // of a database that is yet to be made
    db.pragma('auto_vacuum = INCREMENTAL');
    db.pragma('trusted_schema = OFF');
    db.pragma('cell_size_check = ON');
    db.pragma('mmap_size = 0');
    if (!isEmpty(db)) checkKind(db, path);
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma('journal_size_limit = 16777216');
    db.transaction(() => {
      if (isEmpty(db)) fill(db);
    }).immediate();
    return { db, inode: inodeOf(path) ?? 0 };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Tells files apart that come to lie at one path. */
export function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

function isEmpty(db: Database.Database): boolean {
  return db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0;
}

function fill(db: Database.Database): void {
  db.exec(TABLES);
  db.pragma(`application_id = ${String(APPLICATION_ID)}`);
  db.pragma(`user_version = ${String(FORMAT_VERSION)}`);
}

function checkKind(db: Database.Database, path: string): void {
  const id = db.pragma('application_id', { simple: true });
  const version = db.pragma('user_version', { simple: true });
  if (id !== APPLICATION_ID) {
    const ours = db.prepare(
      `SELECT count(*) FROM sqlite_schema WHERE name IN ('clock', 'spaces', 'entries', 'vectors')`,
    );
    if (ours.pluck().get() === 4) throw new QuiverError('E_CORRUPT', `the header of ${path} is damaged`);
    throw new Foreign(`${path} is a database of another program. Give another path.`);
  }
  if (version !== FORMAT_VERSION) {
    throw new Foreign(
      `${path} has format ${String(version)}, and this version of faiss-quiver knows format ${String(FORMAT_VERSION)}. ` +
        'Delete it, or give another path.',
    );
  }
}

/** What an error means for the cache. `busy` needs no word; the others are worth a warning. */
export function meaningOf(error: unknown): 'damaged' | 'busy' | 'unusable' | 'failing' {
  if (error instanceof Foreign) return 'unusable';
  const { code = '' } = error as { code?: string };
  // Our statements do not change: one that cannot run, or that breaks a rule, has met a database that is not as we left it.
  if (/^(E_CORRUPT|SQLITE_(CORRUPT|NOTADB|ERROR|SCHEMA|CONSTRAINT|MISMATCH|FORMAT))/.test(code)) return 'damaged';
  return /^SQLITE_(BUSY|LOCKED)/.test(code) ? 'busy' : 'failing';
}

/** Moves a damaged file out of the way, beside itself. One that has been replaced meanwhile is left alone. Returns where it is now. */
export function setAside(path: string, inode: number | undefined): string | undefined {
  if (inode !== undefined && inodeOf(path) !== inode) return undefined;
  const aside = `${path}.damaged`;
  // The log first: it must never be taken for that of the next file.
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
  renameSync(path, aside);
  return aside;
}
