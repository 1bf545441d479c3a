import { strict as assert } from 'node:assert';
import { Index } from '../../lib/index.js';
import { clustered, fails, indexes, recall, row } from './support.js';

/** Factory string, the kind that it comes to, bytes of one vector's code, and the least recall@10 of a search of all. */
const KINDS: [string, string, number, number][] = [
  ['Flat', 'Flat', 128, 1],
  ['SQ8', 'SQ', 32, 0.95],
  ['SQ6', 'SQ', 24, 0.85],
  ['SQ4', 'SQ', 16, 0.6],
  ['SQfp16', 'SQ', 64, 0.98],
  ['SQbf16', 'SQ', 64, 0.95],
  ['PQ8', 'PQ', 8, 0.3],
  ['PQ16x4', 'PQ', 8, 0.2],
  ['OPQ8,PQ8', 'PQ', 8, 0.3],
  ['PCA16,Flat', 'Flat', 64, 0.15],
  ['PCAR16,SQ8', 'SQ', 16, 0.15],
  ['L2norm,Flat', 'Flat', 128, 0.1],
  ['LSH', 'LSH', 4, 0.05],
  ['RaBitQ', 'other', 12, 0.1],
  ['PQ16x4fs', 'FastScan', 8, 0.2],
  ['PQ16x4fs,RFlat', 'FastScan', 136, 0.2],
  ['PQ8,RFlat', 'PQ', 136, 0.3],
  ['IVF16,Flat', 'IVF', 128, 1],
  ['IVF16,SQ8', 'IVF', 32, 0.9],
  ['IVF16,SQ4', 'IVF', 16, 0.6],
  ['IVF16,SQfp16', 'IVF', 64, 0.98],
  ['IVF16,PQ8', 'IVF', 8, 0.3],
  ['IVF16,PQ16x4fs', 'IVF FastScan', 8, 0.2],
  ['OPQ8,IVF16,PQ8', 'IVF', 8, 0.3],
  ['IVF16,RaBitQ', 'IVF', 12, 0.1],
  ['IVF16,PQ8,RFlat', 'IVF', 136, 0.3],
  ['IVF16_HNSW16,Flat', 'IVF', 128, 1],
  ['HNSW16,Flat', 'HNSW', 128, 0.95],
  ['HNSW16,SQ8', 'HNSW', 32, 0.9],
  ['HNSW16,PQ8', 'HNSW', 8, 0.3],
  ['PCA16,HNSW16,Flat', 'HNSW', 64, 0.15],
];

describe('lib: Index.create', () => {
  const { keep, make } = indexes();
  const dim = 32;
  const n = 700;
  const data = clustered(n, dim, 7, 200);
  const queries = clustered(20, dim, 8, 200);

  for (const [factory, kind, code, least] of KINDS) {
    it(`makes ${factory}, trains, fills, searches, changes and saves it`, async () => {
      const index = await make({ dim, type: factory }, data);
      const stats = index.stats();
      assert.deepEqual(
        [stats.factory, stats.kind, stats.count, stats.deleted, stats.trained, stats.dim, stats.metric, stats.idType],
        [factory, kind, n, 0, true, dim, 'l2', 'number'],
      );
      assert.equal('M' in stats, kind === 'HNSW');
      assert.equal('nlist' in stats, kind.startsWith('IVF'));
      // Codes of one size, 8 bytes a row in a list, centroids; what is the same for any n comes on top.
      const { bytes, nlist = 0 } = stats;
      const theory = n * (code + (nlist > 0 ? 8 : 0)) + nlist * dim * 4;
      const table = factory.includes('IVF16,PQ8') ? nlist * 8 * 256 * 4 : 0; // distances between centroids, kept for speed
      const fixed =
        table +
        (factory.includes('PQ') ? 256 * dim * 4 : 0) +
        (/PCA|OPQ/.test(factory) ? dim * dim * 4 : 0) +
        (factory.includes('HNSW') ? n * 260 : 0);
      assert.ok(
        bytes >= theory * (factory.includes('fs') || factory === 'LSH' ? 0.5 : 1),
        `${bytes} < ${theory} bytes`,
      );
      assert.ok(bytes <= (theory + fixed) * 1.05, `${bytes} > ${theory} + ${fixed} bytes`);

      const truth = (await make({ dim, type: 'flat' }, data)).searchSync(queries, 10);
      const found = await index.search(queries, 10, { exact: true });
      const got = recall(found, truth);
      assert.ok(got >= least, `recall ${got}`);
      const again = index.searchSync(queries, 10, { exact: true });
      assert.deepEqual(again.ids, found.ids);
      assert.deepEqual(again.distances, found.distances);

      const vector = await index.get([5]).catch((error: unknown) => error as { code: string });
      if (vector instanceof Float32Array) assert.equal(vector.length, dim);
      else assert.equal(vector.code, 'E_FAISS', 'kinds that cannot decode say so');

      const gone = [
        ...truth
          .row(0)
          .slice(0, 3)
          .map((hit) => Number(hit.id)),
        n - 1,
      ];
      assert.equal(await index.remove(gone), new Set(gone).size);
      const left = n - new Set(gone).size;
      assert.equal(index.count, left);
      const after = await index.search(queries, 10, { exact: true });
      for (const hits of after) {
        assert.equal(hits.length, 10);
        assert.ok(hits.every((hit) => !gone.includes(Number(hit.id)) && hit.id < n));
      }
      const all = await index.search(row(queries, 0, dim), n, { exact: true });
      assert.equal(all.row(0).length, left, 'each vector left is found once when all are asked for');
      assert.equal(new Set(all.row(0).map((hit) => hit.id)).size, left);
      const half = await index.search(queries, 10, { filter: { range: [0, n / 2] } });
      for (const hits of half) {
        assert.equal(hits.length, 10);
        assert.ok(hits.every((hit) => hit.id < n / 2 && !gone.includes(Number(hit.id))));
      }

      const copy = keep(await Index.fromBuffer(await index.toBuffer()));
      const same = await copy.search(queries, 10, { exact: true });
      assert.deepEqual(same.ids, after.ids);
      assert.deepEqual(same.distances, after.distances);
      assert.deepEqual([copy.count, copy.stats().factory, copy.stats().kind], [left, factory, kind]);
      await index.add(row(queries, 0, dim), { ids: [n + 5] });
      assert.equal(index.count, left + 1);
      await index.reset();
      assert.deepEqual([index.count, index.stats().trained], [0, true]);
      assert.deepEqual((await index.search(queries, 10)).row(0), []);
    });
  }

  it('takes hnsw parameters', async () => {
    const index = await make({ dim, type: 'hnsw', M: 8, efConstruction: 40, efSearch: 33 });
    const { M, efConstruction, efSearch, factory, kind } = index.stats();
    assert.deepEqual([M, efConstruction, efSearch, factory, kind], [8, 40, 33, 'HNSW8,Flat', 'HNSW']);
    const usual = (await make({ dim, type: 'hnsw' })).stats();
    assert.deepEqual([usual.M, usual.efConstruction, usual.efSearch], [32, 200, 64]);
  });

  it('takes ivf parameters, and no more probes than lists', async () => {
    const index = await make({ dim, type: 'ivf', nlist: 64 });
    assert.deepEqual([index.stats().nlist, index.stats().nprobe, index.stats().trained], [64, 2, false]);
    assert.equal((await make({ dim, type: 'ivf', nlist: 8, nprobe: 100 })).stats().nprobe, 8);
  });

  it('is empty at first: every search answers with empty places', async () => {
    for (const type of ['flat', 'hnsw', 'auto'] as const) {
      for (const [metric, worst] of [
        ['l2', Infinity],
        ['ip', -Infinity],
        ['cosine', -Infinity],
      ] as const) {
        const index = await make({ dim, type, metric });
        for (const n of [1, 19, 20, 21, 100]) {
          for (const k of [1, 3]) {
            const queries = clustered(n, dim, n);
            for (const found of [await index.search(queries, k), index.searchSync(queries, k)]) {
              assert.deepEqual([found.n, found.k], [n, k]);
              assert.ok(
                found.ids.every((id) => id === -1),
                'ids',
              );
              assert.ok(
                found.distances.every((distance) => distance === worst),
                'distances',
              );
              assert.deepEqual(
                [...found],
                Array.from({ length: n }, () => []),
              );
            }
          }
        }
        assert.deepEqual((await index.range(queries, 10)).ids, new Float64Array(0));
        assert.deepEqual(await index.ids(), new Float64Array(0));
      }
    }
  });

  it('an untrained index answers searches with nothing', async () => {
    const index = await make({ dim, type: 'ivf', nlist: 4 });
    assert.deepEqual((await index.search(queries, 3)).row(19), []);
    assert.deepEqual(index.searchSync(queries, 3).row(0), []);
  });

  it('refuses factory strings that are none, with what FAISS said', async () => {
    const made = (type: string, metric: 'l2' | 'l1' = 'l2') => Index.create({ dim: 8, type, metric });
    await fails(made('NoSuchKind7'), {
      code: 'E_FAISS',
      message: /^FAISS cannot make an index from "NoSuchKind7" with dim 8: .+/,
      expected: 'a FAISS factory string',
      actual: 'NoSuchKind7',
    });
    await fails(made('PQ3'), {
      code: 'E_FAISS',
      message: /^FAISS cannot make an index from "PQ3" with dim 8: .+/,
      expected: 'a FAISS factory string',
      actual: 'PQ3',
    });
    await fails(made('IDMap,Flat'), {
      code: 'E_ARGUMENT',
      message: 'Leave IDMap out of the factory string: every Quiver index takes ids by itself.',
      expected: 'a factory string without IDMap',
      actual: 'IDMap,Flat',
    });
    await fails(made('IVF99999999,Flat'), {
      code: 'E_RANGE',
      message: 'A number in the factory string "IVF99999999,Flat" is too large.',
      expected: '<= 4194304',
      actual: 'IVF99999999,Flat',
    });
    await fails(made('F'.repeat(300)), {
      code: 'E_ARGUMENT',
      message: 'A FAISS factory string has 1 to 256 characters.',
      expected: '1 to 256 characters',
      actual: '300',
    });
    await fails(made('HNSW32,Flat', 'l1'), {
      code: 'E_UNSUPPORTED',
      message: "The metric l1 works on type 'flat' only: graphs and lists of FAISS know l2, ip and cosine.",
      expected: "type 'flat'",
      actual: 'HNSW32,Flat',
    });
  });

  it('cannot be made with new', () => {
    const Hidden = Index as unknown as new (handle?: unknown) => Index;
    assert.throws(() => new Hidden());
    assert.throws(() => new Hidden({ stats: () => ({}) }).count);
  });
});
