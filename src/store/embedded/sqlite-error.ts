/** What SQLite threw, as an error of ours that says what to do. */
import Database from 'better-sqlite3';
import { QuiverError, type ErrorCode } from '../../../lib/errors.js';

interface Meaning {
  code: ErrorCode;
  what: string;
  hint: string;
}

const MEANINGS: readonly [pattern: RegExp, meaning: Meaning][] = [
  [
    // Our statements do not change, so one that SQLite cannot run (a table is not there, an index of words has another
    // format) or that breaks a rule has met a database which is not as the store left it.
    /^SQLITE_(CORRUPT|NOTADB|ERROR|SCHEMA|CONSTRAINT|MISMATCH)/,
    {
      code: 'E_CORRUPT',
      what: 'The database is damaged',
      hint: 'Restore a backup, or move the folder away and ingest the documents again.',
    },
  ],
  [/^SQLITE_FULL/, { code: 'E_IO', what: 'The disk is full', hint: 'Nothing was changed. Make room and try again.' }],
  [
    /^SQLITE_(READONLY|CANTOPEN|PERM|AUTH)/,
    {
      code: 'E_IO',
      what: 'The database cannot be opened or written',
      hint: 'Check the rights of the folder; also for reading, SQLite makes files beside the database.',
    },
  ],
  [
    /^SQLITE_IOERR/,
    { code: 'E_IO', what: 'The disk failed', hint: 'Nothing was changed. Check the disk and try again.' },
  ],
  [
    /^SQLITE_(BUSY|LOCKED)/,
    {
      code: 'E_LOCKED',
      what: 'Another program holds the database',
      hint: 'Close what has opened the file, such as an SQLite shell with a transaction, and try again.',
    },
  ],
  [/^SQLITE_NOMEM/, { code: 'E_OUT_OF_MEMORY', what: 'There is no memory for it', hint: 'Nothing was changed.' }],
  [/^SQLITE_TOOBIG/, { code: 'E_RANGE', what: 'A text is too large for SQLite', hint: 'Split the document.' }],
];

export function fromSqlite(error: unknown, path: string): QuiverError {
  if (error instanceof QuiverError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Database.SqliteError) {
    const meaning = MEANINGS.find(([pattern]) => pattern.test(error.code))?.[1];
    if (meaning !== undefined) {
      return new QuiverError(meaning.code, `${path}: ${meaning.what} (${message}). ${meaning.hint}`, {
        actual: error.code,
        cause: error,
      });
    }
  }
  return new QuiverError('E_INTERNAL', `${path}: ${message}. This is a mistake of the store; please report it.`, {
    cause: error,
  });
}
