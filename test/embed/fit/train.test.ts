import { strict as assert } from 'node:assert';

import { random } from '../../../src/embed/fit/random.js';
import { train } from '../../../src/embed/fit/train.js';

const dim = 4;
const tokens = 12;

/** Texts whose targets a hidden table makes: what a fit can reach. */
function problem(count: number, seed: number) {
  const pick = random(seed);
  const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, () => pick.next() - 0.5);
  const hidden = numbers(tokens * dim);
  const starts = new Int32Array(count + 1);
  const ids: number[] = [];
  const targets = new Float32Array(count * dim);
  for (let text = 0; text < count; text++) {
    const sum = new Float64Array(dim);
    for (let t = 1 + pick.below(6); t > 0; t--) {
      const id = pick.below(tokens);
      ids.push(id);
      for (let d = 0; d < dim; d++) sum[d] = sum[d] + hidden[id * dim + d];
    }
    starts[text + 1] = ids.length;
    const length = Math.hypot(...sum);
    for (let d = 0; d < dim; d++) targets[text * dim + d] = sum[d] / length;
  }
  return { texts: { ids: Int32Array.from(ids), starts }, targets, rows: numbers(tokens * dim) };
}

function loss({ rows, texts, targets }: Pick<ReturnType<typeof problem>, 'rows' | 'texts' | 'targets'>): number {
  let sum = 0;
  const count = texts.starts.length - 1;
  for (let text = 0; text < count; text++) {
    const total = new Float64Array(dim);
    for (let t = texts.starts[text]; t < texts.starts[text + 1]; t++) {
      for (let d = 0; d < dim; d++) total[d] = total[d] + rows[texts.ids[t] * dim + d];
    }
    let cosine = 0;
    for (let d = 0; d < dim; d++) cosine += (total[d] * targets[text * dim + d]) / Math.hypot(...total);
    sum += 1 - cosine;
  }
  return sum / count;
}

const settings = { epochs: 30, batch: 16, learningRate: 0.02, warmUp: 10, dim };

describe('embed/fit: training', () => {
  it('finds a table that says what the hidden one says', () => {
    const given = problem(600, 1);
    const before = loss(given);
    const seen: number[] = [];
    train({ ...given, ...settings, random: random(1), onBatch: (_step, _steps, value) => seen.push(value) });
    const after = loss(given);
    assert.ok(before > 0.5 && after < 0.01, `${before} before, ${after} after`);
    assert.equal(seen.length, 30 * Math.ceil(600 / 16));
    assert.ok(Math.abs(seen.at(-1)! - after) < 0.02);
  });

  it('goes down the true gradient', () => {
    // Adam's first step is the learning rate against the sign of the gradient: compare it with differences of the loss.
    const given = problem(40, 2);
    const before = given.rows.slice();
    const step = 1e-3;
    const slopes = before.map((_, i) => {
      const at = (value: number): number => {
        const rows = Float32Array.from(before);
        rows[i] = rows[i] + value;
        return loss({ ...given, rows });
      };
      return (at(step) - at(-step)) / (2 * step);
    });
    train({ ...given, ...settings, epochs: 1, batch: 40, warmUp: 1, learningRate: 1e-4, random: random(1) });
    let checked = 0;
    slopes.forEach((slope, i) => {
      if (Math.abs(slope) < 1e-3) return;
      checked++;
      assert.ok(Math.abs(given.rows[i] - before[i] + Math.sign(slope) * 1e-4) < 2e-6, `number ${i}, slope ${slope}`);
    });
    assert.ok(checked > tokens, `${checked} slopes were steep enough`);
  });

  it('gives the same table for the same seed, another for another', () => {
    const rowsFor = (seed: number): Float32Array => {
      const given = problem(200, 3);
      train({ ...given, ...settings, epochs: 2, random: random(seed) });
      return given.rows;
    };
    assert.deepEqual(rowsFor(1), rowsFor(1));
    assert.notDeepEqual(rowsFor(1), rowsFor(2));
  });

  it('leaves rows alone that no text has, and texts without tokens out', () => {
    const given = problem(50, 4);
    const rows = new Float32Array((tokens + 1) * dim).fill(7);
    rows.set(given.rows);
    const starts = Int32Array.from([...given.texts.starts, given.texts.starts.at(-1)!]);
    const targets = new Float32Array(51 * dim);
    targets.set(given.targets);
    train({ ...settings, rows, targets, texts: { ids: given.texts.ids, starts }, random: random(1) });
    assert.deepEqual([...rows.subarray(tokens * dim)], [7, 7, 7, 7]);
    assert.ok(rows.every(Number.isFinite));
  });

  it('survives rows that cancel out', () => {
    const rows = Float32Array.of(1, 0, 0, 0, -1, 0, 0, 0);
    const texts = { ids: Int32Array.of(0, 1), starts: Int32Array.of(0, 2) };
    train({ ...settings, rows, texts, targets: Float32Array.of(0, 1, 0, 0), random: random(1) });
    assert.deepEqual([...rows], [1, 0, 0, 0, -1, 0, 0, 0]);
  });
});
