import { strict as assert } from 'node:assert';
import { toSteps } from '../../lib/filter.js';
import type { Filter } from '../../lib/index.js';
import { fails, indexes, vectors } from './support.js';

const FORMS = '{ ids }, { range: [from, to] }, { bitmap }, { and: [...] }, { or: [...] } or { not: filter }';

describe('lib: filter', () => {
  const { make } = indexes();

  it('becomes postfix steps', () => {
    const filter: Filter = {
      and: [{ ids: [1, 2] }, { not: { or: [{ range: [0, 5] }, { bitmap: Uint8Array.of(3) }] } }],
    };
    assert.deepEqual(toSteps(filter, 'number'), [
      'ids',
      Float64Array.of(1, 2),
      'range',
      Float64Array.of(0, 5),
      'bitmap',
      Uint8Array.of(3),
      'or',
      2,
      'not',
      undefined,
      'and',
      2,
    ]);
    assert.deepEqual(toSteps({ ids: [2n ** 60n] }, 'bigint'), ['ids', BigInt64Array.of(2n ** 60n)]);
  });

  it('takes a Buffer as bitmap, as plain bytes', () => {
    assert.deepEqual(toSteps({ bitmap: Buffer.from([1, 2]) }, 'number'), ['bitmap', Uint8Array.of(1, 2)]);
  });

  it('refuses what is no filter', async () => {
    for (const [value, actual] of [
      [null, 'null'],
      [5, '5'],
      ['ids', '"ids"'],
    ] as const) {
      const message = `filter must be ${FORMS}, but is ${actual}.`;
      await fails(() => toSteps(value as never, 'number'), { code: 'E_ARGUMENT', message, expected: FORMS, actual });
    }
    await fails(() => toSteps({ tag: 'x' } as never, 'number'), {
      code: 'E_ARGUMENT',
      message: `filter must be ${FORMS}, but is "{ tag }".`,
      expected: FORMS,
      actual: '"{ tag }"',
    });
    const one = `one of ${FORMS} (join several with and)`;
    for (const [value, actual] of [
      [{}, '"{  }"'],
      [{ ids: [1], range: [0, 1] }, '"{ ids, range }"'],
    ] as const) {
      const message = `filter must be ${one}, but is ${actual}.`;
      await fails(() => toSteps(value as never, 'number'), { code: 'E_ARGUMENT', message, expected: one, actual });
    }
  });

  it('names the place of what is wrong inside', async () => {
    const list = 'an array with at least one filter';
    const wrong: [unknown, string, string, string][] = [
      [{ and: [] }, 'filter.and', list, 'an array of 0'],
      [{ or: {} }, 'filter.or', list, 'an Object'],
      [{ and: [{ ids: [1] }, { not: { or: 5 } }] }, 'filter.and[1].not.or', list, '5'],
      [{ not: null }, 'filter.not', FORMS, 'null'],
      [{ bitmap: [1] }, 'filter.bitmap', 'a Uint8Array', 'an array of 1'],
      [{ and: [{ range: 5 }] }, 'filter.and[0].range', 'two ids, [from, to)', '5'],
    ];
    for (const [value, name, expected, actual] of wrong) {
      const message = `${name} must be ${expected}, but is ${actual}.`;
      await fails(() => toSteps(value as never, 'number'), { code: 'E_ARGUMENT', message, expected, actual });
    }
    await fails(() => toSteps({ or: [{ ids: [0.5] }] }, 'number'), {
      code: 'E_RANGE',
      message:
        "filter.or[0].ids[0] must be a whole number from 0 to 2^53 - 1 (idType: 'bigint' takes larger ones), but is 0.5.",
      expected: "a whole number from 0 to 2^53 - 1 (idType: 'bigint' takes larger ones)",
      actual: '0.5',
    });
    await fails(() => toSteps({ bitmap: new Uint8Array(new SharedArrayBuffer(2)) }, 'number'), {
      code: 'E_ARGUMENT',
      message:
        'filter.bitmap lies in a SharedArrayBuffer, which another thread may change meanwhile. Pass a copy: array.slice().',
      expected: 'memory of its own',
      actual: 'a SharedArrayBuffer',
    });
  });

  it('is 64 levels deep and 5,000 parts wide at most', async () => {
    const nested = (levels: number): Filter => {
      let filter: Filter = { ids: [1] };
      for (let i = 0; i < levels; i++) filter = { not: filter };
      return filter;
    };
    const wide = (parts: number): Filter => ({ or: Array.from({ length: parts }, (_, i) => ({ ids: [i] })) });
    assert.equal(toSteps(nested(64), 'number').length, 130);
    assert.equal(toSteps(wide(5000), 'number').length, 10_002);
    const failure = {
      code: 'E_RANGE' as const,
      message: 'The filter is nested more than 64 deep or has too many parts.',
      expected: 'at most 64 levels and 5000 parts',
      actual: 'more',
    };
    await fails(() => toSteps(nested(65), 'number'), failure);
    await fails(() => toSteps(wide(5002), 'number'), failure);
    const loop = { not: undefined as unknown };
    loop.not = loop;
    await fails(() => toSteps(loop as never, 'number'), failure);
  });

  it('is refused by every search that takes it', async () => {
    const index = await make({ dim: 2, type: 'flat' }, vectors(5, 2, 1));
    const filter = { tag: 1 } as never;
    const failure = { code: 'E_ARGUMENT' as const, message: /^filter must be /, expected: FORMS, actual: '"{ tag }"' };
    await fails(index.search([1, 2], 1, { filter }), failure);
    await fails(() => index.searchSync([1, 2], 1, { filter }), failure);
    await fails(index.range([1, 2], 1, { filter }), failure);
  });
});
