import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import type { Filter, Index } from '../../lib/index.js';
import { clustered, counting, indexes, isExact, known, nearest, random, row, type Known } from './support.js';

/** What a filter means. */
function allows(filter: Filter, id: number): boolean {
  if ('ids' in filter) return new Set<unknown>(filter.ids as Iterable<unknown>).has(id);
  if ('range' in filter) return id >= filter.range[0] && id < filter.range[1];
  if ('bitmap' in filter) return id < filter.bitmap.length * 8 && ((filter.bitmap[id >> 3] >> (id & 7)) & 1) === 1;
  if ('and' in filter) return filter.and.every((part) => allows(part, id));
  if ('or' in filter) return filter.or.some((part) => allows(part, id));
  return !allows(filter.not, id);
}

describe('lib: filters', () => {
  const { make } = indexes();
  const dim = 8;
  const n = 4000;
  const data = clustered(n, dim, 51);
  const queries = clustered(10, dim, 52);
  const all = known(data, dim);
  const kinds = {
    flat: { type: 'flat' },
    hnsw: { type: 'hnsw', M: 8, efConstruction: 40 },
    ivf: { type: 'ivf', nlist: 32, nprobe: 2 },
    'IVF32,SQ8': { type: 'IVF32,SQ8', nprobe: 2 },
    'HNSW8,SQ8': { type: 'HNSW8,SQ8', efConstruction: 40 },
    PQ8x4fs: { type: 'PQ8x4fs' },
    'PQ8,RFlat': { type: 'PQ8x4,RFlat' },
  } as const;

  /** Hits are allowed, each once, in order, and as many as there are. On flat they are the nearest. */
  async function check(
    index: Index,
    filter: Filter,
    allowed: readonly Known[],
    k: number,
    type: string,
  ): Promise<void> {
    for (const found of [
      await index.search(queries, k, { filter }),
      index.searchSync(queries, k, { filter }),
      await index.search(row(queries, 0, dim), k, { filter }),
    ]) {
      const ids = new Set(allowed.map(({ id }) => id));
      for (const hits of found) {
        assert.equal(
          hits.length,
          Math.min(k, allowed.length),
          `${type}: ${hits.length} of ${Math.min(k, allowed.length)}`,
        );
        assert.ok(
          hits.every((hit) => ids.has(hit.id)),
          `${type}: a hit is not allowed`,
        );
        assert.equal(new Set(hits.map((hit) => hit.id)).size, hits.length, `${type}: an id comes twice`);
        assert.ok(
          hits.every((hit, i) => i === 0 || hit.distance >= hits[i - 1].distance),
          `${type}: out of order`,
        );
      }
      if (type === 'flat') isExact(found, allowed, queries, dim);
    }
  }

  for (const [name, options] of Object.entries(kinds)) {
    it(`never lose a hit on ${name}, at 1 %, 10 % and 50 %, scattered and clustered`, async () => {
      const index = await make({ dim, ...options }, data);
      for (const share of [0.01, 0.1, 0.5]) {
        const next = random(share * 1000);
        const scattered = counting(n).filter(() => next() < share);
        const far = nearest(all, row(queries, 0, dim), n)
          .slice(-Math.round(n * share))
          .map(({ id }) => Number(id));
        for (const ids of [scattered, far]) {
          const chosen = new Set(ids);
          const allowed = all.filter(({ id }) => chosen.has(Number(id)));
          for (const k of [1, 10, 100]) await check(index, { ids }, allowed, k, name);
        }
      }
    });

    it(`keep to their rules on ${name} after removals`, async () => {
      const index = await make({ dim, ...options }, data);
      await index.remove(counting(n / 8, 0, 4));
      const left = all.filter(({ id }) => Number(id) % 4 !== 0 || Number(id) >= n / 2);
      await check(
        index,
        { range: [0, 400] },
        left.filter(({ id }) => Number(id) < 400),
        10,
        name,
      );
      await check(
        index,
        { not: { range: [50, n] } },
        left.filter(({ id }) => Number(id) < 50),
        60,
        name,
      );
      await check(index, { ids: [0, 4, 8] }, [], 10, name);
    });
  }

  const leaf: fc.Arbitrary<Filter> = fc.oneof(
    fc.uniqueArray(fc.integer({ min: 0, max: 1300 }), { maxLength: 300 }).map((ids) => ({ ids })),
    fc.uniqueArray(fc.integer({ min: 0, max: 1300 }), { maxLength: 30 }).map((ids) => ({ ids: new Set(ids) })),
    fc
      .tuple(fc.integer({ min: -50, max: 1300 }), fc.nat(1300))
      .map(([from, length]) => ({ range: [from, from + length] as const })),
    fc.uint8Array({ maxLength: 180 }).map((bitmap) => ({ bitmap })),
  );
  const { filters } = fc.letrec<{ filters: Filter }>((tie) => ({
    filters: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      tie('filters').map((not) => ({ not })),
      fc.array(tie('filters'), { minLength: 1, maxLength: 4 }).map((and) => ({ and })),
      fc.array(tie('filters'), { minLength: 1, maxLength: 4 }).map((or) => ({ or })),
    ),
  }));

  for (const [type, more] of [
    ['flat', {}],
    ['hnsw', { M: 8, efConstruction: 40 }],
    ['ivf', { nlist: 16, nprobe: 1 }],
  ] as const) {
    it(`any and, or, not of lists, ranges and bitmaps on ${type} means what it says`, async () => {
      const ids = counting(1200).map((i) => i + (i >= 600 ? 50 : 0));
      const small = data.subarray(0, 1200 * dim);
      const index = await make({ dim, type, ...more }, small, ids);
      await index.remove(ids.filter((id) => id % 7 === 0));
      const left = known(small, dim, ids).filter(({ id }) => Number(id) % 7 !== 0);
      await fc.assert(
        fc.asyncProperty(filters, fc.integer({ min: 1, max: 40 }), async (filter, k) => {
          await check(
            index,
            filter,
            left.filter(({ id }) => allows(filter, Number(id))),
            k,
            type,
          );
        }),
        { numRuns: 60 },
      );
    });
  }

  it('name bigint ids', async () => {
    const base = 2n ** 61n;
    const small = data.subarray(0, 100 * dim);
    const ids = counting(100).map((i) => base + BigInt(i));
    const index = await make({ dim, type: 'flat', idType: 'bigint' }, small, ids);
    const found = async (filter: Filter) =>
      (await index.search(row(queries, 0, dim), 100, { filter })).row(0).map((hit) => hit.id);
    const sorted = (list: unknown[]) => list.map(String).sort();
    assert.deepEqual(sorted(await found({ ids: [base + 5n, base + 7n, 5n] })), sorted([base + 5n, base + 7n]));
    assert.deepEqual(sorted(await found({ range: [base + 90n, 2n ** 63n - 1n] })), sorted(ids.slice(90)));
    assert.deepEqual(sorted(await found({ not: { range: [0, base + 98n] } })), sorted(ids.slice(98)));
    assert.deepEqual(await found({ bitmap: new Uint8Array(64).fill(255) }), []);
  });

  it('an empty list and a backward-proof range allow nothing; ids that are not there do no harm', async () => {
    const index = await make({ dim, type: 'hnsw', M: 8, efConstruction: 40 }, data);
    for (const filter of [
      { ids: [] },
      { range: [5, 5] as const },
      { bitmap: new Uint8Array(0) },
      { ids: [n, n + 1] },
      { and: [{ ids: [1] }, { ids: [2] }] },
    ]) {
      const found = await index.search(queries, 3, { filter });
      assert.ok(found.ids.every((id) => id === -1));
      assert.ok(found.distances.every((distance) => distance === Infinity));
    }
  });

  it('work with efSearch, nprobe, exact and threads, and when used again after a change', async () => {
    const index = await make({ dim, type: 'ivf', nlist: 32 }, data);
    const filter: Filter = { range: [0, 2000] };
    const allowed = all.slice(0, 2000);
    isExact(await index.search(queries, 10, { filter, nprobe: 32 }), allowed, queries, dim);
    isExact(await index.search(queries, 10, { filter, exact: true, threads: 1 }), allowed, queries, dim);
    const extra = row(queries, 0, dim).slice();
    await index.add(extra, { ids: [7] });
    const first = (await index.search(extra, 1, { filter, exact: true })).row(0)[0];
    assert.deepEqual(first, { id: 7, distance: 0 });
  });
});
