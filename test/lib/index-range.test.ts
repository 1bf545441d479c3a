import { strict as assert } from 'node:assert';
import type { Filter, Metric, RangeResult } from '../../lib/index.js';
import { close, clustered, DISTANCES, fails, indexes, known, row, similarity, vectors, type Known } from './support.js';

describe('lib: Index.range', () => {
  const { make } = indexes();
  const dim = 8;
  const n = 800;
  const data = clustered(n, dim, 61);
  const queries = clustered(12, dim, 62);

  /** All within the radius, but for those so near its edge that rounding decides. */
  function isRange(found: RangeResult, all: readonly Known[], radius: number, metric: Metric): void {
    const sign = similarity(metric) ? -1 : 1;
    assert.equal(found.n, queries.length / dim);
    for (let q = 0; q < found.n; q++) {
      const hits = found.row(q);
      const ids = new Set(hits.map((hit) => hit.id));
      assert.equal(ids.size, hits.length);
      let due = 0;
      for (const { id, vector } of all) {
        const inside = sign * (radius - DISTANCES[metric](row(queries, q, dim), vector, 2));
        if (inside > 1e-4) assert.ok(ids.has(id), `${metric}: ${String(id)} is within ${radius} but was not found`);
        if (inside < -1e-4) assert.ok(!ids.has(id), `${metric}: ${String(id)} is not within ${radius}`);
        if (ids.has(id)) due++;
      }
      assert.equal(due, hits.length, 'only ids that are there');
      assert.ok(
        hits.every((hit, i) => i === 0 || sign * (hit.distance - hits[i - 1].distance) >= 0),
        'best first',
      );
      for (const { id, distance } of hits)
        close(distance, DISTANCES[metric](row(queries, q, dim), all.find((one) => one.id === id)!.vector, 2));
    }
  }

  for (const metric of ['l2', 'ip', 'cosine'] as const) {
    for (const [type, more] of [
      ['flat', {}],
      ['hnsw', { M: 8, efConstruction: 40 }],
      ['ivf', { nlist: 8, nprobe: 8 }],
    ] as const) {
      it(`finds all within a radius on ${type}, ${metric}`, async () => {
        const index = await make({ dim, type, metric, ...more }, data);
        const all = known(data, dim);
        for (const radius of metric === 'l2' ? [0.05, 0.5, 100] : [0.95, 0.3, -100]) {
          isRange(await index.range(queries, radius), all, radius, metric);
        }
        const radius = metric === 'l2' ? 2 : 0.2;
        const filter: Filter = { range: [100, 300] };
        isRange(await index.range(queries, radius, { filter }), all.slice(100, 300), radius, metric);
        await index.remove(all.slice(0, 200).map(({ id }) => Number(id)));
        isRange(await index.range(queries, radius), all.slice(200), radius, metric);
        isRange(await index.range(queries, radius, { filter }), all.slice(200, 300), radius, metric);
        assert.deepEqual((await index.range(queries, metric === 'l2' ? 1e-9 : 1e6)).ids, new Float64Array(0));
      });
    }
  }

  for (const metric of ['l1', 'linf'] as const) {
    it(`knows ${metric} on flat`, async () => {
      const index = await make({ dim, type: 'flat', metric }, data);
      isRange(await index.range(queries, 1), known(data, dim), 1, metric);
    });
  }

  it('takes what lies exactly on the edge', async () => {
    const points = Float32Array.of(0, 0, 3, 4, 6, 8);
    for (const [metric, query, radius, ids] of [
      ['l2', [0, 0], 25, [0, 1]],
      ['l2', [3, 4], 0, [1]],
      ['ip', [1, 0], 3, [2, 1]],
      ['l1', [0, 0], 7, [0, 1]],
    ] as const) {
      for (const type of metric === 'l1' ? (['flat'] as const) : (['flat', 'hnsw'] as const)) {
        const index = await make({ dim: 2, type, metric }, points);
        assert.deepEqual([...(await index.range([...query], radius)).ids], [...ids], `${metric} on ${type}`);
      }
    }
  });

  it('nprobe says how many lists are visited', async () => {
    const index = await make({ dim, type: 'ivf', nlist: 16, nprobe: 1 }, data);
    const few = await index.range(queries, 100);
    const all = await index.range(queries, 100, { nprobe: 16 });
    assert.ok(few.ids.length < all.ids.length);
    assert.equal(all.ids.length, n * (queries.length / dim));
    assert.equal(index.stats().nprobe, 1);
  });

  it('works on codes, and is unsupported on FastScan', async () => {
    const index = await make({ dim, type: 'SQ8' }, data);
    assert.ok((await index.range(queries, 1)).ids.length > 0);
    const fast = await make({ dim, type: 'PQ8x4fs' }, data);
    await fails(fast.range(queries, 1), {
      code: 'E_UNSUPPORTED',
      message: "FAISS's FastScan kinds have no range search. Use search() with a k, or a PQ or SQ.",
      expected: 'a kind with range search',
      actual: 'FastScan',
    });
  });

  it('IVF FastScan answers or says that it cannot', async () => {
    const fast = await make({ dim, type: 'IVF8,PQ8x4fs' }, data);
    const result = await fast.range(queries, 1).then(
      (found) => found.n,
      (error: unknown) => (error as { code: string }).code,
    );
    assert.ok(result === queries.length / dim || result === 'E_UNSUPPORTED', String(result));
  });

  it('refuses a radius that is none', async () => {
    const index = await make({ dim, type: 'flat' }, vectors(2, dim, 1));
    for (const radius of [NaN, Infinity, -Infinity, 1e39]) {
      await fails(index.range(queries, radius), {
        code: 'E_RANGE',
        message: `radius must be finite, but is ${radius}.`,
        expected: 'a finite number',
        actual: String(radius),
      });
    }
    for (const [radius, actual] of [
      ['1', '"1"'],
      [undefined, 'undefined'],
    ] as const) {
      const message = `radius must be a number, but is ${actual}.`;
      await fails(index.range(queries, radius as never), { code: 'E_ARGUMENT', message, expected: 'a number', actual });
    }
    await fails(index.range(queries, 1, { nprobe: 0 }), {
      code: 'E_RANGE',
      message: 'nprobe must be an integer from 1 to 4,194,304, but is 0.',
      expected: 'an integer from 1 to 4,194,304',
      actual: '0',
    });
  });
});
