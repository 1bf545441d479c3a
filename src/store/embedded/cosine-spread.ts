/** How a question's cosines lie over the whole store, from a sample of its vectors. */
import type { Spread } from '../fusion.js';
import type { Corpus } from './corpus.js';
import type { VectorRows } from './vector-rows.js';

/** Between this many vectors and half of it: their deviation is within a few percent of that of all. */
const SAMPLE = 512;

/**
 * Which chunks are in the sample depends on their numbers and on how many there are, and on nothing else: the same store gives the same
 * scores, however it came to be open.
 */
export class CosineSpread {
  readonly #corpus: Corpus;
  readonly #rows: VectorRows;
  #ids: number[] = [];
  #vectors = new Float32Array(0);
  #generation = -1;
  #end = 0;
  /** Of 2^32 values of mixed(), those below it are in. */
  #limit = 2 ** 32;

  constructor(corpus: Corpus, rows: VectorRows) {
    this.#corpus = corpus;
    this.#rows = rows;
  }

  of(query: Float32Array): Spread {
    if (this.#generation !== this.#corpus.generation) this.#sample();
    const { dim } = this.#rows;
    const count = this.#ids.length;
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < count; i++) {
      const cosine = dot(query, 0, this.#vectors, i * dim, dim);
      sum += cosine;
      squares += cosine * cosine;
    }
    if (count === 0) return { mean: 0, deviation: 0 };
    const mean = sum / count;
    return { mean, deviation: Math.sqrt(Math.max(0, squares / count - mean * mean)) };
  }

  /** Brings the sample up to date; what was in it and still belongs there is not read again. */
  #sample(): void {
    const { lengths, end, count, generation } = this.#corpus;
    const limit = 2 ** (32 - Math.max(0, Math.ceil(Math.log2(count / SAMPLE))));
    const from = limit <= this.#limit ? this.#end : 0;
    const known = new Map(this.#ids.map((id, i) => [id, i]));
    const ids = this.#ids.filter((id) => id < from && lengths[id] > 0 && mixed(id) < limit);
    for (let id = from; id < end; id++) if (lengths[id] > 0 && mixed(id) < limit) ids.push(id);
    const { dim } = this.#rows;
    const vectors = new Float32Array(ids.length * dim);
    ids.forEach((id, i) => {
      const before = known.get(id);
      if (before === undefined) this.#rows.read(id, vectors, i * dim);
      else vectors.set(this.#vectors.subarray(before * dim, (before + 1) * dim), i * dim);
    });
    this.#ids = ids;
    this.#vectors = vectors;
    this.#generation = generation;
    this.#end = end;
    this.#limit = limit;
  }
}

/** 32 bits in which neighbours differ everywhere (the finaliser of murmur3); its top bits are as good as random. */
function mixed(id: number): number {
  let h = id;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Four sums at once, so that no addition waits for the one before it. */
export function dot(a: Float32Array, from: number, b: Float32Array, at: number, dim: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let j = 0;
  for (; j + 3 < dim; j += 4) {
    s0 += a[from + j] * b[at + j];
    s1 += a[from + j + 1] * b[at + j + 1];
    s2 += a[from + j + 2] * b[at + j + 2];
    s3 += a[from + j + 3] * b[at + j + 3];
  }
  for (; j < dim; j++) s0 += a[from + j] * b[at + j];
  return s0 + s1 + (s2 + s3);
}
