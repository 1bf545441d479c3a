/**
 * LanceDB: a table on disk with an HNSW index of 8-bit codes over one partition, and calls that are promises. It has threads of its own, so
 * that its single queries are not held to one.
 */
import { cp, rm } from 'node:fs/promises';
import { needed, rows, type Library, type Space } from './library.js';

/** What is used of it and of apache-arrow, which it brings along. */
interface Query {
  ef: (ef: number) => Query;
  nprobes: (count: number) => Query;
  limit: (k: number) => Query;
  select: (columns: string[]) => Query;
  toArrow: () => Promise<{ getChild: (name: string) => { toArray: () => Int32Array } | null }>;
}
interface Table {
  countRows: () => Promise<number>;
  createIndex: (column: string, options: { config: unknown }) => Promise<void>;
  query: () => { nearestTo: (vector: Float32Array) => Query };
  add: (rows: unknown) => Promise<unknown>;
}
interface Package {
  connect: (folder: string) => Promise<{
    createTable: (name: string, rows: unknown) => Promise<Table>;
    openTable: (name: string) => Promise<Table>;
  }>;
  Index: { hnswSq: (options: Record<string, unknown>) => unknown };
}
type Arrow = Record<string, new (...args: unknown[]) => { fields?: unknown }> & {
  makeData: (about: Record<string, unknown>) => unknown;
};

const TABLE = 'vectors';
/** Queries under way at the same time in a batch: it has no call for many. */
const AT_ONCE = 64;

export class LanceDb implements Library {
  readonly about: string;
  readonly #library: Package;
  readonly #arrow: Arrow;
  readonly #folder: string;
  #place: string;
  #table: Table | undefined;
  #dim = 0;
  #ef = 64;

  /** @param scratch a folder of its own */
  constructor(require: NodeJS.Require, version: string, scratch: string) {
    this.#library = require('@lancedb/lancedb') as Package;
    this.#arrow = require('apache-arrow') as Arrow;
    this.about = `LanceDB ${version}`;
    this.#folder = this.#place = scratch;
  }
  #rows(x: Float32Array, from: number): unknown {
    const { Field, FixedSizeList, Float32, Int32, RecordBatch, Schema, Struct, Table: Rows, makeData } = this.#arrow;
    const count = x.length / this.#dim;
    const make = (kind = Int32, ...args: unknown[]): { fields?: unknown } => new (kind ?? Object)(...args);
    const list = make(FixedSizeList, this.#dim, make(Field, 'item', make(Float32), true));
    const vectors = makeData({
      type: list,
      length: count,
      nullCount: 0,
      child: makeData({ type: make(Float32), data: x }),
    });
    const ids = makeData({ type: make(Int32), data: Int32Array.from({ length: count }, (_, i) => from + i) });
    const schema = make(Schema, [make(Field, 'id', make(Int32)), make(Field, 'vector', list)]);
    const both = makeData({
      type: make(Struct, schema.fields),
      length: count,
      nullCount: 0,
      children: [ids, vectors],
    });
    return make(Rows, [make(RecordBatch, schema, both)]);
  }
  async build(x: Float32Array, { dim, metric }: Space, m: number, efConstruction: number): Promise<void> {
    this.#dim = dim;
    await rm(this.#folder, { recursive: true, force: true });
    const database = await this.#library.connect(this.#folder);
    this.#table = await database.createTable(TABLE, this.#rows(x, 0));
    const distanceType = metric === 'l2' ? 'l2' : 'dot';
    await this.#table.createIndex('vector', {
      config: this.#library.Index.hnswSq({ distanceType, numPartitions: 1, m, efConstruction }),
    });
  }
  setEf(ef: number): void {
    this.#ef = ef;
  }
  async ask(query: Float32Array, k: number): Promise<Int32Array> {
    const near = needed(this.#table).query().nearestTo(query).nprobes(1).ef(this.#ef).limit(k);
    return needed((await near.select(['id', '_distance']).toArrow()).getChild('id') ?? undefined).toArray();
  }
  one(query: Float32Array, k: number): Promise<Int32Array> {
    return this.ask(query, k);
  }
  async all(queries: Float32Array, k: number): Promise<number[]> {
    const each = rows(queries, this.#dim);
    const found: number[][] = [];
    let next = 0;
    const client = async (): Promise<void> => {
      for (let i = next++; i < each.length; i = next++) {
        const ids = Array.from(await this.ask(each[i] ?? queries, k));
        found[i] = Array.from({ length: k }, (_, j) => ids[j] ?? -1);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, client));
    return found.flat();
  }
  async add(vector: Float32Array): Promise<unknown> {
    const table = needed(this.#table);
    return table.add(this.#rows(vector, await table.countRows()));
  }
  /** It is on disk from the start; what it holds is copied. */
  async save(file: string): Promise<void> {
    await rm(file, { recursive: true, force: true });
    await cp(this.#place, file, { recursive: true });
  }
  async open(file: string, { dim }: Space): Promise<void> {
    this.#dim = dim;
    this.#place = file;
    this.#table = await (await this.#library.connect(file)).openTable(TABLE);
  }
}
