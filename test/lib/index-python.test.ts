import { strict as assert } from 'node:assert';
import { readFileSync, writeFileSync } from 'node:fs';
import { Index, type ImportOptions, type Metric } from '../../lib/index.js';
import type { LineServer } from '../support/line-server.js';
import { needPython } from '../support/python.js';
import { COUNT, DATA, DIM, filled, KINDS, OWN_IDS, QUERIES } from './kinds.js';
import { indexes, row, suiteFolder } from './support.js';

const K = 10;
/** Beyond 2^53, so that only bigint ids hold them. */
const LARGE_IDS = OWN_IDS.map((id) => 2n ** 60n + BigInt(id));

interface Answer {
  ids: BigInt64Array;
  distances: Float32Array;
}

/** The same distances in order; the same ids, up to those whose distance is that of another within rounding. */
/** `close`: by how much distances may differ, relative to them. */
function agree(ours: Answer, theirs: Answer, close = 1e-4): void {
  assert.equal(ours.ids.length, theirs.ids.length);
  for (let at = 0; at < ours.ids.length; at += K) {
    const [mine, his] = [ours, theirs].map(({ ids, distances }) => ({
      ids: [...ids.subarray(at, at + K)],
      distances: [...distances.subarray(at, at + K)],
    })) as [{ ids: bigint[]; distances: number[] }, { ids: bigint[]; distances: number[] }];
    const near = (a: number, b: number): boolean => Math.abs(a - b) <= close * Math.max(1, Math.abs(a), Math.abs(b));
    mine.distances.forEach((distance, i) => {
      const what = `query ${at / K}, place ${i}`;
      assert.ok(near(distance, his.distances[i]), `${what}: ${distance} here, ${his.distances[i]} there`);
      const place = his.ids.indexOf(mine.ids[i]);
      const other = place < 0 ? his.distances.at(-1)! : his.distances[place];
      assert.ok(near(distance, other), `${what}: the id ${mine.ids[i]} is not among ${his.ids.join()}`);
    });
  }
}

describe('lib: files of Python FAISS', function () {
  // Python takes a second or two to import FAISS, and trains some of the indexes.
  this.timeout(120_000);
  const { keep } = indexes();
  const file = suiteFolder();
  let python: LineServer;

  before(async function () {
    this.timeout(120_000);
    python = await needPython(this);
    writeFileSync(file('data'), new Uint8Array(DATA.buffer));
    writeFileSync(file('queries'), new Uint8Array(QUERIES.buffer));
    writeFileSync(file('ids'), new Uint8Array(BigInt64Array.from(OWN_IDS, BigInt).buffer));
    writeFileSync(file('large-ids'), new Uint8Array(BigInt64Array.from(LARGE_IDS).buffer));
  });
  after(() => python?.close());

  async function theirs(path: string, more: object): Promise<Answer> {
    const spec = { dim: DIM, k: K, queries: file('queries'), ...more };
    await python.ask('search', JSON.stringify(spec), path, file('out'));
    const bytes = (name: string): ArrayBuffer => Uint8Array.from(readFileSync(file(name))).buffer;
    return { ids: new BigInt64Array(bytes('out.ids')), distances: new Float32Array(bytes('out.distances')) };
  }

  function ours(index: Index, params: { nprobe?: number; efSearch?: number }): Answer {
    const ids: bigint[] = [];
    const distances: number[] = [];
    for (let i = 0; i < QUERIES.length / DIM; i++) {
      const found = index.searchSync(row(QUERIES, i, DIM), K, params);
      ids.push(...Array.from(found.ids as ArrayLike<number | bigint>, BigInt));
      distances.push(...found.distances);
    }
    return { ids: BigInt64Array.from(ids), distances: Float32Array.from(distances) };
  }

  /** Effort for what has lists or a graph; FAISS refuses to be told what it has no use for. */
  const effort = (factory: string) => ({
    ...(/IVF|ivf/.test(factory) && { nprobe: 4 }),
    ...(/^(HNSW|hnsw|RR16,HNSW)/.test(factory) && { efSearch: 64 }),
  });

  it('is the version that is asked for', async () => {
    assert.equal(await python.ask('about'), '1.15.1');
  });

  describe('open here, and find what Python finds', () => {
    interface Theirs {
      factory: string;
      metric?: string;
      ids?: 'ids' | 'large-ids';
      remove?: number;
      map?: string;
      expected?: Metric;
      options?: ImportOptions;
    }
    const FILES: readonly Theirs[] = [
      { factory: 'Flat' },
      { factory: 'Flat', metric: 'INNER_PRODUCT', expected: 'ip' },
      { factory: 'IDMap,Flat', ids: 'ids' },
      { factory: 'IDMap2,Flat', ids: 'large-ids', options: { idType: 'bigint' } },
      { factory: 'IDMap2,Flat', ids: 'ids', remove: 100 },
      { factory: 'HNSW16,Flat' },
      { factory: 'HNSW16,Flat', metric: 'INNER_PRODUCT', expected: 'ip' },
      { factory: 'IDMap2,HNSW16', ids: 'ids' },
      { factory: 'HNSW16,SQ8' },
      { factory: 'HNSW16_PQ8x4np' },
      { factory: 'IVF16,Flat' },
      { factory: 'IVF16,Flat', ids: 'ids' },
      { factory: 'IVF16,Flat', ids: 'large-ids', options: { idType: 'bigint' } },
      { factory: 'IVF16,Flat', ids: 'ids', remove: 100 },
      { factory: 'IVF16,Flat', metric: 'INNER_PRODUCT', expected: 'ip' },
      { factory: 'IVF16,Flat', map: 'Array' },
      { factory: 'IVF16,Flat', ids: 'ids', map: 'Hashtable' },
      { factory: 'IVF16_HNSW8,Flat', ids: 'ids' },
      { factory: 'IVF16,SQ8', ids: 'ids' },
      { factory: 'IVF16,PQ8x4np', ids: 'ids' },
      { factory: 'IVF4,PQ4np' },
      { factory: 'IVF16,PQ8x4fs', ids: 'ids' },
      { factory: 'IVF16,PQ8x4fsr' },
      { factory: 'IDMap2,IVF16,PQ8x4np', ids: 'ids' },
      { factory: 'PQ8x4np' },
      { factory: 'PQ4np' },
      { factory: 'PQ8x4fs' },
      { factory: 'SQ8' },
      { factory: 'SQ4' },
      { factory: 'SQfp16' },
      { factory: 'SQbf16' },
      { factory: 'LSH' },
      { factory: 'RQ2x4' },
      { factory: 'PCA8,Flat' },
      { factory: 'PCA8,IVF16,Flat', ids: 'ids' },
      { factory: 'OPQ8,IVF16,PQ8x4np', ids: 'ids' },
      { factory: 'L2norm,Flat', metric: 'INNER_PRODUCT', expected: 'ip' },
      { factory: 'PQ8x4fs,RFlat' },
      { factory: 'IVF16,PQ8x4fs,RFlat' },
      { factory: 'Flat', metric: 'L1', expected: 'l1' },
      { factory: 'Flat', metric: 'Linf', expected: 'linf' },
      { factory: 'Flat', metric: 'Canberra', expected: 'canberra' },
    ];

    for (const { factory, metric = 'L2', ids, remove = 0, map, expected = 'l2', options = {} } of FILES) {
      const extras = [metric !== 'L2' && metric, ids, remove > 0 && `${remove} removed`, map].filter(Boolean);
      it([factory, ...extras].join(', '), async () => {
        const spec = {
          dim: DIM,
          factory,
          metric,
          data: file('data'),
          ...(ids !== undefined && { ids: file(ids) }),
          ...(remove > 0 && { remove }),
          ...(map !== undefined && { map }),
        };
        assert.equal(Number(await python.ask('make', JSON.stringify(spec), file('theirs'))), COUNT - remove);
        const index = keep(await Index.importFaiss(file('theirs'), options));
        assert.deepEqual([index.dim, index.metric, index.count], [DIM, expected, COUNT - remove]);
        const answer = await theirs(file('theirs'), effort(factory));
        // Python's FAISS rounds the query to 8 bits of mantissa as well, on CPUs that multiply such numbers.
        const close = factory === 'SQbf16' ? 2 ** -8 : 1e-4;
        agree(ours(index, effort(factory)), answer, close);

        // What was read is an index like any other: ids lead to their vectors, it is saved, it takes more.
        const known = ids === 'large-ids' ? LARGE_IDS : ids === 'ids' ? OWN_IDS : [...DATA.keys()].slice(0, COUNT);
        assert.deepEqual(await index.has(known.slice(remove, remove + 3) as number[]), [true, true, true]);
        if (remove > 0) assert.deepEqual(await index.has(known.slice(0, 2) as number[]), [false, false]);
        if (/^(IDMap2?,)?(Flat|HNSW16,Flat|IVF16,Flat)$/.test(factory)) {
          const vectors = await index.get(known.slice(remove, remove + 2));
          assert.deepEqual(vectors, DATA.slice(remove * DIM, (remove + 2) * DIM));
        }
        agree(ours(keep(await Index.fromBuffer(await index.toBuffer())), effort(factory)), answer, close);
        await index.remove(known.slice(remove, remove + 5));
        await index.add(row(DATA, 0, DIM));
        assert.equal(index.count, COUNT - remove - 4);
      });
    }
  });

  describe('are written here, and Python finds what we find', () => {
    for (const kind of KINDS) {
      for (const ids of [undefined, OWN_IDS]) {
        it(`${kind.name}${ids === undefined ? '' : ', with ids'}`, async () => {
          const index = keep(await filled(kind, {}, ids));
          await index.exportFaiss(file('ours'));
          const params = effort(kind.name);
          const cosine = { normalize: index.metric === 'cosine' };
          agree(ours(index, params), await theirs(file('ours'), { ...params, ...cosine }));
          if (ids === undefined) return;
          await index.remove(ids.slice(0, 100));
          await index.exportFaiss(file('ours'));
          const live = keep(await Index.importFaiss(file('ours'), { metric: index.metric }));
          agree(ours(live, params), await theirs(file('ours'), { ...params, ...cosine }));
        });
      }
    }
  });
});
