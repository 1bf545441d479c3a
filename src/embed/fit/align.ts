/** Turns a teacher's space so that it lies on a table's: what the table says already then stays, and only what differs is learned. */
import { Matrix, SingularValueDecomposition } from 'ml-matrix';

import { type Axes, principalAxes, project } from './pca.js';

/** Sum of a' b over all rows, `dimA * dimB`. */
function crossMoments(a: Float32Array, dimA: number, b: Float32Array, dimB: number): Matrix {
  const sums = Matrix.zeros(dimA, dimB);
  const count = a.length / dimA;
  for (let i = 0; i < dimA; i++) {
    const row = new Float64Array(dimB);
    for (let n = 0; n < count; n++) {
      const value = a[n * dimA + i];
      for (let j = 0; j < dimB; j++) row[j] = row[j] + value * b[n * dimB + j];
    }
    sums.setRow(i, Array.from(row));
  }
  return sums;
}

/**
 * The axes that hold most of the teacher's vectors, turned (orthogonal Procrustes) to where the table's vectors of the same texts
 * point. Cosines between teacher's vectors stay as they are, less what the axes do not hold.
 */
export function alignedAxes(teacher: Float32Array, teacherDim: number, table: Float32Array, dim: number): Axes {
  const axes = principalAxes(teacher, teacherDim, Math.min(dim, teacherDim));
  const moments = crossMoments(project(teacher, axes), axes.to, table, dim);
  const { leftSingularVectors, rightSingularVectors } = new SingularValueDecomposition(moments, {
    autoTranspose: true,
  });
  const turn = leftSingularVectors.mmul(rightSingularVectors.transpose());
  const turned = Matrix.from1DArray(teacherDim, axes.to, axes.matrix).mmul(turn);
  return { matrix: Float64Array.from(turned.to1DArray()), from: teacherDim, to: dim, kept: axes.kept };
}
