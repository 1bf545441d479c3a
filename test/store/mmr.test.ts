import { strict as assert } from 'node:assert';

import { diversify } from '../../src/store/mmr.js';

/** 0 and 1 say the same, 2 says something else. */
const alike = (a: number, b: number): number => (a + b === 1 ? 1 : 0);

describe('diversify', () => {
  it('keeps the order at lambda 1', () => {
    assert.deepEqual(diversify([5, 4, 1], alike, 1, 3), [0, 1, 2]);
  });

  it('puts what was said already behind what was not', () => {
    assert.deepEqual(diversify([5, 4, 3], alike, 0.5, 3), [0, 2, 1]);
    assert.deepEqual(diversify([5, 4.9, 1], alike, 0.9, 3), [0, 1, 2]);
  });

  it('takes no more than wanted, and nothing from nothing', () => {
    assert.deepEqual(diversify([5, 4, 3], alike, 0.5, 2), [0, 2]);
    assert.deepEqual(diversify([], alike, 0.5, 2), []);
  });

  it('takes equals in their order', () => {
    assert.deepEqual(
      diversify([1, 1, 1], () => 0, 0.5, 3),
      [0, 1, 2],
    );
  });
});
