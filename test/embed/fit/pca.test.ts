import { strict as assert } from 'node:assert';

import { alignedAxes } from '../../../src/embed/fit/align.js';
import { momentMatrix, normaliseRows, principalAxes, project } from '../../../src/embed/fit/pca.js';
import { random } from '../../../src/embed/fit/random.js';
import { cosine } from '../support.js';

const pick = random(11);
const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, () => pick.next() - 0.5);

/** `count` vectors of 12 numbers that lie in 5 directions, plus a little noise. */
function flat(count: number, noise: number): Float32Array {
  const base = numbers(5 * 12);
  const out = new Float32Array(count * 12);
  for (let n = 0; n < count; n++) {
    const weights = numbers(5);
    for (let d = 0; d < 12; d++) {
      out[n * 12 + d] = weights.reduce(
        (sum, weight, b) => sum + weight * base[b * 12 + d],
        noise * (pick.next() - 0.5),
      );
    }
  }
  return out;
}

describe('embed/fit: axes', () => {
  it('sums x times x over all vectors', () => {
    assert.deepEqual([...momentMatrix(Float32Array.of(1, 2, 3, 4), 2)], [10, 14, 14, 20]);
  });

  it('holds vectors of few directions whole, and their cosines', () => {
    const vectors = flat(200, 0);
    const axes = principalAxes(vectors, 12, 5);
    assert.ok(axes.kept > 0.999999, String(axes.kept));
    const small = project(vectors, axes);
    for (let n = 1; n < 200; n++) {
      const wanted = cosine(vectors.subarray(0, 12), vectors.subarray(n * 12, n * 12 + 12));
      assert.ok(Math.abs(cosine(small.subarray(0, 5), small.subarray(n * 5, n * 5 + 5)) - wanted) < 1e-5);
    }
  });

  it('gives directions of length 1 at right angles, the richest first', () => {
    const vectors = flat(300, 0.3);
    const { matrix, to } = principalAxes(vectors, 12, 6);
    for (let a = 0; a < to; a++) {
      for (let b = 0; b < to; b++) {
        let dot = 0;
        for (let d = 0; d < 12; d++) dot += matrix[d * to + a] * matrix[d * to + b];
        assert.ok(Math.abs(dot - (a === b ? 1 : 0)) < 1e-9, `axes ${a} and ${b}: ${dot}`);
      }
    }
    const energy = new Float64Array(6);
    project(vectors, principalAxes(vectors, 12, 6)).forEach(
      (value, i) => (energy[i % 6] = energy[i % 6] + value * value),
    );
    assert.deepEqual(
      [...energy],
      [...energy].sort((a, b) => b - a),
    );
  });

  it('turns onto the vectors of a table', () => {
    const teacher = flat(300, 0.02);
    // The table says the same as the teacher's first five axes, turned and half as long.
    const turn = principalAxes(numbers(50 * 5), 5, 5);
    const table = project(project(teacher, principalAxes(teacher, 12, 5)), turn).map((value) => value / 2);
    const found = project(teacher, alignedAxes(teacher, 12, table, 5));
    for (let n = 0; n < 300; n++) {
      const [from, to] = [n * 5, n * 5 + 5];
      assert.ok(cosine(found.subarray(from, to), table.subarray(from, to)) > 0.999);
    }
  });

  it('turns a teacher of fewer numbers than the table has', () => {
    const teacher = flat(100, 0.5);
    const table = project(teacher, { matrix: Float64Array.from(numbers(12 * 20)), from: 12, to: 20, kept: 1 });
    const axes = alignedAxes(teacher, 12, table, 20);
    const found = project(teacher, axes);
    const wanted = cosine(teacher.subarray(0, 12), teacher.subarray(12, 24));
    assert.equal(axes.to, 20);
    assert.ok(Math.abs(cosine(found.subarray(0, 20), found.subarray(20, 40)) - wanted) < 1e-5);
  });

  it('brings rows to length 1 and leaves zeros', () => {
    assert.deepEqual([...normaliseRows(Float32Array.of(3, 4, 0, 0), 2)], [...Float32Array.of(0.6, 0.8, 0, 0)]);
  });
});
