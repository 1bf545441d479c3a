import { strict as assert } from 'node:assert';
import type { Index } from '../../lib/index.js';
import { close, clustered, counting, fails, indexes, isExact, known, recall, row, vectors } from './support.js';

describe('lib: Index.search and searchSync', () => {
  const { make } = indexes();
  const dim = 16;
  const n = 3000;
  const data = clustered(n, dim, 41);
  const queries = clustered(40, dim, 42);
  let flat: Index, hnsw: Index, ivf: Index;
  beforeEach(async () => {
    [flat, hnsw, ivf] = await Promise.all([
      make({ dim, type: 'flat' }, data),
      make({ dim, type: 'hnsw', M: 8, efConstruction: 40, efSearch: 16 }, data),
      make({ dim, type: 'ivf', nlist: 40, nprobe: 1 }, data),
    ]);
  });

  it('finds 10 neighbours where k is left out', async () => {
    assert.equal((await flat.search(queries)).k, 10);
    assert.equal(flat.searchSync(queries).k, 10);
    isExact(await flat.search(queries), known(data, dim), queries, dim);
  });

  it('gives the same on every path: single, batch, with threads, with a signal, sync, in pieces', async () => {
    const { signal } = new AbortController();
    for (const index of [flat, hnsw, ivf]) {
      const whole = await index.search(queries, 7);
      for (const other of [
        index.searchSync(queries, 7),
        index.searchSync(queries, 7, {}),
        await index.search(queries, 7, {}),
        await index.search(queries, 7, { signal }),
        await index.search(queries, 7, { threads: 1 }),
        index.searchSync(queries, 7, { threads: 2 }),
      ]) {
        assert.deepEqual(other.ids, whole.ids);
        // Slices of less than 20 queries do not run through BLAS, which rounds otherwise.
        other.distances.forEach((distance, i) =>
          close(distance, whole.distances[i], `${index.stats().kind} place ${i}:`, 1e-6),
        );
      }
      for (let i = 0; i < 40; i++) {
        const query = row(queries, i, dim);
        const wanted = whole.row(i);
        for (const one of [
          await index.search(query, 7),
          await index.search([...query], 7, {}),
          await index.search([query], 7, { signal }),
          await index.search(query, 7, { threads: 1 }),
          index.searchSync(query, 7),
          index.searchSync([...query], 7, { threads: 1 }),
        ]) {
          assert.deepEqual([one.n, one.k], [1, 7]);
          assert.deepEqual(
            one.row(0).map((hit) => hit.id),
            wanted.map((hit) => hit.id),
          );
        }
      }
    }
  });

  it('answers a small index at once and a large one on a thread with the same', async () => {
    const small = await make({ dim: 4, type: 'flat' }, vectors(20, 4, 1));
    const query = vectors(1, 4, 2);
    isExact(await small.search(query, 5), known(vectors(20, 4, 1), 4), query, 4);
    const large = await make({ dim: 4, type: 'flat' }, vectors(20_000, 4, 1));
    isExact(await large.search(query, 5), known(vectors(20_000, 4, 1), 4), query, 4);
  });

  it('takes a batch of more than a million floats, in pieces', async () => {
    const many = new Float32Array((1 << 20) + 3 * dim * 1000);
    for (let i = 0; i < many.length; i += queries.length)
      many.set(queries.subarray(0, Math.min(queries.length, many.length - i)), i);
    const index = await make({ dim, type: 'flat' }, data.subarray(0, 50 * dim));
    const found = await index.search(many, 3);
    assert.equal(found.n, many.length / dim);
    const once = await index.search(queries, 3);
    for (const i of [0, 39, 40, 65_535, 65_536, 65_537, found.n - 1]) {
      const wanted = once.row(i % 40);
      assert.deepEqual(
        found.row(i).map(({ id }) => id),
        wanted.map(({ id }) => id),
        `query ${i}`,
      );
      found.row(i).forEach(({ distance }, place) => close(distance, wanted[place].distance, `query ${i}:`, 1e-6));
    }
    const bigint = await make({ dim, type: 'flat', idType: 'bigint' }, data.subarray(0, 50 * dim));
    assert.equal((await bigint.search(many, 2)).ids.length, found.n * 2);
  });

  it('leaves places empty where there are fewer vectors than k', async () => {
    const index = await make({ dim, type: 'flat' }, data.subarray(0, 3 * dim));
    for (const found of [
      await index.search(queries, 5),
      index.searchSync(queries, 5),
      await index.search(row(queries, 0, dim), 5),
    ]) {
      assert.equal(found.row(0).length, 3);
      assert.deepEqual([...found.ids.subarray(3, 5)], [-1, -1]);
      assert.deepEqual([...found.distances.subarray(3, 5)], [Infinity, Infinity]);
    }
    const ip = await make({ dim, type: 'flat', metric: 'ip' }, data.subarray(0, 3 * dim));
    assert.deepEqual([...(await ip.search(queries, 4)).distances.subarray(3, 4)], [-Infinity]);
    const much = await index.search(row(queries, 0, dim), 1_048_576);
    assert.deepEqual([much.k, much.row(0).length], [1_048_576, 3]);
    assert.equal(index.searchSync(row(queries, 0, dim), 5000).row(0).length, 3);
  });

  it('orders equal distances by id', async () => {
    const same = new Float32Array(50 * dim).fill(1);
    for (const type of ['flat', 'hnsw'] as const) {
      const index = await make({ dim, type }, same, counting(50, 100, -2).reverse());
      const hits = (await index.search(same.subarray(0, dim), 50)).row(0);
      assert.deepEqual(
        hits.map((hit) => hit.id),
        counting(50, 2, 2),
      );
    }
  });

  it('refuses every k but 1 to 1,048,576', async () => {
    const expected = 'an integer from 1 to 1,048,576';
    for (const k of [0, -1, 1.5, NaN, 1_048_577, 2 ** 31, Infinity]) {
      const failure = {
        code: 'E_RANGE' as const,
        message: `k must be ${expected}, but is ${k}.`,
        expected,
        actual: String(k),
      };
      await fails(flat.search(queries, k), failure);
      await fails(() => flat.searchSync(queries, k), failure);
    }
    for (const [k, actual] of [
      ['5', '"5"'],
      [5n, '5n'],
      [null, 'null'],
    ] as const) {
      const failure = {
        code: 'E_ARGUMENT' as const,
        message: `k must be ${expected}, but is ${actual}.`,
        expected,
        actual,
      };
      await fails(flat.search(queries, k as never), failure);
      await fails(() => flat.searchSync(queries, k as never), failure);
    }
  });

  it('refuses more results than a call may have, before it takes memory for them', async () => {
    const index = await make({ dim: 1, type: 'flat' }, Float32Array.of(1));
    const failure = (results: number) => ({
      code: 'E_RANGE' as const,
      message: `n * k is too large for one call (${results.toLocaleString('en')}): split the queries or lower k.`,
      expected: '<= 268,435,456',
      actual: results.toLocaleString('en'),
    });
    const k = 1 << 20;
    await fails(index.search(new Float32Array(300), k), failure(300 * k));
    await fails(() => index.searchSync(new Float32Array(300), k), failure(300 * k));
    await fails(() => index.searchSync(new Float32Array(10_000), k), failure(10_000 * k));
    await fails(index.search(new Float32Array((1 << 20) + 5), k), {
      ...failure(0),
      message: /^n \* k is too large for one call/,
      actual: /^[\d,]+$/,
    });
  });

  it('refuses parameters that are none', async () => {
    const wrong: [object, string, string, string, 'E_RANGE' | 'E_ARGUMENT'][] = [
      [{ efSearch: 0 }, 'efSearch', 'an integer from 1 to 1,048,576', '0', 'E_RANGE'],
      [{ nprobe: -1 }, 'nprobe', 'an integer from 1 to 4,194,304', '-1', 'E_RANGE'],
      [{ threads: 1025 }, 'threads', 'an integer from 1 to 1,024', '1025', 'E_RANGE'],
      [{ exact: 'yes' }, 'exact', 'true or false', '"yes"', 'E_ARGUMENT'],
    ];
    for (const [options, name, expected, actual, code] of wrong) {
      const failure = { code, message: `${name} must be ${expected}, but is ${actual}.`, expected, actual };
      await fails(flat.search(queries, 1, options), failure);
      await fails(() => flat.searchSync(queries, 1, options), failure);
    }
    await fails(flat.search(queries, 1, { signal: {} as never }), {
      code: 'E_ARGUMENT',
      message: 'signal must be an AbortSignal, but is an Object.',
      expected: 'an AbortSignal',
      actual: 'an Object',
    });
  });

  it('efSearch, nprobe and exact of one call raise the recall and leave the index as it is', async () => {
    const truth = flat.searchSync(queries, 10);
    for (const [index, low, high] of [
      [hnsw, { efSearch: 1 }, { efSearch: 400 }],
      [ivf, { nprobe: 1 }, { nprobe: 40 }],
    ] as const) {
      const before = index.stats();
      const usual = await index.search(queries, 10);
      const little = recall(await index.search(queries, 10, low), truth);
      const much = recall(await index.search(queries, 10, high), truth);
      assert.ok(much > little && much >= 0.99, `${little} then ${much}`);
      assert.equal(recall(index.searchSync(queries, 10, high), truth), much);
      isExact(await index.search(queries, 10, { exact: true }), known(data, dim), queries, dim);
      isExact(
        await index.search(row(queries, 1, dim), 10, { exact: true }),
        known(data, dim),
        row(queries, 1, dim),
        dim,
      );
      assert.deepEqual(index.stats(), before);
      assert.deepEqual((await index.search(queries, 10)).ids, usual.ids, 'the next call is as the first');
    }
    assert.deepEqual([hnsw.stats().efSearch, ivf.stats().nprobe], [16, 1]);
    assert.deepEqual((await flat.search(queries, 10, { efSearch: 5, nprobe: 5 })).ids, truth.ids, 'flat has neither');
  });

  it('an error in one query refuses the batch, not the others that are asked at the same time', async () => {
    const bad = Float32Array.from(queries);
    bad[100] = NaN;
    const [good, broken, single] = await Promise.allSettled([
      flat.search(queries, 3),
      flat.search(bad, 3),
      flat.search(row(queries, 0, dim), 3),
    ]);
    assert.deepEqual([good.status, broken.status, single.status], ['fulfilled', 'rejected', 'fulfilled']);
    isExact((good as PromiseFulfilledResult<ReturnType<typeof flat.searchSync>>).value, known(data, dim), queries, dim);
  });
});
