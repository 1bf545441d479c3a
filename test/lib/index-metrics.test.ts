import { strict as assert } from 'node:assert';
import type { Metric } from '../../lib/index.js';
import { clustered, close, indexes, isExact, known, recall, row, vectors } from './support.js';

const METRICS: [Metric, number?][] = [
  ['l2'],
  ['ip'],
  ['cosine'],
  ['l1'],
  ['linf'],
  ['lp', 3],
  ['lp', 0.5],
  ['lp'],
  ['canberra'],
  ['braycurtis'],
  ['jensenshannon'],
  ['jaccard'],
];

describe('lib: metrics', () => {
  const { make } = indexes();
  const dim = 24;

  for (const [metric, metricArg] of METRICS) {
    it(`${metric}${metricArg === undefined ? '' : ` ${metricArg}`} on flat equals its definition`, async () => {
      // The last four are for numbers that are not negative.
      const low = ['canberra', 'braycurtis', 'jensenshannon', 'jaccard'].includes(metric) ? 0.01 : -1;
      const data = vectors(400, dim, 11, low);
      const queries = vectors(25, dim, 12, low);
      const index = await make({ dim, metric, type: 'flat', ...(metricArg !== undefined && { metricArg }) }, data);
      assert.equal(index.metric, metric);
      const all = known(data, dim);
      isExact(await index.search(queries, 10), all, queries, dim, metric, metricArg);
      isExact(index.searchSync(queries, 10), all, queries, dim, metric, metricArg);
      isExact(await index.search(row(queries, 3, dim), 10), all, row(queries, 3, dim), dim, metric, metricArg);
      const odd = all.filter(({ id }) => Number(id) % 2 === 1);
      const filter = { ids: odd.map(({ id }) => Number(id)) };
      isExact(await index.search(queries, 10, { filter }), odd, queries, dim, metric, metricArg);
      await index.remove(all.filter(({ id }) => Number(id) % 2 === 0).map(({ id }) => Number(id)));
      isExact(await index.search(queries, 10), odd, queries, dim, metric, metricArg);
    });
  }

  for (const type of ['hnsw', 'ivf'] as const) {
    for (const metric of ['l2', 'ip', 'cosine'] as const) {
      it(`${metric} on ${type} finds the neighbours of the definition`, async () => {
        const data = clustered(2000, dim, 21);
        const queries = clustered(50, dim, 22);
        const index = await make({ dim, metric, type, ...(type === 'ivf' && { nlist: 20 }) }, data);
        const all = known(data, dim);
        isExact(await index.search(queries, 10, { exact: true }), all, queries, dim, metric);
        isExact(index.searchSync(queries, 10, { exact: true }), all, queries, dim, metric);
        const truth = (await make({ dim, metric, type: 'flat' }, data)).searchSync(queries, 10);
        const found = await index.search(queries, 10, type === 'hnsw' ? { efSearch: 200 } : { nprobe: 20 });
        assert.ok(recall(found, truth) >= 0.95, String(recall(found, truth)));
      });
    }
  }

  it('cosine does not mind lengths, stays within [-1, 1], and takes zero vectors', async () => {
    const data = Float32Array.of(3, 0, 0, 5, -2, 0, 1, 1, 0, 0);
    const index = await make({ dim: 2, metric: 'cosine', type: 'flat' }, data);
    for (const scale of [1e-18, 1, 1e18]) {
      const hits = (await index.search([scale, 0], 5)).row(0);
      assert.deepEqual(
        hits.map((hit) => hit.id),
        [0, 3, 1, 4, 2],
      );
      const wanted = [1, Math.SQRT1_2, 0, 0, -1];
      hits.forEach((hit, i) => close(hit.distance, wanted[i]));
      assert.ok(hits.every((hit) => hit.distance <= 1 && hit.distance >= -1));
    }
    assert.ok((await index.search([0, 0], 5)).row(0).every((hit) => hit.distance === 0));
    assert.deepEqual(await index.get([0, 4]), Float32Array.of(1, 0, 0, 0), 'vectors are kept with length 1');
    const many = vectors(500, 7, 3);
    const large = await make({ dim: 7, metric: 'cosine', type: 'flat' }, many);
    assert.ok((await large.search(many, 1)).distances.every((distance) => distance <= 1 && distance > 0.9999));
  });

  it('does not change the queries or vectors that it is given', async () => {
    const data = vectors(50, dim, 5);
    const kept = data.slice();
    const index = await make({ dim, metric: 'cosine', type: 'flat' }, data);
    await index.search(data, 3);
    index.searchSync(data, 3);
    await index.range(data, 0.5);
    assert.deepEqual(data, kept);
  });
});
