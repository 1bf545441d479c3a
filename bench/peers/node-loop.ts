/**
 * HNSW of libraries for Node as peers, ours among them: the commands of graph_loop.py, for the library that the first argument
 * names, which lies in the folder that the second names.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { configure, Index, system } from '../../lib/index.js';

interface Library {
  about: string;
  build: (x: Float32Array, dim: number, metric: string, m: number, ef: number, threads: number) => Promise<void>;
  setEf: (ef: number) => void;
  one: (query: Float32Array, k: number) => unknown;
  all: (queries: Float32Array, dim: number, k: number, threads: number) => Promise<ArrayLike<number | bigint>>;
  save: (file: string) => Promise<void>;
}

const rows = (x: Float32Array, dim: number): Float32Array[] =>
  Array.from({ length: x.length / dim }, (_, i) => x.subarray(i * dim, (i + 1) * dim));

class Quiver implements Library {
  readonly about = `faiss-quiver, FAISS ${system().faiss} ${system().simd}`;
  #index: Index | undefined;
  #ef = 64;

  get #ready(): Index {
    if (this.#index === undefined) throw new Error('expected build first, found no index');
    return this.#index;
  }

  async build(x: Float32Array, dim: number, metric: string, m: number, ef: number): Promise<void> {
    const kind = metric === 'l2' ? ('l2' as const) : ('ip' as const);
    this.#index = await Index.create({ dim, metric: kind, type: 'hnsw', M: m, efConstruction: ef });
    await this.#index.add(x);
  }
  setEf(ef: number): void {
    this.#ef = ef;
  }
  one(query: Float32Array, k: number): unknown {
    return this.#ready.searchSync(query, k, { efSearch: this.#ef });
  }
  async all(queries: Float32Array, _: number, k: number): Promise<ArrayLike<number | bigint>> {
    return (await this.#ready.search(queries, k, { efSearch: this.#ef })).ids;
  }
  async save(file: string): Promise<void> {
    await this.#ready.save(file);
  }
}

/** From its own file: not every package exports it. */
function versionOf(name: string): string {
  const file = join(process.argv[3] ?? '', 'node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** What is used of hnswlib-node. */
interface Hnswlib {
  HierarchicalNSW: new (
    space: string,
    dim: number,
  ) => {
    initIndex: (options: { maxElements: number; m: number; efConstruction: number }) => void;
    addPoint: (point: number[], label: number) => void;
    setEf: (ef: number) => void;
    searchKnn: (query: number[], k: number) => { neighbors: number[] };
    writeIndex: (file: string) => Promise<void>;
  };
}

/** It takes arrays of numbers, and blocks the event loop. */
class HnswlibNode implements Library {
  readonly about: string;
  readonly #library: Hnswlib;
  #index: InstanceType<Hnswlib['HierarchicalNSW']> | undefined;
  /** As a service would have them ready: the conversion is not what is measured. */
  readonly #lists = new WeakMap<Float32Array, number[]>();

  constructor(require: NodeJS.Require) {
    this.#library = require('hnswlib-node') as Hnswlib;
    this.about = `hnswlib-node ${versionOf('hnswlib-node')}`;
  }
  #list(query: Float32Array): number[] {
    let list = this.#lists.get(query);
    if (list === undefined) this.#lists.set(query, (list = Array.from(query)));
    return list;
  }
  build(x: Float32Array, dim: number, metric: string, m: number, ef: number): Promise<void> {
    this.#index = new this.#library.HierarchicalNSW(metric === 'l2' ? 'l2' : 'ip', dim);
    this.#index.initIndex({ maxElements: x.length / dim, m, efConstruction: ef });
    for (const [i, row] of rows(x, dim).entries()) this.#index.addPoint(Array.from(row), i);
    return Promise.resolve();
  }
  setEf(ef: number): void {
    this.#index?.setEf(ef);
  }
  one(query: Float32Array, k: number): { neighbors: number[] } | undefined {
    return this.#index?.searchKnn(this.#list(query), k);
  }
  all(queries: Float32Array, dim: number, k: number): Promise<number[]> {
    return Promise.resolve(rows(queries, dim).flatMap((row) => this.one(row, k)?.neighbors ?? []));
  }
  async save(file: string): Promise<void> {
    await this.#index?.writeIndex(file);
  }
}

/** What is used of usearch. */
interface Usearch {
  Index: new (options: Record<string, unknown>) => {
    add: (keys: BigUint64Array, x: Float32Array, threads: number) => void;
    search: (query: Float32Array, k: number, threads: number) => { keys: BigUint64Array };
    save: (file: string) => void;
    load: (file: string) => void;
  };
}

class UsearchNode implements Library {
  readonly about: string;
  readonly #library: Usearch;
  #index: InstanceType<Usearch['Index']> | undefined;
  #options: Record<string, unknown> = {};
  #saved: string | undefined;

  constructor(require: NodeJS.Require) {
    this.#library = require('usearch') as Usearch;
    this.about = `usearch for Node ${versionOf('usearch')}`;
  }
  build(x: Float32Array, dim: number, metric: string, m: number, ef: number, threads: number): Promise<void> {
    this.#options = { metric: metric === 'l2' ? 'l2sq' : 'ip', dimensions: dim, connectivity: m, expansion_add: ef };
    this.#index = new this.#library.Index({ ...this.#options, expansion_search: 64 });
    this.#index.add(
      BigUint64Array.from(rows(x, dim), (_, i) => BigInt(i)),
      x,
      threads,
    );
    return Promise.resolve();
  }
  /** The width is fixed when an index is made, so another one reads what was built. */
  setEf(ef: number): void {
    this.#saved ??= this.#save();
    this.#index = new this.#library.Index({ ...this.#options, expansion_search: ef });
    this.#index.load(this.#saved);
  }
  #save(): string {
    const file = `${process.argv[4] ?? ''}.usearch`;
    this.#index?.save(file);
    return file;
  }
  one(query: Float32Array, k: number): unknown {
    return this.#index?.search(query, k, 1);
  }
  all(queries: Float32Array, _: number, k: number, threads: number): Promise<ArrayLike<bigint>> {
    return Promise.resolve(this.#index?.search(queries, k, threads).keys ?? new BigUint64Array());
  }
  save(file: string): Promise<void> {
    this.#index?.save(file);
    return Promise.resolve();
  }
}

function open(name: string, folder: string): Library {
  if (name === 'quiver') return new Quiver();
  const require = createRequire(`${folder}/package.json`);
  return name === 'hnswlib-node' ? new HnswlibNode(require) : new UsearchNode(require);
}

const [, , name = '', folder = ''] = process.argv;
const library = open(name, folder);
let dim = 0;
let metric = 'l2';
let base = new Float32Array();
let queries = new Float32Array();
let each: Float32Array[] = [];

function floats(file: string): Float32Array<ArrayBuffer> {
  return new Float32Array(new Uint8Array(readFileSync(file)).buffer);
}

async function seconds(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

const commands: Record<string, (...words: string[]) => unknown> = {
  base: (file = '', size, kind = 'l2') => {
    dim = Number(size);
    metric = kind;
    base = floats(file);
    return base.length / dim;
  },
  queries: (file = '') => {
    queries = floats(file);
    each = rows(queries, dim);
    return each.length;
  },
  build: (m, ef, threads) => {
    if (name === 'quiver') configure({ threads: Number(threads) });
    return seconds(() => library.build(base, dim, metric, Number(m), Number(ef), Number(threads)));
  },
  singles: async (ef, k, count) => {
    library.setEf(Math.max(Number(ef), Number(k)));
    for (const query of each) library.one(query, Number(k));
    return seconds(() => {
      for (let i = 0; i < Number(count); i++) library.one(each[i % each.length] ?? queries, Number(k));
    });
  },
  batch: (ef, k, threads) => {
    library.setEf(Math.max(Number(ef), Number(k)));
    return seconds(() => library.all(queries, dim, Number(k), Number(threads)));
  },
  answers: async (ef, k, file = '') => {
    library.setEf(Math.max(Number(ef), Number(k)));
    writeFileSync(file, BigInt64Array.from(Array.from(await library.all(queries, dim, Number(k), 1), BigInt)));
    return file;
  },
  save: async (file = '') => {
    await library.save(file);
    return statSync(file).size;
  },
  resident: () => process.memoryUsage.rss(),
  about: () => library.about,
};

for await (const line of createInterface({ input: process.stdin })) {
  const [command = '', ...words] = line.split('\t');
  try {
    console.log('ok', String(await commands[command]?.(...words)));
  } catch (error) {
    console.log('error', String(error).replaceAll('\n', ' '));
  }
}
