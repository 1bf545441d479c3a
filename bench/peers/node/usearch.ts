/** usearch for Node: batches on several threads, but calls that block the event loop. */
import { needed, rows, type Library, type Space } from './library.js';

/** What is used of it. */
interface Graph {
  add: (keys: bigint | BigUint64Array, x: Float32Array, threads: number) => void;
  search: (query: Float32Array, k: number, threads: number) => { keys: BigUint64Array };
  size: () => number;
  save: (file: string) => void;
  load: (file: string) => void;
}

interface Package {
  Index: new (options: Record<string, unknown>) => Graph;
}

export class UsearchNode implements Library {
  readonly about: string;
  readonly #library: Package;
  readonly #scratch: string;
  #graph: Graph | undefined;
  #options: Record<string, unknown> = {};
  #saved: string | undefined;
  #ef = 64;

  /** @param scratch a file of its own */
  constructor(require: NodeJS.Require, version: string, scratch: string) {
    this.#library = require('usearch') as Package;
    this.about = `usearch for Node ${version}`;
    this.#scratch = scratch;
  }
  #make({ dim, metric }: Space, more: Record<string, unknown> = {}): Graph {
    this.#options = { metric: metric === 'l2' ? 'l2sq' : 'ip', dimensions: dim, ...more };
    return (this.#graph = new this.#library.Index({ ...this.#options, expansion_search: this.#ef }));
  }
  build(x: Float32Array, space: Space, connectivity: number, ef: number, threads: number): Promise<void> {
    const keys = BigUint64Array.from(rows(x, space.dim), (_, i) => BigInt(i));
    this.#make(space, { connectivity, expansion_add: ef }).add(keys, x, threads);
    return Promise.resolve();
  }
  /** The width is fixed when an index is made, so another one reads what was built. */
  setEf(ef: number): void {
    if (ef === this.#ef) return;
    if (this.#saved === undefined) {
      this.#saved = this.#scratch;
      needed(this.#graph).save(this.#saved);
    }
    this.#ef = ef;
    this.#graph = new this.#library.Index({ ...this.#options, expansion_search: ef });
    this.#graph.load(this.#saved);
  }
  one(query: Float32Array, k: number): unknown {
    return needed(this.#graph).search(query, k, 1);
  }
  ask(query: Float32Array, k: number): Promise<unknown> {
    return Promise.resolve(this.one(query, k));
  }
  all(queries: Float32Array, k: number, threads: number): Promise<ArrayLike<bigint>> {
    return Promise.resolve(needed(this.#graph).search(queries, k, threads).keys);
  }
  add(vector: Float32Array): Promise<unknown> {
    const graph = needed(this.#graph);
    this.#saved = undefined;
    graph.add(BigInt(graph.size()), vector, 1);
    return Promise.resolve();
  }
  save(file: string): Promise<void> {
    needed(this.#graph).save(file);
    return Promise.resolve();
  }
  open(file: string, space: Space): Promise<void> {
    this.#make(space).load(file);
    this.#saved = file;
    return Promise.resolve();
  }
}
