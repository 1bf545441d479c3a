/** Ours, by the calls that its users have. */
import { configure, Index, system } from '../../../lib/index.js';
import { codesOfOpened } from '../../support/indexes.js';
import type { Filter } from '../../../lib/types.js';
import { needed, type Library, type Space } from './library.js';

export class Quiver implements Library {
  readonly about = `faiss-quiver ${system().version}, FAISS ${system().faiss}, ${system().simd}`;
  #index: Index | undefined;
  #options: { efSearch: number; filter?: Filter; exact?: boolean } = { efSearch: 64 };

  async build(x: Float32Array, { dim, metric }: Space, M: number, ef: number, threads: number): Promise<void> {
    configure({ threads });
    const kind = metric === 'l2' ? ('l2' as const) : ('ip' as const);
    this.#index = await Index.create({ dim, metric: kind, type: 'hnsw', M, efConstruction: ef });
    await this.#index.add(x);
  }
  setEf(ef: number): void {
    this.#options = { ...this.#options, efSearch: ef };
  }
  one(query: Float32Array, k: number): unknown {
    return needed(this.#index).searchSync(query, k, this.#options);
  }
  ask(query: Float32Array, k: number): Promise<unknown> {
    return needed(this.#index).search(query, k, this.#options);
  }
  async all(queries: Float32Array, k: number): Promise<ArrayLike<number | bigint>> {
    return (await needed(this.#index).search(queries, k, this.#options)).ids;
  }
  add(vector: Float32Array): Promise<unknown> {
    return needed(this.#index).add(vector);
  }
  filter(bitmap: Uint8Array | undefined): void {
    const { efSearch } = this.#options;
    this.#options = bitmap === undefined ? { efSearch } : { efSearch, filter: { bitmap } };
  }
  exact(on: boolean): void {
    this.#options = { efSearch: this.#options.efSearch, exact: on };
  }
  async save(file: string): Promise<void> {
    await needed(this.#index).save(file);
  }
  async open(file: string, _: Space, mmap = false): Promise<void> {
    this.#index = await Index.open(file, { mmap });
  }
  settled(): Promise<void> {
    return codesOfOpened(needed(this.#index));
  }
}
