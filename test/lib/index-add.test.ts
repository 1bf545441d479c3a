import { strict as assert } from 'node:assert';
import { Index, type AddBatch } from '../../lib/index.js';
import { clustered, counting, fails, indexes, isExact, known, vectors } from './support.js';

describe('lib: Index.add, upsert, addFrom', () => {
  const { keep, make } = indexes();
  const dim = 8;

  it('adds and says what it did', async () => {
    const index = await make({ dim, type: 'flat' });
    const first = await index.add(vectors(3, dim, 1));
    assert.deepEqual(first, { ids: Float64Array.of(0, 1, 2), added: 3, replaced: 0 });
    const second = await index.add(vectors(2, dim, 2), { ids: [1, 9] });
    assert.deepEqual(second, { ids: Float64Array.of(1, 9), added: 1, replaced: 1 });
    assert.equal(index.count, 4);
    assert.deepEqual([...(await index.ids())].sort(), [0, 1, 2, 9]);
  });

  for (const type of ['flat', 'hnsw', 'ivf', 'SQ8'] as const) {
    it(`replaces on ${type}: the old vector is gone`, async () => {
      const data = clustered(400, dim, 3);
      const index = await make({ dim, type, ...(type === 'ivf' && { nlist: 8 }) }, data);
      const fresh = vectors(400, dim, 4, 5, 6);
      const { added, replaced } = await index.upsert(fresh, { ids: counting(400) });
      assert.deepEqual([added, replaced, index.count], [0, 400, 400]);
      await index.ready();
      // SQ8 was trained on the old vectors and cuts the new ones off at their bounds.
      const far = type === 'SQ8' ? 0 : dim * 9;
      const found = await index.search(data, 3, { exact: true });
      assert.ok(
        found.distances.every((distance) => distance > far),
        'nothing old is found',
      );
      const again = await index.search(fresh, 1, { exact: true });
      if (type !== 'SQ8') assert.deepEqual([...again.ids], counting(400));
    });
  }

  it('the last of one call wins when an id comes twice', async () => {
    for (const type of ['flat', 'hnsw'] as const) {
      const index = await make({ dim: 2, type });
      const result = await index.add(
        [
          [1, 1],
          [2, 2],
          [3, 3],
        ],
        { ids: [7, 7, 7] },
      );
      assert.deepEqual([result.added, result.replaced, index.count], [1, 2, 1]);
      assert.deepEqual(await index.get([7]), Float32Array.of(3, 3));
      assert.deepEqual((await index.search([0, 0], 3)).row(0), [{ id: 7, distance: 18 }]);
    }
  });

  it("existing: 'error' refuses the whole call", async () => {
    const index = await make({ dim: 2, type: 'flat' }, Float32Array.of(1, 1, 2, 2));
    const { generation } = index.stats();
    const failure = (id: number) => ({
      code: 'E_EXISTS' as const,
      message: `The id ${id} is there already; nothing was added.`,
      expected: 'new ids',
      actual: String(id),
    });
    await fails(
      index.add(
        [
          [5, 5],
          [6, 6],
        ],
        { ids: [4, 1], existing: 'error' },
      ),
      failure(1),
    );
    await fails(
      index.add(
        [
          [5, 5],
          [6, 6],
        ],
        { ids: [4, 4], existing: 'error' },
      ),
      failure(4),
    );
    assert.deepEqual([index.count, index.stats().generation], [2, generation]);
    assert.equal((await index.add([5, 5], { ids: [4], existing: 'error' })).added, 1);
    await fails(index.add([5, 5], { ids: [8], existing: 'skip' as never }), {
      code: 'E_ARGUMENT',
      message: `existing must be 'replace' or 'error', but is "skip".`,
      expected: "'replace' or 'error'",
      actual: '"skip"',
    });
  });

  it('needs one id for each vector', async () => {
    const index = await make({ dim: 2, type: 'flat' });
    for (const ids of [[1], [1, 2, 3], []]) {
      await fails(
        index.add(
          [
            [1, 1],
            [2, 2],
          ],
          { ids },
        ),
        {
          code: 'E_DIMENSION',
          message: `There must be one id for each vector: 2, but there are ${ids.length}.`,
          expected: '2',
          actual: String(ids.length),
        },
      );
    }
    await fails(index.upsert([1, 1], {} as never), {
      code: 'E_ARGUMENT',
      message: 'ids must be one id for each vector, but is undefined.',
      expected: 'one id for each vector',
      actual: 'undefined',
    });
    assert.equal(index.count, 0);
  });

  it('needs vectors of its own dim', async () => {
    const index = await make({ dim: 3, type: 'flat' });
    await fails(index.add([1, 2, 3, 4]), {
      code: 'E_DIMENSION',
      message: 'vectors must hold whole vectors of 3 numbers, but has 4.',
      expected: 'a multiple of 3',
      actual: '4',
    });
    await fails(index.search([1, 2], 1), {
      code: 'E_DIMENSION',
      message: 'queries must hold whole vectors of 3 numbers, but has 2.',
      expected: 'a multiple of 3',
      actual: '2',
    });
  });

  it('needs training first where the kind does', async () => {
    for (const [options, factory] of [
      [{ type: 'ivf' }, 'IVF1,Flat'],
      [{ type: 'ivf', nlist: 5 }, 'IVF5,Flat'],
      [{ type: 'PQ4' }, 'PQ4'],
      [{ type: 'SQ8' }, 'SQ8'],
    ] as const) {
      const index = await make({ dim, ...options });
      await fails(index.add(vectors(1, dim, 1)), {
        code: 'E_NOT_TRAINED',
        message: `This kind of index (${factory}) must be trained first: call train() with a sample of the vectors.`,
        expected: 'a trained index',
        actual: 'an untrained one',
      });
    }
  });

  it('reports its progress up to the end, also of a large add', async () => {
    const index = await make({ dim, type: 'hnsw', M: 8, efConstruction: 20 });
    const seen: { phase: string; done: number; total: number }[] = [];
    await index.add(vectors(5000, dim, 5), { onProgress: (progress) => seen.push(progress) });
    assert.ok(seen.length >= 2);
    assert.ok(seen.every(({ phase, total }) => phase === 'add' && total === 5000));
    assert.ok(
      seen.every(({ done }, i) => i === 0 || done > seen[i - 1].done),
      'it grows',
    );
    assert.equal(seen.at(-1)!.done, 5000);
  });

  it('an onProgress that throws stops the add and rejects with its error', async () => {
    const index = await make({ dim, type: 'hnsw', efConstruction: 100 });
    const bad = new Error('from the callback');
    await assert.rejects(
      index.add(vectors(8000, dim, 5), {
        onProgress: () => {
          throw bad;
        },
      }),
      (error) => error === bad,
    );
    await index.ready();
    assert.ok(index.count < 8000, 'it was stopped');
    assert.equal((await index.search(vectors(1, dim, 1), 3)).row(0).length, 3, 'the index still works');
  });

  it('takes batches from arrays, generators and async generators, with and without ids', async () => {
    const data = vectors(30, dim, 6);
    const batch = (i: number): Float32Array => data.subarray(i * 10 * dim, (i + 1) * 10 * dim);
    function* plain(): Generator<AddBatch> {
      for (let i = 0; i < 3; i++) yield batch(i);
    }
    async function* later(): AsyncGenerator<AddBatch> {
      for (let i = 0; i < 3; i++) {
        await new Promise((resolve) => setImmediate(resolve));
        yield { vectors: batch(i), ids: counting(10, i * 10) };
      }
    }
    const rows = [[...data.subarray(0, dim)], [...data.subarray(dim, 2 * dim)]];
    for (const [source, count] of [
      [plain(), 30],
      [later(), 30],
      [[batch(0), batch(1)], 20],
      [[rows], 2],
      [[{ vectors: rows }], 2],
      [[], 0],
    ] as const) {
      const index = await make({ dim, type: 'flat' });
      assert.deepEqual(await index.addFrom(source), { added: count, replaced: 0 });
      assert.equal(index.count, count);
      if (count > 0) isExact(await index.search(data, 5), known(data.subarray(0, count * dim), dim), data, dim);
    }
  });

  it('addFrom reports progress, counts what it replaces, and takes one batch at a time', async () => {
    const index = await make({ dim, type: 'flat' });
    const seen: unknown[] = [];
    let counted = 0;
    async function* source(): AsyncGenerator<AddBatch> {
      for (let i = 0; i < 3; i++) {
        counted = index.count;
        yield { vectors: vectors(4, dim, i), ids: counting(4, i * 2) };
      }
    }
    const result = await index.addFrom(source(), { total: 12, onProgress: (progress) => seen.push(progress) });
    assert.deepEqual(result, { added: 8, replaced: 4 });
    assert.deepEqual(
      seen,
      [4, 8, 12].map((done) => ({ phase: 'add', done, total: 12 })),
    );
    assert.equal(counted, 6, 'the third batch was asked for after the second was in');
  });

  it('addFrom ends the source when a batch is wrong, and keeps what was added before', async () => {
    const index = await make({ dim, type: 'flat' });
    let ended = false;
    function* source(): Generator<AddBatch> {
      try {
        yield vectors(2, dim, 1);
        yield new Float32Array(dim + 1);
        yield vectors(2, dim, 2);
      } finally {
        ended = true;
      }
    }
    await fails(index.addFrom(source()), {
      code: 'E_DIMENSION',
      message: `vectors must hold whole vectors of ${dim} numbers, but has ${dim + 1}.`,
      expected: `a multiple of ${dim}`,
      actual: String(dim + 1),
    });
    assert.deepEqual([ended, index.count], [true, 2]);
    const broken = new Error('the source broke');
    async function* failing(): AsyncGenerator<AddBatch> {
      yield vectors(3, dim, 1);
      throw broken;
    }
    await assert.rejects(index.addFrom(failing()), (error) => error === broken);
    assert.equal(index.count, 5);
  });

  it('addFrom refuses what is no source', async () => {
    const index = await make({ dim, type: 'flat' });
    for (const source of [undefined, null, 5, {}]) {
      await fails(index.addFrom(source as never), {
        code: 'E_ARGUMENT',
        message: /^batches must be /,
        expected: /iterable/,
        actual: /./,
      });
    }
    for (const batch of [null, undefined, 5]) {
      await assert.rejects(index.addFrom([batch as never]), { name: 'QuiverError', code: 'E_ARGUMENT' });
    }
  });

  it('merges another index and empties it', async () => {
    const data = vectors(20, dim, 7);
    const one = await make({ dim, type: 'flat' }, data.subarray(0, 10 * dim));
    const two = await make({ dim, type: 'hnsw' }, data.subarray(10 * dim));
    const seen: unknown[] = [];
    const result = await one.merge(two, { onProgress: (progress) => seen.push(progress) });
    assert.deepEqual(
      [[...result.ids], result.added, result.replaced],
      [counting(10, 10), 10, 0],
      'without ids of their own they get new ones',
    );
    assert.deepEqual([one.count, two.count], [20, 0]);
    assert.deepEqual(seen, [{ phase: 'merge', done: 10, total: 10 }]);
    isExact(await one.search(data, 5), known(data, dim), data, dim);
    assert.deepEqual((await two.search(data, 5)).row(0), []);
  });

  it('merges with ids, which replace those that are there', async () => {
    const data = vectors(4, dim, 8);
    const one = await make({ dim, type: 'flat' }, data.subarray(0, 2 * dim), [5, 6]);
    const two = await make({ dim, type: 'flat' }, data.subarray(2 * dim), [6, 7]);
    const result = await one.merge(two);
    assert.deepEqual([[...result.ids].sort(), result.added, result.replaced, two.count], [[6, 7], 1, 1, 0]);
    assert.deepEqual(await one.get([6, 7]), data.slice(2 * dim));
  });

  it('merges number ids into bigint ids and back', async () => {
    const data = vectors(2, dim, 8);
    for (const [here, there] of [
      ['bigint', 'number'],
      ['number', 'bigint'],
    ] as const) {
      const one = await make({ dim, type: 'flat', idType: here }, data.subarray(0, dim), [5]);
      const two = await make({ dim, type: 'flat', idType: there }, data.subarray(dim), [9]);
      const result = await one.merge(two);
      assert.equal(result.ids.join(), '9');
      assert.equal(result.ids.constructor, here === 'bigint' ? BigInt64Array : Float64Array);
      assert.deepEqual(await one.get([9]), data.slice(dim));
    }
  });

  it('refuses to merge what does not fit', async () => {
    const index = await make({ dim, type: 'flat' });
    await fails(index.merge({} as never), {
      code: 'E_ARGUMENT',
      message: 'other must be an Index, but is an Object.',
      expected: 'an Index',
      actual: 'an Object',
    });
    await fails(index.merge(index), {
      code: 'E_ARGUMENT',
      message: 'other must be another index than this one, but is "itself".',
      expected: 'another index than this one',
      actual: '"itself"',
    });
    await fails(index.merge(await make({ dim: 5, type: 'flat' })), {
      code: 'E_DIMENSION',
      message: `The other index has dim 5, this one ${dim}.`,
      expected: String(dim),
      actual: '5',
    });
    await fails(index.merge(await make({ dim, type: 'flat', metric: 'ip' })), {
      code: 'E_ARGUMENT',
      message: `other's metric must be l2, but is "ip".`,
      expected: 'l2',
      actual: '"ip"',
    });
    const closed = keep(await Index.create({ dim }));
    await closed.close();
    await fails(index.merge(closed), {
      code: 'E_CLOSED',
      message: 'The index is closed.',
      expected: 'an open index',
      actual: 'a closed one',
    });
  });
});
