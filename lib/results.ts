/** What searches return: flat typed arrays, and rows of hits for those who like them. */
import { checkInteger } from './errors.js';
import type { Hit, IdArray } from './types.js';

function hits(ids: IdArray, distances: Float32Array, from: number, to: number): Hit[] {
  const row: Hit[] = [];
  for (let i = from; i < to; i++) {
    const id = ids[i];
    if (id >= 0) row.push({ id, distance: distances[i] });
  }
  return row;
}

/** The k nearest of each of n queries, best first. */
export class SearchResult implements Iterable<Hit[]> {
  /** Queries answered. */
  readonly n: number;
  /** Places for each query. */
  readonly k: number;
  /** `n * k` ids; -1 in a place without a hit. */
  readonly ids: IdArray;
  /** `n * k` distances, in the order of the ids; infinite in a place without a hit. */
  readonly distances: Float32Array;

  constructor(n: number, k: number, ids: IdArray, distances: Float32Array) {
    this.n = n;
    this.k = k;
    this.ids = ids;
    this.distances = distances;
  }

  /** The hits of query `i`; fewer than k where the index holds fewer. */
  row(i: number): Hit[] {
    checkInteger('row', i, 0, this.n - 1);
    return hits(this.ids, this.distances, i * this.k, (i + 1) * this.k);
  }

  *[Symbol.iterator](): Iterator<Hit[]> {
    for (let i = 0; i < this.n; i++) yield this.row(i);
  }
}

/** All hits within a radius, for each of n queries, best first. */
export class RangeResult implements Iterable<Hit[]> {
  readonly n: number;
  /** `n + 1` places in ids and distances: query i has [offsets[i], offsets[i + 1]). */
  readonly offsets: Float64Array;
  readonly ids: IdArray;
  readonly distances: Float32Array;

  constructor(offsets: Float64Array, ids: IdArray, distances: Float32Array) {
    this.n = offsets.length - 1;
    this.offsets = offsets;
    this.ids = ids;
    this.distances = distances;
  }

  row(i: number): Hit[] {
    checkInteger('row', i, 0, this.n - 1);
    return hits(this.ids, this.distances, this.offsets[i], this.offsets[i + 1]);
  }

  *[Symbol.iterator](): Iterator<Hit[]> {
    for (let i = 0; i < this.n; i++) yield this.row(i);
  }
}
