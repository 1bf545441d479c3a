/** The directions that hold most of a set of vectors, and what is left of a vector in them. */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/**
 * The sum of x x' over all vectors, `dim * dim`. Vectors of length 1 keep their cosines after a projection onto its first eigenvectors: so
 * nothing is subtracted first, as in a principal component analysis it would be.
 */
export function momentMatrix(vectors: Float32Array, dim: number): Float64Array {
  const sums = new Float64Array(dim * dim);
  const x = new Float64Array(dim);
  for (let from = 0; from < vectors.length; from += dim) {
    for (let i = 0; i < dim; i++) x[i] = vectors[from + i];
    for (let i = 0; i < dim; i++) {
      const xi = x[i];
      const row = i * dim;
      for (let j = i; j < dim; j++) sums[row + j] = sums[row + j] + xi * x[j];
    }
  }
  for (let i = 0; i < dim; i++) for (let j = 0; j < i; j++) sums[i * dim + j] = sums[j * dim + i];
  return sums;
}

export interface Axes {
  /** `from * to` numbers, one row for each dimension that goes in. */
  matrix: Float64Array;
  from: number;
  to: number;
  /** Share of the squared lengths that the axes hold. */
  kept: number;
}

/** The `to` orthogonal directions that hold most of the vectors. */
export function principalAxes(vectors: Float32Array, dim: number, to: number): Axes {
  const moments = Matrix.from1DArray(dim, dim, momentMatrix(vectors, dim));
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(moments, { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i);
  order.sort((a, b) => realEigenvalues[b] - realEigenvalues[a]);
  const chosen = order.slice(0, to);
  const matrix = new Float64Array(dim * chosen.length);
  chosen.forEach((column, c) => {
    for (let d = 0; d < dim; d++) matrix[d * chosen.length + c] = eigenvectorMatrix.get(d, column);
  });
  const sum = (indices: readonly number[]): number => indices.reduce((all, i) => all + realEigenvalues[i], 0);
  return { matrix, from: dim, to: chosen.length, kept: sum(chosen) / sum(order) };
}

/** Every vector in the axes. */
export function project(vectors: Float32Array, { matrix, from, to }: Axes): Float32Array {
  const count = vectors.length / from;
  const out = new Float32Array(count * to);
  const sums = new Float64Array(to);
  for (let n = 0; n < count; n++) {
    sums.fill(0);
    for (let d = 0; d < from; d++) {
      const value = vectors[n * from + d];
      const row = d * to;
      for (let c = 0; c < to; c++) sums[c] = sums[c] + value * matrix[row + c];
    }
    out.set(sums, n * to);
  }
  return out;
}

/** Every vector at length 1, in place. A vector of zeros stays one. */
export function normaliseRows(vectors: Float32Array, dim: number): Float32Array {
  for (let from = 0; from < vectors.length; from += dim) {
    let squared = 0;
    for (let d = 0; d < dim; d++) squared += vectors[from + d] ** 2;
    const scale = squared > 0 ? 1 / Math.sqrt(squared) : 0;
    for (let d = 0; d < dim; d++) vectors[from + d] = vectors[from + d] * scale;
  }
  return vectors;
}
