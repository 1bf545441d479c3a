import { strict as assert } from 'node:assert';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AddBatch } from '../../lib/index.js';
import { counting, fails, indexes, vectors } from './support.js';

const dim = 4;

/** A source that says how far it was read and whether it was ended. */
function watched(batches: readonly unknown[], between?: (i: number) => unknown) {
  const state = { given: 0, ended: false };
  async function* source(): AsyncGenerator<AddBatch> {
    try {
      for (const [i, batch] of batches.entries()) {
        await between?.(i);
        state.given++;
        yield batch as AddBatch;
      }
    } finally {
      state.ended = true;
    }
  }
  return { state, source: source() };
}

describe('lib: Index.addFrom', () => {
  const { make } = indexes();
  const batch = (i: number, n = 3): Float32Array => vectors(n, dim, i + 1);

  it('adds in the order of the source, one batch at a time', async () => {
    const index = await make({ dim, type: 'flat' });
    const counts: number[] = [];
    const { source } = watched([batch(0), batch(1), batch(2)], async () => {
      await nextTurn();
      counts.push(index.count);
    });
    assert.deepEqual(await index.addFrom(source), { added: 9, replaced: 0 });
    assert.deepEqual(counts, [0, 3, 6]);
    for (const i of [0, 1, 2]) assert.deepEqual(await index.get(counting(3, i * 3)), batch(i));
  });

  it('takes any iterable: a Set, a generator, an object of its own, a stream', async () => {
    const all = [batch(0), batch(1)];
    const own = { [Symbol.iterator]: () => all[Symbol.iterator]() };
    const { Readable } = await import('node:stream');
    for (const source of [new Set(all), own, all.values(), Readable.from(all), new Map([[1, batch(0)]]).values()]) {
      const index = await make({ dim, type: 'flat' });
      const { added } = await index.addFrom(source as Iterable<AddBatch>);
      assert.equal(added, index.count);
      assert.ok(added >= 3);
    }
  });

  it('takes bigint ids and sets of ids with its batches', async () => {
    const index = await make({ dim, type: 'flat', idType: 'bigint' });
    await index.addFrom([
      { vectors: batch(0, 2), ids: [2n ** 60n, 5n] },
      { vectors: batch(1, 1), ids: new Set([7n]) },
    ]);
    assert.deepEqual([...(await index.ids())].sort(), [2n ** 60n, 5n, 7n].sort());
  });

  it('reports after each batch, its total 0 where none is given', async () => {
    const index = await make({ dim, type: 'flat' });
    const seen: unknown[] = [];
    await index.addFrom([batch(0), batch(1, 1)], { onProgress: (progress) => seen.push(progress) });
    assert.deepEqual(
      seen,
      [3, 4].map((done) => ({ phase: 'add', done, total: 0 })),
    );
  });

  describe('ends its source, and what came before stays, when', () => {
    it('the signal aborts between two batches', async () => {
      const index = await make({ dim, type: 'flat' });
      const controller = new AbortController();
      const { state, source } = watched([batch(0), batch(1), batch(2)], (i) => i === 1 && controller.abort('enough'));
      const error = await fails(index.addFrom(source, { signal: controller.signal }), {
        code: 'E_ABORTED',
        message: 'The call was aborted.',
        expected: 'a signal that is not aborted',
        actual: 'an aborted one',
      });
      assert.equal(error.cause, 'enough');
      assert.deepEqual([state, index.count], [{ given: 2, ended: true }, 3]);
    });

    it('the signal aborts in the middle of a batch', async () => {
      const index = await make({ dim, type: 'hnsw', efConstruction: 200 });
      const controller = new AbortController();
      const { state, source } = watched([batch(0, 20_000), batch(1)]);
      const adding = fails(index.addFrom(source, { signal: controller.signal }), {
        code: 'E_ABORTED',
        message: /^The add was aborted after \d+ of 20000 vectors; those stay in the index\.$/,
        expected: '20000 vectors',
        actual: /^\d+$/,
      });
      while (index.count === 0) await nextTurn();
      controller.abort();
      const error = await adding;
      assert.deepEqual(state, { given: 1, ended: true });
      assert.equal(index.count, Number(error.actual));
      assert.ok(index.count > 0 && index.count < 20_000);
    });

    it('onProgress throws', async () => {
      const index = await make({ dim, type: 'flat' });
      const { state, source } = watched([batch(0), batch(1)]);
      const bad = new Error('no more');
      const onProgress = (): never => {
        throw bad;
      };
      await assert.rejects(index.addFrom(source, { onProgress }), (error) => error === bad);
      assert.deepEqual([state, index.count], [{ given: 1, ended: true }, 3]);
    });

    it('the source throws, at once or later', async () => {
      const index = await make({ dim, type: 'flat' });
      const bad = new Error('no source');
      const throwAt = (when: number) => (i: number) => {
        if (i === when) throw bad;
      };
      for (const [when, count] of [
        [0, 0],
        [2, 6],
      ] as const) {
        await index.reset();
        const { state, source } = watched([batch(0), batch(1), batch(2)], throwAt(when));
        await assert.rejects(index.addFrom(source), (error) => error === bad);
        assert.deepEqual([state, index.count], [{ given: when, ended: true }, count]);
      }
      const broken = {
        [Symbol.iterator]: () => {
          throw bad;
        },
      };
      await assert.rejects(index.addFrom(broken), (error) => error === bad);
    });

    const wrong: [string, unknown, object][] = [
      ['is null', null, { code: 'E_ARGUMENT', message: 'a batch must be vectors, or { vectors, ids }, but is null.' }],
      ['is a number', 5, { code: 'E_ARGUMENT', message: 'a batch must be vectors, or { vectors, ids }, but is 5.' }],
      [
        'has no vectors',
        {},
        {
          code: 'E_ARGUMENT',
          message: 'vectors must be a Float32Array or an array of numbers or of vectors, but is undefined.',
        },
      ],
      ['is empty', [], { code: 'E_ARGUMENT', message: 'vectors is empty; give at least one vector of 4 numbers.' }],
      [
        'has another dim',
        new Float32Array(5),
        { code: 'E_DIMENSION', message: 'vectors must hold whole vectors of 4 numbers, but has 5.' },
      ],
      [
        'is not finite',
        Float32Array.of(1, NaN, 1, 1),
        { code: 'E_NOT_FINITE', message: /^Vector 0 holds nan at position 1; every number must be finite\.$/ },
      ],
      [
        'has too few ids',
        { vectors: batch(5, 2), ids: [1] },
        { code: 'E_DIMENSION', message: 'There must be one id for each vector: 2, but there are 1.' },
      ],
      [
        'has ids that are none',
        { vectors: batch(5, 1), ids: [-1] },
        { code: 'E_RANGE', message: /^ids\[0\] must be a whole number from 0 to/ },
      ],
    ];
    for (const [what, bad, failure] of wrong) {
      it(`a batch ${what}`, async () => {
        const index = await make({ dim, type: 'flat' });
        const { state, source } = watched([batch(0), bad, batch(1)]);
        await assert.rejects(index.addFrom(source), { name: 'QuiverError', ...failure });
        assert.deepEqual([state, index.count], [{ given: 2, ended: true }, 3]);
      });
    }
  });

  it('does not touch the source when the signal is aborted already', async () => {
    const index = await make({ dim, type: 'flat' });
    const { state, source } = watched([batch(0)]);
    const error = await fails(index.addFrom(source, { signal: AbortSignal.abort('before') }), {
      code: 'E_ABORTED',
      message: 'The call was aborted.',
      expected: 'a signal that is not aborted',
      actual: 'an aborted one',
    });
    assert.equal(error.cause, 'before');
    assert.deepEqual(state, { given: 0, ended: false });
  });

  it('refuses what is no source', async () => {
    const index = await make({ dim, type: 'flat' });
    for (const [source, actual] of [
      [undefined, 'undefined'],
      [null, 'null'],
      [5, '5'],
      [{}, 'an Object'],
    ] as const) {
      await fails(index.addFrom(source as never), {
        code: 'E_ARGUMENT',
        message: `batches must be an iterable or async iterable of vectors, but is ${actual}.`,
        expected: 'an iterable or async iterable of vectors',
        actual,
      });
    }
  });

  it('refuses an index that must be trained first', async () => {
    const index = await make({ dim, type: 'ivf' });
    await fails(index.addFrom([batch(0)]), {
      code: 'E_NOT_TRAINED',
      message: 'This kind of index (IVF1,Flat) must be trained first: call train() with a sample of the vectors.',
      expected: 'a trained index',
      actual: 'an untrained one',
    });
  });

  it('several run at once on one index, and none loses a batch', async () => {
    const index = await make({ dim, type: 'flat' });
    const sources = counting(4).map(
      (s) =>
        watched(
          counting(5).map((i) => ({ vectors: batch(s * 5 + i, 50), ids: counting(50, (s * 5 + i) * 50) })),
          nextTurn,
        ).source,
    );
    const results = await Promise.all(sources.map((source) => index.addFrom(source)));
    assert.deepEqual(results, Array(4).fill({ added: 250, replaced: 0 }));
    assert.equal(index.count, 1000);
    for (const i of counting(20)) assert.deepEqual(await index.get(counting(50, i * 50)), batch(i, 50));
  });
});
