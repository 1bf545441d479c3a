/** Vectors as the bytes of a row, and back. */
import type Database from 'better-sqlite3';
import { vectorTable } from './schema.js';
import { damaged, sumOfVector } from './sums.js';

/** One of several vectors in a row, as bytes that share their memory. */
export function vectorBytes(vectors: Float32Array, position: number, dim: number): Buffer {
  return Buffer.from(vectors.buffer, vectors.byteOffset + position * dim * 4, dim * 4);
}

export interface VectorBatch {
  ids: Float64Array;
  /** `ids.length * dim` floats. */
  vectors: Float32Array;
}

type Row = [chunk: number, vector: Buffer, sum: number];

/** Reads of the vectors of one model. */
export class VectorRows {
  readonly dim: number;
  readonly #one: Database.Statement<[number], Row>;
  readonly #from: Database.Statement<[number, number], Row>;
  readonly #path: string;

  constructor(db: Database.Database, model: number, dim: number) {
    const columns = `SELECT chunk, vector, sum FROM ${vectorTable(model)}`;
    this.dim = dim;
    this.#path = db.name;
    this.#one = db.prepare<[number], Row>(`${columns} WHERE chunk = ?`).raw();
    this.#from = db.prepare<[number, number], Row>(`${columns} WHERE chunk >= ? ORDER BY chunk LIMIT ?`).raw();
  }

  /** Writes the vector of a chunk to `into`, from `at` on. */
  read(chunk: number, into: Float32Array, at: number): void {
    const row = this.#one.get(chunk);
    if (row === undefined) throw damaged(this.#path, `the vector of chunk ${String(chunk)}, which is missing,`);
    this.#copy(row, into, at);
  }

  /** At most `limit` vectors, of the chunks from `from` on. */
  batch(from: number, limit: number): VectorBatch {
    const rows = this.#from.all(from, limit);
    const ids = new Float64Array(rows.length);
    const vectors = new Float32Array(rows.length * this.dim);
    rows.forEach((row, i) => {
      ids[i] = row[0];
      this.#copy(row, vectors, i * this.dim);
    });
    return { ids, vectors };
  }

  #copy([chunk, vector, sum]: Row, into: Float32Array, at: number): void {
    if (vector.length !== this.dim * 4 || sumOfVector(chunk, vector) !== sum) {
      throw damaged(this.#path, `the vector of chunk ${String(chunk)}`);
    }
    // Rows lie in memory wherever SQLite put them; floats must begin at a multiple of four.
    new Uint8Array(into.buffer, into.byteOffset + at * 4, vector.length).set(vector);
  }
}
