import { strict as assert } from 'node:assert';
import { clustered, counting, fails, indexes, isExact, known, row, vectors } from './support.js';

const TYPES = [
  ['flat', {}],
  ['hnsw', { M: 8, efConstruction: 40 }],
  ['ivf', { nlist: 8 }],
  ['SQ8', {}],
  ['HNSW8,SQ8', {}],
  ['IVF8,SQ8', {}],
] as const;

describe('lib: Index.remove, reset, compact, has, ids, get', () => {
  const { make } = indexes();
  const dim = 8;
  const n = 1200;
  const data = clustered(n, dim, 31);

  for (const [type, more] of TYPES) {
    it(`removes on ${type}: gone at once, and again after compact`, async () => {
      const index = await make({ dim, type, ...more }, data);
      const gone = counting(100, 0, 3);
      assert.equal(await index.remove(gone), 100);
      const left = known(data, dim).filter(({ id }) => !gone.includes(Number(id)));
      const check = async (): Promise<void> => {
        assert.equal(index.count, n - 100);
        const found = await index.search(data.subarray(0, 300 * dim), 5, { exact: true });
        assert.ok(found.ids.every((id) => id >= 0 && !gone.includes(Number(id))));
        if (!type.includes('SQ8')) isExact(found, left, data, dim);
        const plain = await index.search(data.subarray(0, 300 * dim), 5);
        assert.ok(
          plain.ids.every((id) => id >= 0 && !gone.includes(Number(id))),
          'also with the usual effort',
        );
        assert.deepEqual(
          [...(await index.ids())].sort((a, b) => Number(a) - Number(b)),
          left.map(({ id }) => id),
        );
      };
      await check();
      await index.compact();
      assert.equal(index.stats().deleted, 0);
      await check();
      assert.equal(await index.remove(gone), 0, 'they are not there any more');
      await index.add(data.subarray(0, dim), { ids: [0] });
      assert.equal(Number((await index.search(row(data, 0, dim), 1, { exact: true })).ids[0]), 0);
    });

    it(`removes all of ${type} and fills it again`, async () => {
      const index = await make({ dim, type, ...more }, data);
      assert.equal(await index.remove(counting(n)), n);
      await index.ready();
      assert.deepEqual([index.count, await index.ids()], [0, new Float64Array(0)]);
      assert.deepEqual((await index.search(row(data, 0, dim), 5)).row(0), []);
      await index.compact();
      await index.add(data, { ids: counting(n, 5000) });
      const found = await index.search(data.subarray(0, 20 * dim), 1, { exact: true });
      assert.ok(found.ids.every((id) => id >= 5000));
      assert.equal(index.count, n);
    });
  }

  it('sweeps a graph by itself when many are removed', async () => {
    const index = await make({ dim, type: 'hnsw', M: 8, efConstruction: 40 }, data);
    await index.remove(counting(200));
    assert.equal(index.stats().deleted, 200, 'few dead rows stay for a while');
    await index.remove(counting(200, 200));
    await index.ready();
    assert.deepEqual([index.stats().deleted, index.count], [0, 800]);
    const left = known(data, dim).slice(400);
    isExact(await index.search(data.subarray(0, 100 * dim), 5, { exact: true }), left, data, dim);
  });

  it('counts only ids that are there, each once', async () => {
    const index = await make({ dim, type: 'flat' }, data);
    const { generation } = index.stats();
    assert.equal(await index.remove([5, 5, 99_999, 6]), 2);
    assert.equal(await index.remove([]), 0);
    assert.equal(await index.remove(new Set([7, 8])), 2);
    assert.equal(index.count, n - 4);
    assert.ok(index.stats().generation > generation);
  });

  it('takes a change back to the exact answer while a compaction runs', async () => {
    const index = await make({ dim, type: 'hnsw', M: 8, efConstruction: 100 }, data);
    await index.remove(counting(100));
    const compacting = index.compact();
    const fresh = vectors(50, dim, 9, 3, 4);
    await Promise.all([index.remove(counting(50, 100)), index.upsert(fresh, { ids: counting(50, 200) })]);
    await compacting;
    const left = [
      ...known(data, dim).filter(({ id }) => Number(id) >= 150 && !(Number(id) >= 200 && Number(id) < 250)),
      ...known(fresh, dim, counting(50, 200)),
    ];
    assert.equal(index.count, left.length);
    isExact(await index.search(data.subarray(0, 200 * dim), 5, { exact: true }), left, data, dim);
    isExact(await index.search(fresh, 5, { exact: true }), left, fresh, dim);
  });

  it('refuses a second compaction at a time, and the first goes on', async () => {
    const index = await make({ dim, type: 'hnsw', M: 8, efConstruction: 200 }, data);
    await index.remove(counting(100));
    const [first, second] = await Promise.allSettled([index.compact(), index.compact()]);
    assert.equal(first.status, 'fulfilled');
    if (second.status === 'rejected') {
      await fails(Promise.reject(second.reason as Error), {
        code: 'E_ARGUMENT',
        message: 'The index is being rebuilt already.',
        expected: 'one rebuild at a time',
        actual: 'a second one',
      });
    }
    assert.deepEqual([index.stats().deleted, index.count], [0, n - 100]);
  });

  it('reset empties and keeps what was trained', async () => {
    for (const [type, more] of TYPES) {
      const index = await make({ dim, type, ...more }, data);
      await index.reset();
      assert.deepEqual([index.count, index.stats().trained, index.stats().deleted], [0, true, 0]);
      assert.deepEqual((await index.search(row(data, 1, dim), 3)).row(0), []);
      assert.deepEqual([...(await index.add(data.subarray(0, 2 * dim))).ids], [0, 1], 'ids count from 0 again');
    }
  });

  it('has tells for each id whether it is there', async () => {
    const index = await make({ dim, type: 'flat' }, data.subarray(0, 3 * dim), [4, 9, 2 ** 40]);
    assert.deepEqual(await index.has([9, 0, 2 ** 40, 4, 9]), [true, false, true, true, true]);
    await index.remove([9]);
    assert.deepEqual(await index.has(Int32Array.of(9, 4)), [false, true]);
    assert.deepEqual(await index.has([]), []);
  });

  it('get gives vectors back in the order asked for', async () => {
    for (const [type, more] of TYPES.slice(0, 3)) {
      const index = await make({ dim, type, ...more }, data);
      const wanted = [17, 3, 17, n - 1];
      const got = await index.get(wanted);
      wanted.forEach((id, i) => assert.deepEqual(row(got, i, dim), row(data, id, dim)));
      await index.remove([3]);
      await fails(index.get([17, 3]), {
        code: 'E_NOT_FOUND',
        message: 'There is no vector with the id 3.',
        expected: 'an id in the index',
        actual: '3',
      });
      assert.deepEqual(await index.get([]), new Float32Array(0));
    }
  });

  it('get decodes where the index keeps codes', async () => {
    const index = await make({ dim, type: 'SQ8' }, data);
    const got = await index.get(counting(n));
    for (let i = 0; i < got.length; i++) assert.ok(Math.abs(got[i] - data[i]) < 0.02);
  });

  it('refuses ids that are none', async () => {
    const index = await make({ dim, type: 'flat' });
    for (const call of [() => index.remove([-1]), () => index.has([-1]), () => index.get([-1])]) {
      await fails(call, {
        code: 'E_RANGE',
        message: "ids[0] must be a whole number from 0 to 2^53 - 1 (idType: 'bigint' takes larger ones), but is -1.",
        expected: "a whole number from 0 to 2^53 - 1 (idType: 'bigint' takes larger ones)",
        actual: '-1',
      });
    }
    for (const call of [
      () => index.remove('1' as never),
      () => index.has(1 as never),
      () => index.get(null as never),
    ]) {
      await assert.rejects(call, { name: 'QuiverError', code: 'E_ARGUMENT' });
    }
  });
});
