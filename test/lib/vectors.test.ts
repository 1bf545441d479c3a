import { strict as assert } from 'node:assert';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { native } from '../../lib/calls.js';
import { checkQuery, stageBytes, stageVectors, toVectors } from '../../lib/vectors.js';
import { Index } from '../../lib/index.js';
import { fails, indexes, vectors } from './support.js';

const detached = (): Float32Array => {
  const gone = new Float32Array(4);
  structuredClone(gone, { transfer: [gone.buffer] });
  return gone;
};
// TypeScript's library for Node 20 does not know resizable buffers yet.
const resizable = (): Float32Array => {
  const Resizable = ArrayBuffer as unknown as new (size: number, options: { maxByteLength: number }) => ArrayBuffer;
  return new Float32Array(new Resizable(16, { maxByteLength: 64 }));
};

describe('lib: vectors in', () => {
  const { make } = indexes();

  it('takes a Float32Array as it is, numbers, and rows of either', () => {
    const data = Float32Array.of(1, 2, 3, 4);
    const taken = toVectors('v', data, 2);
    assert.equal(taken.data, data);
    assert.equal(taken.n, 2);
    for (const input of [
      [1, 2, 3, 4],
      [
        [1, 2],
        [3, 4],
      ],
      [Float32Array.of(1, 2), Float32Array.of(3, 4)],
      [[1, 2], Float32Array.of(3, 4)],
    ]) {
      assert.deepEqual(toVectors('v', input as never, 2), { data, n: 2 });
    }
    assert.deepEqual(toVectors('v', data.subarray(2), 2).data, Float32Array.of(3, 4));
  });

  it('refuses what is no vector', async () => {
    const expected = 'a Float32Array or an array of numbers or of vectors';
    const wrong: [unknown, string][] = [
      [new Float64Array(2), 'a Float64Array of 2'],
      [new Int32Array(2), 'an Int32Array of 2'],
      ['1,2', '"1,2"'],
      [null, 'null'],
      [undefined, 'undefined'],
      [7, '7'],
      [{}, 'an Object'],
      [new ArrayBuffer(8), 'an ArrayBuffer'],
    ];
    for (const [value, actual] of wrong) {
      const message = `v must be ${expected}, but is ${actual}.`;
      await fails(() => toVectors('v', value as never, 2), { code: 'E_ARGUMENT', message, expected, actual });
    }
  });

  it('refuses numbers and rows that are none, with their place', async () => {
    const wrong: [unknown, string, string, string][] = [
      [[1, '2'], 'v[1]', 'a number', '"2"'],
      [['1', 2], 'v[0]', 'a number', '"1"'],
      [[1n, 2n], 'v[0]', 'a number', '1n'],
      [[1, undefined], 'v[1]', 'a number', 'undefined'],
      [[[1, 2], 3], 'v[1]', 'an array of 2 numbers', '3'],
      [[[1, 2], null], 'v[1]', 'an array of 2 numbers', 'null'],
      [[null], 'v[0]', 'an array of 2 numbers', 'null'],
      [[[1, 2], new Float64Array(2)], 'v[1]', 'an array of 2 numbers', 'a Float64Array of 2'],
      [[[1, '2']], 'v[0][1]', 'a number', '"2"'],
    ];
    for (const [value, name, expected, actual] of wrong) {
      const message = `${name} must be ${expected}, but is ${actual}.`;
      await fails(() => toVectors('v', value as never, 2), { code: 'E_ARGUMENT', message, expected, actual });
    }
  });

  it('refuses other lengths than dim', async () => {
    await fails(() => toVectors('v', new Float32Array(5), 2), {
      code: 'E_DIMENSION',
      message: 'v must hold whole vectors of 2 numbers, but has 5.',
      expected: 'a multiple of 2',
      actual: '5',
    });
    await fails(
      () =>
        toVectors(
          'v',
          [
            [1, 2],
            [1, 2, 3],
          ],
          2,
        ),
      {
        code: 'E_DIMENSION',
        message: 'v[1] must have 2 numbers, but has 3.',
        expected: '2',
        actual: '3',
      },
    );
  });

  it('refuses no vectors at all', async () => {
    for (const [value, actual] of [
      [new Float32Array(0), 'a Float32Array of 0'],
      [[], 'an array of 0'],
    ] as const) {
      await fails(() => toVectors('v', value, 3), {
        code: 'E_ARGUMENT',
        message: 'v is empty; give at least one vector of 3 numbers.',
        expected: 'at least one vector',
        actual,
      });
    }
  });

  it('refuses memory that can change or is gone', async () => {
    const cases: [Float32Array, string, string, string][] = [
      [
        new Float32Array(new SharedArrayBuffer(16)),
        'lies in a SharedArrayBuffer, which another thread may change meanwhile. Pass a copy: array.slice().',
        'memory of its own',
        'a SharedArrayBuffer',
      ],
      [
        resizable(),
        'lies in a resizable ArrayBuffer. Pass a copy: array.slice().',
        'memory of fixed size',
        'a resizable ArrayBuffer',
      ],
      [
        detached(),
        'is detached: its memory was transferred to another thread.',
        'an array with its memory',
        'a detached one',
      ],
    ];
    for (const [value, text, expected, actual] of cases) {
      await fails(() => toVectors('v', value, 2), { code: 'E_ARGUMENT', message: `v ${text}`, expected, actual });
      if (value.length === 0) continue;
      const rows = [value.subarray(0, 2)];
      await fails(() => toVectors('v', rows, 2), { code: 'E_ARGUMENT', message: `v[0] ${text}`, expected, actual });
    }
  });

  it('refuses queries that are not finite or too long, with the place', async () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      await fails(() => checkQuery(Float32Array.of(1, bad)), {
        code: 'E_NOT_FINITE',
        message: `The query holds ${bad} at position 1; every number must be finite.`,
        expected: 'finite numbers',
        actual: String(bad),
      });
    }
    await fails(() => checkQuery(Float32Array.of(1e20, 0)), {
      code: 'E_NOT_FINITE',
      message:
        'The query is too large: its squared length must stay below 1e37, or distances overflow. Scale the vectors.',
      expected: 'squared length < 1e37',
      actual: /^\d\.?\d*e\+40$|^1e\+40$/,
    });
    checkQuery(Float32Array.of(1e18, 1e18));
  });

  it('the index refuses them everywhere, whatever the number of vectors', async () => {
    const dim = 4;
    const index = await make({ dim, type: 'flat' }, vectors(100, dim, 1));
    const { generation } = index.stats();
    const spell = (bad: number): string => (Number.isNaN(bad) ? '-?nan' : bad > 0 ? 'inf' : '-inf');
    for (const n of [1, 19, 20, 21, 300]) {
      for (const bad of [NaN, Infinity, -Infinity]) {
        const data = vectors(n, dim, n);
        data[data.length - 2] = bad;
        const failure = {
          code: 'E_NOT_FINITE' as const,
          message: new RegExp(`^Vector ${n - 1} holds ${spell(bad)} at position 2; every number must be finite\\.$`),
          expected: 'finite numbers',
          actual: new RegExp(`^${spell(bad)}$`),
        };
        const single = {
          ...failure,
          message: `The query holds ${bad} at position 2; every number must be finite.`,
          actual: String(bad),
        };
        await fails(index.search(data, 3), n === 1 ? single : failure);
        await fails(() => index.searchSync(data, 3), n === 1 ? single : failure);
        await fails(index.range(data, 1), failure);
        await fails(index.add(data), failure);
        await fails(index.train(data), failure);
      }
      const data = vectors(n, dim, n);
      data[0] = 1e20;
      await fails(index.add(data), {
        code: 'E_NOT_FINITE',
        message:
          'Vector 0 is too large: its squared length must stay below 1e37, or distances overflow. Scale the vectors.',
        expected: 'squared length < 1e37',
        actual: 'larger',
      });
    }
    assert.equal(index.count, 100);
    assert.equal(index.stats().generation, generation, 'no refused call changed anything');
  });

  it('copies up to 4 MB at once: the caller may change it right after the call', async () => {
    const data = Float32Array.of(1, 2, 3, 4);
    const index = await make({ dim: 2, type: 'flat' });
    const added = index.add(data);
    data.fill(9);
    await added;
    assert.deepEqual(await index.get([0, 1]), Float32Array.of(1, 2, 3, 4));
    const query = Float32Array.of(3, 4);
    const found = index.search(query, 1);
    query.fill(0);
    assert.deepEqual((await found).row(0), [{ id: 1, distance: 0 }]);
  });

  it('refuses a large array that is transferred while it is read', async () => {
    const data = new Float32Array(3 << 20);
    const adding = (async () => {
      const staged = stageVectors('v', data, 4);
      await nextTurn();
      structuredClone(data, { transfer: [data.buffer] });
      await staged;
    })();
    await fails(adding, {
      code: 'E_ARGUMENT',
      message: 'v was transferred or resized while it was read; nothing was done.',
      expected: 'an array left alone until the promise settles',
      actual: `0 of ${3 << 20} elements left`,
    });
  });

  it('refuses a large batch of queries that is transferred while it is read', async () => {
    const index = await make({ dim: 4, type: 'flat' }, vectors(10, 4, 1));
    const data = new Float32Array(3 << 20);
    const found = index.search(data, 1);
    await nextTurn();
    structuredClone(data, { transfer: [data.buffer] });
    await fails(found, {
      code: 'E_ARGUMENT',
      message: 'queries was transferred or resized while it was read.',
      expected: 'an array left alone until the promise settles',
      actual: '0 numbers left',
    });
  });

  it('refuses bytes that are none', async () => {
    const expected = 'a Buffer or Uint8Array';
    for (const [value, actual] of [
      ['text', '"text"'],
      [new ArrayBuffer(8), 'an ArrayBuffer'],
      [[1], 'an array of 1'],
      [undefined, 'undefined'],
    ] as const) {
      const failure = {
        code: 'E_ARGUMENT' as const,
        message: `bytes must be ${expected}, but is ${actual}.`,
        expected,
        actual,
      };
      await fails(stageBytes('bytes', value as never), failure);
      await fails(Index.fromBuffer(value as never), failure);
    }
    await fails(Index.fromBuffer(new Uint8Array(0)), {
      code: 'E_CORRUPT',
      message: 'bytes is empty.',
      expected: 'the bytes of an index',
      actual: '0 bytes',
    });
  });

  it('makes no staging that native code did not make', () => {
    const { VectorStaging, ByteStaging } = native();
    assert.throws(() => new VectorStaging(2).append(new Float32Array(3)));
    assert.throws(() => new ByteStaging(2).append(new Uint8Array(3)));
  });
});
