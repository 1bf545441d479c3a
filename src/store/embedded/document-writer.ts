/** A document's rows in and out, within whatever transaction is open. */
import type Database from 'better-sqlite3';
import type { JsonObject } from '../../document/types.js';
import type { PreparedDocument } from '../entry.js';
import { fieldsOf } from './fields.js';
import type { StoredModel } from './meta.js';
import { INSERT_CHUNK, INSERT_DOCUMENT, toChunkRow, toDocumentRow } from './rows.js';
import { vectorTable } from './schema.js';
import { sumOfVector } from './sums.js';
import { vectorBytes } from './vector-rows.js';

/** Chunks `first` to `first + count - 1`. */
export interface ChunkRange {
  first: number;
  count: number;
}

export interface Removal {
  /** Documents that were there. */
  documents: number;
  chunks: ChunkRange[];
}

interface OldDocument {
  number: number;
  first_chunk: number;
  chunks: number;
}

function prepare(db: Database.Database, model: number) {
  return {
    find: db.prepare<[string], OldDocument>('SELECT number, first_chunk, chunks FROM documents WHERE id = ?'),
    insertDocument: db.prepare(INSERT_DOCUMENT),
    insertText: db.prepare('INSERT INTO texts VALUES (?, ?)'),
    insertChunk: db.prepare(INSERT_CHUNK),
    insertWords: db.prepare('INSERT INTO words (rowid, text, context) VALUES (?, ?, ?)'),
    insertVector: db.prepare(`INSERT INTO ${vectorTable(model)} VALUES (?, ?, ?)`),
    insertField: db.prepare('INSERT INTO fields VALUES (?, ?, ?, ?)'),
    deleteWords: db.prepare('DELETE FROM words WHERE rowid = ?'),
    // Takes text, chunks, vectors and fields with it.
    deleteDocument: db.prepare('DELETE FROM documents WHERE number = ?'),
    insertRemoved: db.prepare('INSERT INTO removed VALUES (?, ?, ?)'),
  };
}

export class DocumentWriter {
  readonly #model: StoredModel;
  readonly #statements: ReturnType<typeof prepare>;

  /** For the vectors of one model; a change of model needs another writer. */
  constructor(db: Database.Database, model: StoredModel) {
    this.#model = model;
    this.#statements = prepare(db, model.number);
  }

  insert(document: PreparedDocument, number: number, firstChunk: number): void {
    const { insertDocument, insertText, insertChunk, insertWords, insertVector, insertField } = this.#statements;
    insertDocument.run(toDocumentRow(document, number, firstChunk));
    insertText.run(number, document.text);
    document.chunks.forEach((chunk, position) => {
      const row = toChunkRow(chunk, document.text, number, firstChunk, position);
      insertChunk.run(row);
      insertWords.run(row.id, row.text, contextOf(document.title, chunk.headings));
      const vector = vectorBytes(document.vectors, position, this.#model.dim);
      insertVector.run(row.id, vector, sumOfVector(row.id, vector));
    });
    for (const { path, kind, value } of fieldsOf(JSON.parse(document.metadata) as JsonObject)) {
      insertField.run(path, kind, value, number);
    }
  }

  /** Notes what went in `removal`; an id that is not there changes nothing. */
  remove(id: string, generation: number, removal: Removal): void {
    const { find, deleteWords, deleteDocument, insertRemoved } = this.#statements;
    const old = find.get(id);
    if (old === undefined) return;
    for (let chunk = old.first_chunk; chunk < old.first_chunk + old.chunks; chunk++) deleteWords.run(chunk);
    deleteDocument.run(old.number);
    removal.documents++;
    if (old.chunks === 0) return;
    insertRemoved.run(old.first_chunk, old.chunks, generation);
    removal.chunks.push({ first: old.first_chunk, count: old.chunks });
  }
}

/** Title and headings are words of each chunk below them: "the licence of X" finds the licence, which never says X. */
export function contextOf(title: string | undefined, headings: readonly string[] | undefined): string {
  const parts = headings ?? [];
  return (title === undefined || title === parts[0] ? parts : [title, ...parts]).join('\n');
}
