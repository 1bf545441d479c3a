/** hnswlib-node: one thread, arrays of numbers, and calls that block the event loop. */
import { needed, rows, type Library, type Space } from './library.js';

/** What is used of it. */
interface Graph {
  initIndex: (options: { maxElements: number; m: number; efConstruction: number }) => void;
  addPoint: (point: number[], label: number) => void;
  setEf: (ef: number) => void;
  searchKnn: (query: number[], k: number) => { neighbors: number[] };
  resizeIndex: (count: number) => void;
  getMaxElements: () => number;
  getCurrentCount: () => number;
  writeIndex: (file: string) => Promise<void>;
  readIndex: (file: string) => Promise<void>;
}

interface Package {
  HierarchicalNSW: new (space: string, dim: number) => Graph;
}

/** Room is made for so many more at a time. */
const MORE = 10_000;

export class HnswlibNode implements Library {
  readonly about: string;
  readonly #library: Package;
  #graph: Graph | undefined;
  #dim = 0;
  /** As a service would have them ready: the conversion is not what is measured. */
  readonly #lists = new WeakMap<Float32Array, number[]>();

  constructor(require: NodeJS.Require, version: string) {
    this.#library = require('hnswlib-node') as Package;
    this.about = `hnswlib-node ${version}`;
  }
  #list(query: Float32Array): number[] {
    let list = this.#lists.get(query);
    if (list === undefined) this.#lists.set(query, (list = Array.from(query)));
    return list;
  }
  #make({ dim, metric }: Space): Graph {
    this.#dim = dim;
    return (this.#graph = new this.#library.HierarchicalNSW(metric === 'l2' ? 'l2' : 'ip', dim));
  }
  build(x: Float32Array, space: Space, m: number, efConstruction: number): Promise<void> {
    const graph = this.#make(space);
    graph.initIndex({ maxElements: x.length / space.dim, m, efConstruction });
    for (const [i, row] of rows(x, space.dim).entries()) graph.addPoint(Array.from(row), i);
    return Promise.resolve();
  }
  setEf(ef: number): void {
    needed(this.#graph).setEf(ef);
  }
  one(query: Float32Array, k: number): number[] {
    return needed(this.#graph).searchKnn(this.#list(query), k).neighbors;
  }
  ask(query: Float32Array, k: number): Promise<unknown> {
    return Promise.resolve(this.one(query, k));
  }
  all(queries: Float32Array, k: number): Promise<number[]> {
    return Promise.resolve(rows(queries, this.#dim).flatMap((row) => this.one(row, k)));
  }
  add(vector: Float32Array): Promise<unknown> {
    const graph = needed(this.#graph);
    const count = graph.getCurrentCount();
    if (count === graph.getMaxElements()) graph.resizeIndex(count + MORE);
    graph.addPoint(this.#list(vector), count);
    return Promise.resolve();
  }
  async save(file: string): Promise<void> {
    await needed(this.#graph).writeIndex(file);
  }
  async open(file: string, space: Space): Promise<void> {
    await this.#make(space).readIndex(file);
  }
}
