import { strict as assert } from 'node:assert';
import { RangeResult, SearchResult } from '../../lib/index.js';
import { fails } from './support.js';

describe('lib: results', () => {
  const search = new SearchResult(
    2,
    3,
    Float64Array.of(5, 2, 9, 1, -1, -1),
    Float32Array.of(1, 2, 3, 4, Infinity, Infinity),
  );
  const range = new RangeResult(Float64Array.of(0, 2, 2, 3), BigInt64Array.of(7n, 8n, 9n), Float32Array.of(1, 2, 3));

  it('gives a row of hits without the empty places', () => {
    assert.deepEqual(search.row(0), [
      { id: 5, distance: 1 },
      { id: 2, distance: 2 },
      { id: 9, distance: 3 },
    ]);
    assert.deepEqual(search.row(1), [{ id: 1, distance: 4 }]);
    const bigints = new SearchResult(1, 2, BigInt64Array.of(2n ** 60n, -1n), Float32Array.of(1, Infinity));
    assert.deepEqual(bigints.row(0), [{ id: 2n ** 60n, distance: 1 }]);
  });

  it('gives the rows of a range', () => {
    assert.equal(range.n, 3);
    assert.deepEqual(range.row(0), [
      { id: 7n, distance: 1 },
      { id: 8n, distance: 2 },
    ]);
    assert.deepEqual(range.row(1), []);
    assert.deepEqual(range.row(2), [{ id: 9n, distance: 3 }]);
  });

  it('iterates over the rows', () => {
    assert.deepEqual([...search], [search.row(0), search.row(1)]);
    assert.deepEqual([...range], [range.row(0), range.row(1), range.row(2)]);
  });

  it('refuses a row that is not there', async () => {
    for (const i of [2, -1, 0.5]) {
      await fails(() => search.row(i), {
        code: 'E_RANGE',
        message: `row must be an integer from 0 to 1, but is ${i}.`,
        expected: 'an integer from 0 to 1',
        actual: String(i),
      });
    }
    await fails(() => range.row('1' as never), {
      code: 'E_ARGUMENT',
      message: 'row must be an integer from 0 to 2, but is "1".',
      expected: 'an integer from 0 to 2',
      actual: '"1"',
    });
  });
});
