import { strict as assert } from 'node:assert';
import { toIds, toRange } from '../../lib/ids.js';
import type { IdArray } from '../../lib/index.js';
import { fails, indexes, vectors } from './support.js';

const MAX = Number.MAX_SAFE_INTEGER;
const FORMS = 'an array or set of numbers or bigints, a Float64Array, BigInt64Array, Int32Array or Uint32Array';

describe('lib: ids', () => {
  const { make } = indexes();

  it('takes every form, for both types', () => {
    const forms = [
      [3, 1],
      [3n, 1n],
      Float64Array.of(3, 1),
      BigInt64Array.of(3n, 1n),
      Int32Array.of(3, 1),
      Uint32Array.of(3, 1),
      new Set([3, 1]),
      new Set([3n, 1n]),
    ];
    for (const form of forms) {
      assert.deepEqual(toIds('ids', form as never, 'number'), Float64Array.of(3, 1));
      assert.deepEqual(toIds('ids', form as never, 'bigint'), BigInt64Array.of(3n, 1n));
    }
    assert.deepEqual(toIds('ids', [], 'number'), new Float64Array(0));
    const own = Float64Array.of(1);
    assert.notEqual(toIds('ids', own, 'number'), own);
  });

  it('takes ids up to the largest of each type', () => {
    assert.deepEqual(toIds('ids', [MAX, BigInt(MAX), 0] as never, 'number'), Float64Array.of(MAX, MAX, 0));
    assert.deepEqual(toIds('ids', [2n ** 63n - 1n, 0n], 'bigint'), BigInt64Array.of(2n ** 63n - 1n, 0n));
  });

  it('refuses other forms', async () => {
    for (const [value, actual] of [
      ['12', '"12"'],
      [5, '5'],
      [null, 'null'],
      [new Float32Array(2), 'a Float32Array of 2'],
      [{}, 'an Object'],
      [new Map(), 'a Map'],
    ] as const) {
      const message = `ids must be ${FORMS}, but is ${actual}.`;
      await fails(() => toIds('ids', value as never, 'number'), {
        code: 'E_ARGUMENT',
        message,
        expected: FORMS,
        actual,
      });
    }
    await fails(() => toIds('ids', new Float64Array(new SharedArrayBuffer(8)), 'number'), {
      code: 'E_ARGUMENT',
      message:
        'ids lies in a SharedArrayBuffer, which another thread may change meanwhile. Pass a copy: array.slice().',
      expected: 'memory of its own',
      actual: 'a SharedArrayBuffer',
    });
  });

  it('refuses number ids that are not whole, too large or negative', async () => {
    const whole = "a whole number from 0 to 2^53 - 1 (idType: 'bigint' takes larger ones)";
    for (const id of [-1, 1.5, NaN, Infinity, 2 ** 53]) {
      const message = `ids[1] must be ${whole}, but is ${id}.`;
      await fails(() => toIds('ids', [0, id], 'number'), {
        code: 'E_RANGE',
        message,
        expected: whole,
        actual: String(id),
      });
    }
    await fails(() => toIds('ids', [-1n], 'number'), {
      code: 'E_RANGE',
      message: `ids[0] must be ${whole}, but is -1.`,
      expected: whole,
      actual: '-1',
    });
    const safe = "a safe integer (create the index with idType: 'bigint' for larger ids)";
    for (const id of [2n ** 53n, -(2n ** 60n)]) {
      const message = `ids[0] must be ${safe}, but is ${id}n.`;
      await fails(() => toIds('ids', [id], 'number'), { code: 'E_RANGE', message, expected: safe, actual: `${id}n` });
    }
    await fails(() => toIds('ids', ['a'] as never, 'number'), {
      code: 'E_ARGUMENT',
      message: 'ids[0] must be a number, but is "a".',
      expected: 'a number',
      actual: '"a"',
    });
  });

  it('refuses bigint ids out of int64, and numbers that may be rounded', async () => {
    const bounds = 'an id from 0 to 2^63 - 1';
    for (const id of [-1n, 2n ** 63n]) {
      const message = `ids[0] must be ${bounds}, but is ${id}n.`;
      await fails(() => toIds('ids', [id], 'bigint'), { code: 'E_RANGE', message, expected: bounds, actual: `${id}n` });
    }
    for (const id of [2 ** 53, 0.5, NaN]) {
      const message = `ids[0] must be a safe integer (or a bigint), but is ${id}.`;
      const expected = 'a safe integer (or a bigint)';
      await fails(() => toIds('ids', [id], 'bigint'), { code: 'E_RANGE', message, expected, actual: String(id) });
    }
    await fails(() => toIds('ids', [null] as never, 'bigint'), {
      code: 'E_ARGUMENT',
      message: 'ids[0] must be a bigint or a number, but is null.',
      expected: 'a bigint or a number',
      actual: 'null',
    });
  });

  it('takes ranges, whose bounds may be negative', () => {
    assert.deepEqual(toRange('range', [-5, 10], 'number'), Float64Array.of(-5, 10));
    assert.deepEqual(toRange('range', [-5n, 10], 'bigint'), BigInt64Array.of(-5n, 10n));
    assert.deepEqual(toRange('range', [3, 3], 'number'), Float64Array.of(3, 3));
  });

  it('refuses ranges that are none, and backward ones', async () => {
    const expected = 'two ids, [from, to)';
    for (const [value, actual] of [
      [[1], 'an array of 1'],
      [[1, 2, 3], 'an array of 3'],
      [5, '5'],
      [Float64Array.of(1, 2), 'a Float64Array of 2'],
    ] as const) {
      const message = `range must be ${expected}, but is ${actual}.`;
      await fails(() => toRange('range', value, 'number'), { code: 'E_ARGUMENT', message, expected, actual });
    }
    await fails(() => toRange('range', [3, 2], 'number'), {
      code: 'E_RANGE',
      message: 'range runs backwards: from 3 to 2.',
      expected: 'from <= to',
      actual: '3 > 2',
    });
    await fails(() => toRange('range', [3n, 2n], 'bigint'), {
      code: 'E_RANGE',
      message: 'range runs backwards: from 3n to 2n.',
      expected: 'from <= to',
      actual: '3n > 2n',
    });
    await fails(() => toRange('range', [0.5, 2], 'number'), {
      code: 'E_RANGE',
      message: /^range\[0\] must be a whole number from -9007199254740991 to 2\^53 - 1/,
      expected: /^a whole number/,
      actual: '0.5',
    });
  });

  it('gives number ids as Float64Array and bigint ids as BigInt64Array, to the last bit', async () => {
    const data = vectors(3, 2, 1);
    const numbers = await make({ dim: 2, type: 'flat' }, data, [MAX, 0, 5]);
    assert.deepEqual([...(await numbers.ids())], [MAX, 0, 5]);
    assert.deepEqual((await numbers.search(data, 1)).ids, Float64Array.of(MAX, 0, 5));
    const large = [2n ** 63n - 1n, 2n ** 53n + 1n, 0n];
    const bigints = await make({ dim: 2, type: 'flat', idType: 'bigint' }, data, large);
    assert.equal(bigints.idType, 'bigint');
    const is = (ids: IdArray, wanted: readonly bigint[]): void => {
      assert.ok(ids instanceof BigInt64Array);
      assert.equal(ids.join(), wanted.join());
    };
    is(await bigints.ids(), large);
    is((await bigints.search(data, 1)).ids, large);
    is(bigints.searchSync(data, 1).ids, large);
    is(bigints.searchSync(data.subarray(2, 4), 1).ids, [large[1]]);
    is((await bigints.range(data.subarray(2, 4), 1e-6)).ids, [large[1]]);
    assert.deepEqual(await bigints.has([2n ** 53n, 2n ** 53n + 1n]), [false, true]);
    assert.equal(await bigints.remove([2n ** 53n + 1n]), 1);
    is((await bigints.search(data.subarray(2, 4), 3)).ids.slice(2), [-1n]);
  });

  it('numbers vectors without ids on from the highest so far', async () => {
    for (const idType of ['number', 'bigint'] as const) {
      const index = await make({ dim: 2, type: 'flat', idType });
      assert.equal((await index.add(vectors(2, 2, 1))).ids.join(), '0,1');
      assert.equal((await index.add(vectors(2, 2, 2), { ids: [100, 7] })).ids.join(), '100,7');
      assert.equal((await index.add(vectors(2, 2, 3))).ids.join(), '101,102');
      await index.remove([102]);
      assert.equal(
        (await index.add(vectors(1, 2, 3))).ids.join(),
        '103',
        'the id of a removed vector is not given again',
      );
    }
  });

  it('refuses to number on past the largest id', async () => {
    for (const [idType, last] of [
      ['number', MAX],
      ['bigint', 2n ** 63n - 1n],
    ] as const) {
      const index = await make({ dim: 2, type: 'flat', idType });
      await index.add([1, 2], { ids: [last] as never });
      const error = await index.add([3, 4]).then(
        ({ ids }) => assert.fail(`${idType}: it gave the id ${String(ids[0])}`),
        (thrown: unknown) => thrown as { code: string },
      );
      assert.equal(error.code, 'E_RANGE');
      assert.deepEqual(await index.get([last] as never), Float32Array.of(1, 2));
      assert.equal(index.count, 1);
    }
  });
});
