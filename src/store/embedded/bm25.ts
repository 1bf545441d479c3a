/** BM25 of every chunk for the terms of one question, by adding up the terms' lists. */
import type { Spread } from '../fusion.js';
import type { Corpus } from './corpus.js';
import type { Postings } from './postings.js';

/** On the collections that the weights of hybrid search were measured on, better than 1.2 and 0.75. */
export const K1 = 0.9;
export const B = 0.4;

export interface WeightedList {
  list: Postings;
  /** How often the question has the term. */
  count: number;
}

export class Bm25 {
  readonly k1: number;
  readonly b: number;
  #scores = new Float32Array(0);
  #touched = new Uint32Array(1_024);
  #n = 0;

  constructor(k1 = K1, b = B) {
    this.k1 = k1;
    this.b = b;
  }

  /** Chunks with a score, in no particular order. Good until the next call of score(). */
  get found(): Uint32Array {
    return this.#touched.subarray(0, this.#n);
  }

  /** By number; 0 where no term is in the chunk. Good until the next call of score(). */
  get scores(): Float32Array {
    return this.#scores;
  }

  of(id: number): number {
    return this.#scores[id] ?? 0;
  }

  /** Scores all chunks. Returns each term's weight, and how the scores lie over the whole corpus. */
  score(lists: readonly WeightedList[], corpus: Corpus): { weights: number[]; spread: Spread } {
    this.#clear(corpus.end);
    const weights = lists.map(({ list, count }) => this.#add(list, count, corpus));
    return { weights, spread: this.#spread(corpus.count) };
  }

  #clear(end: number): void {
    if (end > this.#scores.length) this.#scores = new Float32Array(Math.ceil(end * 1.25));
    else if (this.#n > end >> 4) this.#scores.fill(0);
    else for (let i = 0; i < this.#n; i++) this.#scores[this.#touched[i]] = 0;
    this.#n = 0;
  }

  #add({ ids, counts }: Postings, count: number, corpus: Corpus): number {
    const { lengths } = corpus;
    let chunks = 0;
    for (let i = 0; i < ids.length; i++) if (lengths[ids[i]] > 0) chunks++;
    if (chunks === 0) return 0;
    const idf = Math.log(1 + (corpus.count - chunks + 0.5) / (chunks + 0.5));
    const scale = idf * count * (this.k1 + 1);
    const fixed = this.k1 * (1 - this.b);
    const byLength = (this.k1 * this.b * corpus.count) / Math.max(corpus.words, 1);
    this.#room(chunks);
    const scores = this.#scores;
    const touched = this.#touched;
    let n = this.#n;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i];
      const length = lengths[id];
      if (length === 0) continue; // gone
      const before = scores[id];
      if (before === 0) touched[n++] = id;
      scores[id] = before + (scale * counts[i]) / (counts[i] + fixed + byLength * (length - 1));
    }
    this.#n = n;
    return idf;
  }

  #room(more: number): void {
    if (this.#n + more <= this.#touched.length) return;
    const larger = new Uint32Array(Math.max(this.#n + more, this.#touched.length * 2));
    larger.set(this.found);
    this.#touched = larger;
  }

  #spread(total: number): Spread {
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < this.#n; i++) {
      const score = this.#scores[this.#touched[i]];
      sum += score;
      squares += score * score;
    }
    if (total === 0) return { mean: 0, deviation: 0 };
    const mean = sum / total;
    return { mean, deviation: Math.sqrt(Math.max(0, squares / total - mean * mean)) };
  }
}
