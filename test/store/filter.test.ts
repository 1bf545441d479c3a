import { strict as assert } from 'node:assert';

import { parseFilter } from '../../src/store/filter.js';
import { fails } from './support.js';

const refused = (
  filter: unknown,
  message: string | RegExp,
  more: { expected?: string | RegExp; actual?: string } = {},
) =>
  fails(() => parseFilter(filter), {
    code: 'E_ARGUMENT',
    message,
    expected: more.expected ?? /./,
    actual: more.actual ?? /./,
  });

describe('parseFilter', () => {
  it('takes shorthand, conditions and combinations apart', () => {
    assert.deepEqual(parseFilter({}), { all: [] });
    assert.deepEqual(parseFilter({ a: 1 }), { path: 'a', among: [1] });
    assert.deepEqual(parseFilter({ 'a.b': { $gt: 1, $lte: 'x' } }), {
      all: [
        { path: 'a.b', order: 'gt', than: 1 },
        { path: 'a.b', order: 'lte', than: 'x' },
      ],
    });
    assert.deepEqual(parseFilter({ $or: [{ a: null }, { $not: { b: true } }] }), {
      any: [{ path: 'a', among: [null] }, { not: { path: 'b', among: [true] } }],
    });
    assert.deepEqual(parseFilter({ a: { $ne: 1, $nin: ['x'], $exists: false, $not: { $in: [2] } } }), {
      all: [
        { not: { path: 'a', among: [1] } },
        { not: { path: 'a', among: ['x'] } },
        { not: { path: 'a', exists: true } },
        { not: { path: 'a', among: [2] } },
      ],
    });
  });

  it('knows the own fields of a document, and leaves out what is undefined', () => {
    assert.deepEqual(parseFilter({ $id: 'x', $type: undefined }), { path: '$id', among: ['x'] });
    assert.deepEqual(parseFilter({ a: { $gt: 1, $lt: undefined } }), { path: 'a', order: 'gt', than: 1 });
  });

  it('refuses what is no filter', async () => {
    await refused(null, 'filter must be an object such as { year: { $gte: 2020 } }, but is null.');
    await refused([], 'filter must be an object such as { year: { $gte: 2020 } }, but is an array of 0.');
    await refused('a = 1', 'filter must be an object such as { year: { $gte: 2020 } }, but is "a = 1".');
    await refused({ $and: { a: 1 } }, 'filter.$and must be an array of filters, but is an Object.');
    await refused({ $or: [1] }, 'filter.$or[0] must be an object such as { year: { $gte: 2020 } }, but is 1.');
  });

  it('refuses operators that there are not, and says which there are', async () => {
    await refused(
      { $where: 'x' },
      'filter has no place for "$where"; known are $and, $or, $not, $id, $title, $type, $source or a path into the metadata.',
      { expected: '$and, $or, $not, $id, $title, $type, $source or a path into the metadata', actual: '$where' },
    );
    await refused(
      { a: { $regex: 'x' } },
      'filter.a.$regex is no operator; known are $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists and $not.',
      { actual: '$regex' },
    );
    await refused({ a: { b: 1 } }, /filter\.a\.b is no operator; .* For a key within it, write the path "a\.b"\.$/);
    await refused({ '': 1 }, 'A filter has an empty path. Name a key of the metadata, such as "author.name".');
  });

  it('refuses operands of the wrong kind', async () => {
    const scalar = 'a string, a finite number, a boolean or null';
    await refused({ a: NaN }, `filter.a must be ${scalar}, but is NaN.`);
    await refused(
      { a: [1] },
      `filter.a must be ${scalar}, but is an array of 1. For one of several, write { $in: [...] }.`,
    );
    await refused({ a: { $in: 1 } }, 'filter.a.$in must be an array of values, but is 1.');
    await refused({ a: { $in: [{}] } }, `filter.a.$in[0] must be ${scalar}, but is an Object.`);
    await refused({ a: { $gt: true } }, 'filter.a.$gt must be a string or a finite number, but is true.');
    await refused({ a: { $exists: 1 } }, 'filter.a.$exists must be true or false, but is 1.');
    await refused({ a: { $not: 1 } }, /^filter\.a\.\$not must be a condition \(/);
    await refused({ a: {} }, /^filter\.a must be a value or a condition \(/);
  });

  it('refuses filters past all measure', async () => {
    const limit = 'at most 32 levels, 500 parts and 30,000 values';
    const failure = {
      code: 'E_RANGE',
      message: `The filter is too large: ${limit}.`,
      expected: limit,
      actual: 'more',
    } as const;
    let deep: object = { a: 1 };
    for (let i = 0; i < 40; i++) deep = { $not: deep };
    await fails(() => parseFilter(deep), failure);
    await fails(() => parseFilter({ $or: Array.from({ length: 501 }, () => ({ a: 1 })) }), failure);
    await fails(() => parseFilter({ a: { $in: Array.from({ length: 30_001 }, (_, i) => i) } }), failure);
  });
});
