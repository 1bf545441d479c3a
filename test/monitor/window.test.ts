import { strict as assert } from 'node:assert';
import { Window } from '../../src/monitor/window.js';

const filled = (size: number, values: readonly number[]): Window => {
  const window = new Window(size);
  for (const value of values) window.record(value);
  return window;
};
const upTo = (n: number): number[] => Array.from({ length: n }, (_, place) => place + 1);

describe('Window', () => {
  it('has no statistics without samples', () => {
    assert.equal(new Window(10).stats(), undefined);
    assert.equal(new Window(10).shareAbove(1), 0);
  });

  it('gives exact order statistics, whatever the order of the samples', () => {
    const stats = filled(1000, upTo(100).reverse()).stats();
    assert.deepEqual(stats, { count: 100, total: 100, min: 1, max: 100, avg: 50.5, median: 50.5, p95: 95, p99: 99 });
  });

  it('takes percentiles of small windows from the samples, never past the end', () => {
    assert.deepEqual(filled(10, [7]).stats(), {
      count: 1,
      total: 1,
      min: 7,
      max: 7,
      avg: 7,
      median: 7,
      p95: 7,
      p99: 7,
    });
    const twenty = filled(1000, upTo(20)).stats();
    assert.equal(twenty?.p95, 19);
    assert.equal(twenty?.p99, 20);
  });

  it('agrees with the definition for every size up to 300', () => {
    for (let n = 1; n <= 300; n++) {
      const stats = filled(300, upTo(n)).stats();
      for (const [name, percent] of [
        ['p95', 95],
        ['p99', 99],
      ] as const) {
        const smallest = upTo(n).find((value) => 100 * value >= percent * n);
        assert.equal(stats?.[name], smallest, `${name} of ${String(n)} samples`);
      }
    }
  });

  it('forgets the oldest samples and still counts them', () => {
    const window = filled(3, [100, 1, 2, 3]);
    assert.deepEqual(window.stats(), { count: 3, total: 4, min: 1, max: 3, avg: 2, median: 2, p95: 3, p99: 3 });
    assert.equal(window.shareAbove(2), 1 / 3);
  });
});
