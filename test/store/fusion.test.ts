import { strict as assert } from 'node:assert';

import { fuseRanks, fuseScores, orderOf, RRF_CONSTANT } from '../../src/store/fusion.js';

const of = (...values: number[]): Float64Array => Float64Array.from(values);

describe('fuseScores', () => {
  it('adds standard scores by weight', () => {
    const fused = fuseScores(of(0.5, 0.1), of(2, 12), { mean: 0.1, deviation: 0.2 }, { mean: 2, deviation: 5 }, 0.25);
    assert.deepEqual([...fused], [0.25 * 2 + 0.75 * 0, 0.25 * 0 + 0.75 * 2]);
  });

  it('leaves out a part in which all are alike', () => {
    const fused = fuseScores(of(0.75, 0.25), of(0, 0), { mean: 0.5, deviation: 0.25 }, { mean: 0, deviation: 0 }, 0.5);
    assert.deepEqual([...fused], [0.5, -0.5]);
  });
});

describe('fuseRanks', () => {
  it('adds reciprocal ranks by weight, of what is in each list', () => {
    const fused = fuseRanks(of(0.9, 0.95, 0.8, 0.7), Uint8Array.of(1, 0, 1, 1), of(0, 5, 7, 9), 0.5);
    const part = (rank: number): number => 0.5 / (RRF_CONSTANT + rank);
    assert.deepEqual([...fused], [part(1), part(3), part(2) + part(2), part(3) + part(1)]);
  });
});

describe('orderOf', () => {
  it('puts the highest first and keeps the order of equals', () => {
    assert.deepEqual(orderOf(of(1, 3, 1, 3, -1)), [1, 3, 0, 2, 4]);
  });
});
