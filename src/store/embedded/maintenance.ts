/** A thread for one long job over the whole database: a copy, or a check of everything. It has a connection of its own. */
import type Database from 'better-sqlite3';
import type { JsonObject } from '../../document/types.js';
import type { VerifyReport } from '../backend.js';
import { openForReading } from './database.js';
import { fieldsOf, type Field } from './fields.js';
import { Meta } from './meta.js';
import {
  checkChunk,
  checkDocument,
  checkText,
  selectChunks,
  selectDocuments,
  type ChunkRow,
  type DocumentRow,
} from './rows.js';
import { VectorRows } from './vector-rows.js';

export interface MaintenanceData {
  role: 'maintenance';
  folder: string;
}

export interface MaintenanceCalls {
  /** Writes a compact copy of one state of the database to a file that is not there yet. */
  copy(path: string): void;
  /** SQLite's own check of pages, keys and words. */
  checkStructure(input: undefined): string[];
  /** Reads documents `from` and up, so many, with all that is theirs. `next` is absent at the end. */
  checkDocuments(input: { from: number; limit: number }): VerifyReport & { next?: number };
  close(input: undefined): void;
}

const MAX_PROBLEMS = 100;

export function openMaintenance({ folder }: MaintenanceData): MaintenanceCalls {
  const db = openForReading(folder);
  return {
    copy(path) {
      db.prepare('VACUUM INTO ?').run(path);
    },
    checkStructure() {
      const rows = db.pragma(`integrity_check(${String(MAX_PROBLEMS)})`) as { integrity_check: string }[];
      const problems = rows.map(({ integrity_check }) => integrity_check).filter((line) => line !== 'ok');
      return [...problems, ...(problems.length === 0 ? orphans(db) : [])];
    },
    checkDocuments: ({ from, limit }) => db.transaction(() => checkDocuments(db, from, limit)).deferred(),
    close() {
      db.close();
    },
  };
}

/** Rows without their document, and words without their chunk. */
function orphans(db: Database.Database): string[] {
  const broken = db.pragma('foreign_key_check') as { table: string }[];
  const count = (sql: string): number => db.prepare(sql).pluck().get() as number;
  const without = count('SELECT count(*) FROM chunks WHERE id NOT IN (SELECT id FROM words_docsize)');
  const beyond = count('SELECT count(*) FROM words_docsize WHERE id NOT IN (SELECT id FROM chunks)');
  return [
    ...new Set(broken.map(({ table }) => `${table}: rows that belong to nothing`)),
    ...(without > 0 ? [`words: ${String(without)} chunks have none`] : []),
    ...(beyond > 0 ? [`words: ${String(beyond)} belong to no chunk`] : []),
  ];
}

function checkDocuments(db: Database.Database, from: number, limit: number): VerifyReport & { next?: number } {
  const { model } = new Meta(db).read();
  const vectors = new VectorRows(db, model.number, model.dim);
  const buffer = new Float32Array(model.dim);
  const text = db.prepare<[number], string>('SELECT text FROM texts WHERE document = ?').pluck();
  const chunks = db.prepare<[number], ChunkRow>(selectChunks('WHERE document = ? ORDER BY id'));
  const fields = db.prepare<[number], Field>('SELECT path, kind, value FROM fields WHERE document = ?');
  const problems: string[] = [];
  const attempt = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      if (problems.length < MAX_PROBLEMS) problems.push(error instanceof Error ? error.message : String(error));
    }
  };
  const rows = db
    .prepare<[number, number], DocumentRow>(selectDocuments('WHERE number >= ? ORDER BY number LIMIT ?'))
    .all(from, limit);
  let count = 0;
  for (const row of rows) {
    attempt(() => checkDocument(db, row));
    attempt(() => checkText(db, row, text.get(row.number)));
    if (!sameFields(row, fields.all(row.number)))
      problems.push(`document ${String(row.number)}: fields are not those of its metadata`);
    const found = chunks.all(row.number);
    count += found.length;
    if (found.length !== row.chunks || (found[0]?.id ?? row.first_chunk) !== row.first_chunk) {
      problems.push(`document ${String(row.number)} has ${String(found.length)} chunks, not ${String(row.chunks)}`);
    }
    for (const chunk of found) {
      attempt(() => checkChunk(db, chunk));
      attempt(() => vectors.read(chunk.id, buffer, 0));
    }
  }
  const last = rows.at(-1);
  return { documents: rows.length, chunks: count, problems, ...(last !== undefined && { next: last.number + 1 }) };
}

function sameFields({ metadata }: DocumentRow, stored: readonly Field[]): boolean {
  const texts = (list: readonly Field[]): string[] =>
    list.map(({ path, kind, value }) => JSON.stringify([path, kind, value])).sort();
  const wanted = texts(fieldsOf(JSON.parse(metadata) as JsonObject));
  return texts(stored).join() === wanted.join();
}
