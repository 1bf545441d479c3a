/** Opening the database: with the settings that make it the truth, and not before it is known to be ours and whole. */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { QuiverError } from '../../../lib/errors.js';
import type { ModelInfo } from '../backend.js';
import { databasePath } from './layout.js';
import { Meta } from './meta.js';
import { APPLICATION_ID, createTables, createVectorTable, FORMAT_VERSION } from './schema.js';

/** A check of all pages takes about a millisecond a megabyte: up to here nobody notices. */
const CHEAP_CHECK_BYTES = 32 << 20;
const BUSY_MS = 5_000;
/** 8 KiB pages hold seven vectors of 256 floats without waste; 4 KiB pages hold three. */
const PAGE_BYTES = 8_192;
const CACHE_KIB = 16_384;

function settings(db: Database.Database): void {
  db.pragma('trusted_schema = OFF');
  db.pragma('cell_size_check = ON');
  db.pragma('mmap_size = 0');
  db.pragma('foreign_keys = ON');
  db.pragma('temp_store = MEMORY');
  db.pragma(`cache_size = -${String(CACHE_KIB)}`);
}

export function notFound(folder: string): QuiverError {
  return new QuiverError('E_NOT_FOUND', `There is no store in ${folder}. Give the path of one, or let it be made.`, {
    expected: 'a folder with collection.db',
    actual: folder,
  });
}

function checkMayCreate(folder: string, create: boolean, model: ModelInfo | undefined): ModelInfo {
  if (!create) throw notFound(folder);
  if (model !== undefined) return model;
  throw new QuiverError(
    'E_ARGUMENT',
    `There is no store in ${folder}: to make one, give its model { name, fingerprint, dim }.`,
    { expected: 'model', actual: 'undefined' },
  );
}

function isEmpty(db: Database.Database): boolean {
  const tables = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
  return tables === 0 && db.pragma('application_id', { simple: true }) === 0;
}

/** Opens for writing; makes the store when it may. The caller holds the writer's lock. */
export function openForWriting(folder: string, create: boolean, model: ModelInfo | undefined): Database.Database {
  const path = databasePath(folder);
  if (!existsSync(path)) checkMayCreate(folder, create, model);
  // better-sqlite3 turns SQLITE_DBCONFIG_DEFENSIVE on by itself.
  const db = new Database(path, { timeout: BUSY_MS });
  try {
    db.pragma(`page_size = ${String(PAGE_BYTES)}`); // of a database that is yet to be made
    settings(db);
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    db.pragma('journal_size_limit = 67108864');
    if (isEmpty(db)) {
      const checked = checkMayCreate(folder, create, model);
      // One transaction: a crash leaves a whole store, or an empty database that the next open fills.
      db.transaction(() => fill(db, checked)).immediate();
    }
    checkKind(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Opens for reading, beside a writer or alone. */
export function openForReading(folder: string): Database.Database {
  const path = databasePath(folder);
  if (!existsSync(path) || statSync(path).size === 0) throw notFound(folder);
  const db = new Database(path, { readonly: true, fileMustExist: true, timeout: BUSY_MS });
  try {
    settings(db);
    checkKind(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Makes sure of the folder itself; its parents too. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      EACCES: 'permission denied',
      EEXIST: 'there is a file of that name',
      ENOSPC: 'the disk is full',
      ENOTDIR: 'a part of the path is not a folder',
      EROFS: 'the file system is read-only',
    };
    const reason = reasons[code] ?? String(error);
    throw new QuiverError('E_IO', `${folder} cannot be made: ${reason}. Check the path and the rights.`, {
      actual: code,
      cause: error,
    });
  }
}

function fill(db: Database.Database, { name, fingerprint, dim }: ModelInfo): void {
  createTables(db);
  createVectorTable(db, 1);
  db.prepare(`INSERT INTO models VALUES (1, ?, ?, ?, 'current')`).run(name, fingerprint, dim);
  const meta = new Meta(db);
  meta.begin(0);
  meta.set('next_document', 1);
  meta.set('next_chunk', 0);
  meta.set('forgotten', 0);
}

function checkKind(db: Database.Database, path: string): void {
  const id = db.pragma('application_id', { simple: true });
  const version = db.pragma('user_version', { simple: true }) as number;
  if (id !== APPLICATION_ID) {
    throw new QuiverError('E_CORRUPT', `${path} is a database of another program, or its header is damaged.`, {
      expected: `application_id ${String(APPLICATION_ID)}`,
      actual: String(id),
    });
  }
  if (version !== FORMAT_VERSION) {
    throw new QuiverError(
      'E_VERSION',
      `${path} has format ${String(version)}, and this version of faiss-quiver reads format ${String(FORMAT_VERSION)}. Use the version that wrote it, or ingest the documents again.`,
      { expected: String(FORMAT_VERSION), actual: String(version) },
    );
  }
}

/** SQLite's own look at pages and order of keys. All of it where it is asked for, or where it takes no time. */
export function checkPages(db: Database.Database, always: boolean): void {
  if (!always && statSync(db.name).size > CHEAP_CHECK_BYTES) return;
  const problem = db.pragma('quick_check(1)', { simple: true });
  if (problem === 'ok') return;
  throw new QuiverError(
    'E_CORRUPT',
    `${db.name} is damaged: ${String(problem)}. Restore a backup, or move the folder away and ingest the documents again.`,
    { expected: 'ok', actual: String(problem) },
  );
}
