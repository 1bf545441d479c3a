/** The vector index as a reader sees it: opened by its token in the reader's own thread, so that a search is one call. */
import { Index, type Filter, type SearchParams } from '../../../lib/index.js';

export interface Near {
  /** Best first. */
  ids: Float64Array;
  cosines: Float32Array;
  /** The index has no more. */
  all: boolean;
}

/** Which vectors may be found. */
export interface Bounds {
  /** One bit a number. */
  bits?: Uint8Array;
  /** Only numbers below it, while vectors that are not committed may be in the index. */
  end?: number;
}

/** Kinds that keep vectors as they are; others keep codes, and their distances are estimates. */
const WHOLE = /^(IVF\d+,|HNSW\d+,)?Flat$/;

export class NearIndex {
  #index: Index | undefined;
  #token = '';
  #whole = false;

  /** Takes the index that is served now. */
  attach(token: string): void {
    if (token !== this.#token) {
      const before = this.#index;
      this.#index = Index.attach(token);
      this.#token = token;
      void before?.close();
    }
    this.#whole = WHOLE.test(this.#index?.stats().factory ?? '');
  }

  get dim(): number {
    return this.#of().dim;
  }

  /** Whether cosines are those of the vectors, but for the last digits. */
  get whole(): boolean {
    return this.#whole;
  }

  search(vector: Float32Array, k: number, { bits, end }: Bounds, exact: boolean): Near {
    const filter: Filter | undefined =
      bits !== undefined ? { bitmap: bits } : end !== undefined ? { range: [0, end] } : undefined;
    const params: SearchParams = { ...(filter !== undefined && { filter }), ...(exact && { exact }) };
    const { ids, distances } = this.#of().searchSync(vector, k, params);
    const found = ids.findIndex((id) => id < 0);
    const n = found < 0 ? ids.length : found;
    return { ids: ids.subarray(0, n) as Float64Array, cosines: distances.subarray(0, n), all: n < k };
  }

  /** The cosines of these chunks, as far as they are in the index. */
  cosines(vector: Float32Array, ids: readonly number[]): Map<number, number> {
    const cosines = new Map<number, number>();
    if (ids.length === 0) return cosines;
    const found = this.#of().searchSync(vector, ids.length, { filter: { ids }, exact: true });
    for (const { id, distance } of found.row(0)) cosines.set(Number(id), distance);
    return cosines;
  }

  close(): void {
    void this.#index?.close();
    this.#index = undefined;
  }

  #of(): Index {
    if (this.#index === undefined) throw new Error('No index was attached.');
    return this.#index;
  }
}
