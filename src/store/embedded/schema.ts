/**
 * The tables. They are the truth; everything else (the vector index, the caches of the readers) can be made from them.
 *
 * Numbers of documents and chunks only go up and are never used twice, and what lies under a number never changes: a
 * document that is replaced gets new ones. So whatever was learnt about a number stays true until it is gone, and caches
 * need no more than the numbers that are new and those that were removed.
 */
import type Database from 'better-sqlite3';

/** "Qvrc" in the header of the file: this database is a store of ours. */
export const APPLICATION_ID = 0x51767263;
export const FORMAT_VERSION = 1;

export const TOKENIZER = 'porter unicode61 remove_diacritics 2';

const TABLES = `
  CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value ANY
  ) STRICT, WITHOUT ROWID;

  -- At most one is 'current'; 'next' is one whose vectors are being made.
  CREATE TABLE models (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    dim INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('current', 'next'))
  ) STRICT;

  -- The chunks of a document are numbered from first_chunk on, without a gap.
  CREATE TABLE documents (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT,
    type TEXT,
    source TEXT,
    hash TEXT,
    metadata TEXT NOT NULL,
    first_chunk INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    length INTEGER NOT NULL,
    text_hash BLOB NOT NULL,
    sum INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX documents_by_chunk ON documents (first_chunk);

  CREATE TABLE texts (
    document INTEGER PRIMARY KEY REFERENCES documents ON DELETE CASCADE,
    text TEXT NOT NULL
  ) STRICT;

  CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
    position INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    page INTEGER,
    headings TEXT,
    text TEXT NOT NULL,
    sum INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX chunks_by_document ON chunks (document);

  -- Every value of every document's metadata under its path, for filters.
  CREATE TABLE fields (
    path TEXT NOT NULL,
    kind INTEGER NOT NULL,
    value ANY NOT NULL,
    document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
    PRIMARY KEY (path, kind, value, document)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX fields_by_document ON fields (document);

  -- Chunks that are gone, and the generation that they left with: what a snapshot of the index must forget.
  CREATE TABLE removed (
    first_chunk INTEGER PRIMARY KEY,
    chunks INTEGER NOT NULL,
    generation INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX removed_by_generation ON removed (generation);

  -- Words of the chunks. Without content of its own: a deletion needs no old text, and damaged text cannot harm it.
  CREATE VIRTUAL TABLE words USING fts5 (
    text, context,
    content = '', contentless_delete = 1, tokenize = '${TOKENIZER}'
  );
`;

/** The vectors of one model. A name from a number: no text of anybody's enters the SQL. */
export function vectorTable(model: number): string {
  return `vectors_${String(model)}`;
}

export function createVectorTable(db: Database.Database, model: number): void {
  db.exec(`CREATE TABLE ${vectorTable(model)} (
    chunk INTEGER PRIMARY KEY REFERENCES chunks ON DELETE CASCADE,
    vector BLOB NOT NULL,
    sum INTEGER NOT NULL
  ) STRICT`);
}

export function createTables(db: Database.Database): void {
  db.exec(TABLES);
  // More words gathered before a segment is written: fewer merges while much comes in.
  db.exec(`INSERT INTO words (words, rank) VALUES ('hashsize', 8388608)`);
  db.pragma(`application_id = ${String(APPLICATION_ID)}`);
  db.pragma(`user_version = ${String(FORMAT_VERSION)}`);
}
