/** faiss-node: FAISS by its factory, without a way to set efConstruction or efSearch, on arrays of numbers; its calls block the event loop. */
import { needed, type Library, type Space } from './library.js';

/** What is used of it. */
interface Graph {
  add: (x: number[]) => void;
  search: (queries: number[], k: number) => { labels: number[] };
  write: (file: string) => void;
}
interface Package {
  Index: { fromFactory: (dim: number, factory: string, metric: number) => Graph; read: (file: string) => Graph };
}

/** FAISS's own numbers of metrics. */
const METRICS = { cosine: 0, l2: 1 };
/** Vectors a call: a larger array of numbers takes 8 bytes for each of them twice. */
const SLICE = 1_000;

export class FaissNode implements Library {
  readonly about: string;
  readonly #library: Package;
  #graph: Graph | undefined;
  readonly #lists = new WeakMap<Float32Array, number[]>();

  constructor(require: NodeJS.Require, version: string) {
    this.#library = require('faiss-node') as Package;
    this.about = `faiss-node ${version} (efConstruction 40 and efSearch 16, which it cannot change)`;
  }
  #list(query: Float32Array): number[] {
    let list = this.#lists.get(query);
    if (list === undefined) this.#lists.set(query, (list = Array.from(query)));
    return list;
  }
  build(x: Float32Array, { dim, metric }: Space, m: number): Promise<void> {
    const graph = (this.#graph = this.#library.Index.fromFactory(dim, `HNSW${m},Flat`, METRICS[metric]));
    for (let from = 0; from < x.length; from += SLICE * dim)
      graph.add(Array.from(x.subarray(from, from + SLICE * dim)));
    return Promise.resolve();
  }
  setEf(): void {
    // It has no such setting.
  }
  one(query: Float32Array, k: number): unknown {
    return needed(this.#graph).search(this.#list(query), k);
  }
  ask(query: Float32Array, k: number): Promise<unknown> {
    return Promise.resolve(this.one(query, k));
  }
  all(queries: Float32Array, k: number): Promise<number[]> {
    return Promise.resolve(needed(this.#graph).search(this.#list(queries), k).labels);
  }
  add(vector: Float32Array): Promise<unknown> {
    needed(this.#graph).add(this.#list(vector));
    return Promise.resolve();
  }
  save(file: string): Promise<void> {
    needed(this.#graph).write(file);
    return Promise.resolve();
  }
  open(file: string): Promise<void> {
    this.#graph = this.#library.Index.read(file);
    return Promise.resolve();
  }
}
