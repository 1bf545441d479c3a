/** The vectors of a model to come: gathered beside the current ones, then put in their place in one transaction. */
import type Database from 'better-sqlite3';
import { QuiverError } from '../../../lib/errors.js';
import type { ModelInfo } from '../backend.js';
import type { Meta, StoredModel, Version } from './meta.js';
import { createVectorTable, vectorTable } from './schema.js';
import { sumOfVector } from './sums.js';
import { vectorBytes } from './vector-rows.js';

export class ModelChange {
  readonly #db: Database.Database;

  constructor(db: Database.Database) {
    this.#db = db;
  }

  #next(): StoredModel | undefined {
    return this.#db
      .prepare<[], StoredModel>(`SELECT number, name, fingerprint, dim FROM models WHERE state = 'next'`)
      .get();
  }

  /** Goes on with the model that was begun, when it is the same one; otherwise drops what it had. */
  begin({ name, fingerprint, dim }: ModelInfo): StoredModel {
    const begun = this.#next();
    if (begun?.name === name && begun.fingerprint === fingerprint && begun.dim === dim) return begun;
    if (begun !== undefined) this.#drop(begun.number);
    const number = 1 + (this.#db.prepare('SELECT max(number) FROM models').pluck().get() as number);
    createVectorTable(this.#db, number);
    this.#db.prepare(`INSERT INTO models VALUES (?, ?, ?, ?, 'next')`).run(number, name, fingerprint, dim);
    return { number, name, fingerprint, dim };
  }

  #drop(number: number): void {
    this.#db.exec(`DROP TABLE ${vectorTable(number)}`);
    this.#db.prepare('DELETE FROM models WHERE number = ?').run(number);
  }

  /** Chunks that were removed meanwhile are left out; returns the places of those that were stored. */
  store(chunks: Float64Array, vectors: Float32Array): Uint32Array {
    const next = this.#next();
    if (next === undefined) throw new QuiverError('E_INTERNAL', 'Vectors came for a model that was not begun.');
    const insert = this.#db.prepare(
      `INSERT INTO ${vectorTable(next.number)} SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM chunks WHERE id = ?)`,
    );
    const stored: number[] = [];
    chunks.forEach((chunk, i) => {
      const vector = vectorBytes(vectors, i, next.dim);
      if (insert.run(chunk, vector, sumOfVector(chunk, vector), chunk).changes > 0) stored.push(i);
    });
    return Uint32Array.from(stored);
  }

  swap(meta: Meta): { model: StoredModel; version: Version } {
    const next = this.#next();
    if (next === undefined) throw new QuiverError('E_INTERNAL', 'There is no model to change to.');
    const missing = this.#db
      .prepare(`SELECT count(*) FROM chunks WHERE id NOT IN (SELECT chunk FROM ${vectorTable(next.number)})`)
      .pluck()
      .get() as number;
    if (missing > 0) throw new QuiverError('E_INTERNAL', `${String(missing)} chunks have no vector of the new model.`);
    const old = meta.read().model;
    this.#drop(old.number);
    this.#db.prepare(`UPDATE models SET state = 'current' WHERE number = ?`).run(next.number);
    const version = meta.begin(meta.number('generation') + 1);
    // The snapshot holds vectors of the model that is gone.
    meta.set('snapshot', null);
    return { model: next, version };
  }
}
