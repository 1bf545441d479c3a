/** Where a fit begins: the rows that a table has before it has seen a text. */
import { Tokenizer } from '../static/tokenizer.js';
import type { Vocabulary } from '../static/vocabulary.js';
import { type Axes, project } from './pca.js';

/** Tokens that make up more than this share of all text are weighed down: SIF, smooth inverse frequency. */
const RARE = 1e-4;

/** Share of each token in the tokens of all texts. */
export function tokenShares(texts: readonly string[], vocabulary: Vocabulary): Float64Array {
  const shares = new Float64Array(vocabulary.size);
  const tokenizer = new Tokenizer(vocabulary);
  let all = 0;
  for (const text of texts) {
    for (const id of tokenizer.encode(text)) {
      shares[id] = shares[id] + 1;
      all++;
    }
  }
  return all === 0 ? shares : shares.map((count) => count / all);
}

/** The mean of all vectors. */
export function meanVector(vectors: Float32Array, dim: number): Float64Array {
  const mean = new Float64Array(dim);
  for (let i = 0; i < vectors.length; i++) mean[i % dim] = mean[i % dim] + vectors[i];
  return mean.map((sum) => (sum * dim) / vectors.length);
}

/**
 * Rows from what the teacher says of each token alone: less what is common to all tokens, in the axes of the table, and the
 * shorter the more common the token is. Better than half of what a fit reaches.
 */
export function rowsFromTeacher(
  vectors: Float32Array,
  mean: Float64Array,
  axes: Axes,
  shares: Float64Array,
): Float32Array {
  const rows = project(
    vectors.map((value, i) => value - mean[i % axes.from]),
    axes,
  );
  for (let token = 0; token < shares.length; token++) {
    const weight = RARE / (RARE + shares[token]);
    for (let i = token * axes.to; i < (token + 1) * axes.to; i++) rows[i] = rows[i] * weight;
  }
  return rows;
}

/** Rows for new words: the sum of those of their pieces, so that every text keeps the vector it had. */
export function rowsFromPieces(
  words: readonly string[],
  vocabulary: Vocabulary,
  rows: Float32Array,
  dim: number,
): Float32Array {
  const tokenizer = new Tokenizer(vocabulary);
  const out = new Float32Array(words.length * dim);
  words.forEach((word, w) => {
    for (const id of tokenizer.encode(word)) {
      for (let d = 0; d < dim; d++) out[w * dim + d] = out[w * dim + d] + rows[id * dim + d];
    }
  });
  return out;
}
