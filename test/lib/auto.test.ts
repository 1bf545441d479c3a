import { strict as assert } from 'node:assert';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { defaultTier, guideTier, shouldMove } from '../../lib/auto.js';
import { specOf } from '../../lib/handle.js';
import { Index, type Metric } from '../../lib/index.js';
import { clustered, counting, indexes, isExact, known, recall, row, suiteFolder } from './support.js';

const dim = 8;

describe('lib: the tiers of type auto', () => {
  it('of the guide: flat < 1,000 <= ivf of sqrt(n) < 10,000 <= hnsw 32/200/100', () => {
    const base = specOf({ dim, metric: 'l2' }, 'Flat');
    const at = (n: number): unknown[] => {
      const { spec, reason } = guideTier(n, base);
      return [spec.factory, spec.nprobe, spec.efConstruction, spec.efSearch, reason];
    };
    const [flat, lists, graph] = ['under 1,000 vectors', 'under 10,000 vectors', '10,000 vectors and more'].map(
      (reason) => `guide: ${reason}`,
    );
    assert.deepEqual(at(0), ['Flat', 0, 0, 0, flat]);
    assert.deepEqual(at(999), ['Flat', 0, 0, 0, flat]);
    assert.deepEqual(at(1_000), ['IVF31,Flat', 4, 0, 0, lists]);
    assert.deepEqual(at(9_999), ['IVF99,Flat', 12, 0, 0, lists]);
    assert.deepEqual(at(10_000), ['HNSW32,Flat', 0, 200, 100, graph]);
    assert.deepEqual(at(10_000_000), ['HNSW32,Flat', 0, 200, 100, graph]);
  });

  it('of its own: what recommend() says for the size, memory and recall', () => {
    for (const n of [10, 50_000, 5_000_000]) {
      for (const auto of [{}, { memory: 2 ** 28 }, { recall: 0.99 }]) {
        const { spec, reason } = defaultTier(n, specOf({ dim: 128, metric: 'ip' }, 'Flat'), {
          policy: 'default',
          ...auto,
        });
        const choice = Index.recommend({ n, dim: 128, metric: 'ip', ...auto });
        assert.deepEqual(spec, {
          dim: 128,
          metric: 'ip',
          metricArg: 2,
          factory: choice.factory,
          efConstruction: choice.efConstruction ?? 0,
          efSearch: choice.efSearch ?? 0,
          nprobe: choice.nprobe ?? 0,
        });
        assert.equal(reason, choice.reason);
      }
    }
  });

  it('are flat for metrics that only flat knows', () => {
    for (const metric of ['l1', 'jaccard']) {
      const { spec, reason } = guideTier(50_000, specOf({ dim, metric }, 'Flat'));
      assert.deepEqual([spec.factory, reason], ['Flat', `FAISS knows the metric ${metric} on flat indexes only`]);
    }
  });

  it('are changed for another kind, or for twice the lists', () => {
    const moves: [string, string, boolean][] = [
      ['Flat', 'Flat', false],
      ['Flat', 'IVF31,Flat', true],
      ['IVF31,Flat', 'IVF31,Flat', false],
      ['IVF31,Flat', 'IVF61,Flat', false],
      ['IVF31,Flat', 'IVF62,Flat', true],
      ['IVF62,Flat', 'IVF31,Flat', false],
      ['IVF31,Flat', 'HNSW32,Flat', true],
      ['IVF1000,SQ8', 'IVF1100,PQ32', true],
      ['HNSW32,Flat', 'HNSW32,SQ8', true],
      ['HNSW32,Flat', 'HNSW32,Flat', false],
    ];
    for (const [current, wanted, move] of moves)
      assert.equal(shouldMove(current, wanted), move, `${current} to ${wanted}`);
  });
});

describe('lib: an index of type auto', () => {
  const { keep, make } = indexes();
  const path = suiteFolder();
  const data = clustered(12_000, dim, 71);
  const queries = clustered(30, dim, 72);
  const first = (n: number): Float32Array => data.subarray(0, n * dim);
  const part = (from: number, to: number): Float32Array => data.subarray(from * dim, to * dim);

  it('grows through the tiers of the guide, and says why it is what it is', async () => {
    const index = await make({ dim, type: 'auto', policy: 'guide' });
    const auto = () => {
      const { auto, factory } = index.stats();
      assert.equal(auto!.tier, factory);
      assert.deepEqual([auto!.policy, auto!.rebuilding], ['guide', false]);
      return [factory, auto!.reason];
    };
    assert.deepEqual(auto(), ['Flat', 'guide: under 1,000 vectors']);
    await index.add(first(999));
    await index.ready();
    assert.deepEqual(auto(), ['Flat', 'guide: under 1,000 vectors']);
    await index.add(part(999, 1000));
    await index.ready();
    assert.deepEqual(auto(), ['IVF31,Flat', 'guide: under 10,000 vectors']);
    assert.equal(index.stats().nprobe, 4);
    await index.add(part(1000, 3900));
    await index.ready();
    assert.deepEqual(auto(), ['IVF62,Flat', 'guide: under 10,000 vectors'], 'twice the lists');
    await index.add(part(3900, 10_000));
    await index.ready();
    assert.deepEqual(auto(), ['HNSW32,Flat', 'guide: 10,000 vectors and more']);
    const { M, efConstruction, efSearch, count } = index.stats();
    assert.deepEqual([M, efConstruction, efSearch, count], [32, 200, 100, 10_000]);
    const truth = await index.search(queries, 10, { exact: true });
    isExact(truth, known(first(10_000), dim), queries, dim);
    assert.ok(recall(await index.search(queries, 10), truth) > 0.95);
  });

  it('answers right while it moves, takes writes, and has them all afterwards', async () => {
    const index = await make({ dim, type: 'auto', policy: 'guide' });
    await index.add(first(10_000));
    const added = new Map(known(first(10_000), dim).map(({ id, vector }) => [Number(id), vector]));
    let looked = 0;
    for (let i = 0; index.stats().auto!.rebuilding; i++) {
      assert.equal(index.stats().auto!.tier, 'Flat');
      const query = row(queries, i % 30, dim);
      const [alone, batch] = await Promise.all([index.search(query, 5), index.search(queries, 5)]);
      const all = [...added].map(([id, vector]) => ({ id, vector }));
      isExact(alone, all, query, dim);
      if (i === 0) isExact(batch, all, queries, dim);
      isExact(index.searchSync(query, 5), all, query, dim);
      looked++;
      if (i >= 20) {
        await nextTurn();
        continue;
      }
      // One more, one gone, one in place of another.
      const [fresh, gone, changed] = [10_000 + i, i, 500 + i];
      await index.add(row(data, fresh, dim));
      added.set(fresh, row(data, fresh, dim));
      await index.remove([gone]);
      added.delete(gone);
      await index.upsert(row(data, 11_500 + i, dim), { ids: [changed] });
      added.set(changed, row(data, 11_500 + i, dim));
    }
    await index.ready();
    assert.ok(looked > 0, 'it was looked at while it moved');
    assert.equal(index.stats().factory, 'HNSW32,Flat');
    assert.equal(index.count, added.size);
    const all = [...added].map(([id, vector]) => ({ id, vector }));
    isExact(await index.search(queries, 10, { exact: true }), all, queries, dim);
    assert.deepEqual(new Set<unknown>(await index.ids()), new Set(added.keys()));
  });

  it('one add may jump over a tier', async () => {
    const index = await make({ dim, type: 'auto', policy: 'guide' }, first(10_500));
    await index.ready();
    assert.equal(index.stats().factory, 'HNSW32,Flat');
  });

  it('what comes while it moves makes it move on', async () => {
    const index = await make({ dim, type: 'auto', policy: 'guide' });
    await index.add(first(1000));
    await index.add(part(1000, 10_500));
    await index.ready();
    assert.deepEqual(index.stats().auto, {
      policy: 'guide',
      tier: 'HNSW32,Flat',
      reason: 'guide: 10,000 vectors and more',
      rebuilding: false,
    });
  });

  it('keeps its kind when it shrinks', async () => {
    const index = await make({ dim, type: 'auto', policy: 'guide' }, first(1500));
    await index.ready();
    await index.remove(counting(1400));
    await index.add(part(1500, 1510));
    await index.ready();
    assert.deepEqual([index.stats().factory, index.count], ['IVF38,Flat', 110]);
    await index.reset();
    await index.add(first(10));
    isExact(await index.search(queries, 5, { exact: true }), known(first(10), dim, counting(10)), queries, dim);
  });

  it('grows by addFrom and merge, too', async () => {
    const index = await make({ dim, type: 'auto', policy: 'guide' });
    await index.addFrom([first(600), part(600, 1200)]);
    await index.ready();
    assert.equal(index.stats().factory, 'IVF34,Flat');
    const other = await make({ dim, type: 'auto', policy: 'guide' });
    await other.merge(index);
    await other.ready();
    assert.deepEqual([other.stats().factory, other.count], ['IVF34,Flat', 1200]);
  });

  it('works with every metric and with bigint ids', async () => {
    for (const metric of ['l2', 'ip', 'cosine', 'l1'] as Metric[]) {
      const index = await make({ dim, metric, type: 'auto', policy: 'guide', idType: 'bigint' });
      const ids = counting(1200).map((id) => BigInt(id) + 2n ** 60n);
      await index.add(first(1200), { ids });
      await index.ready();
      const { factory, auto } = index.stats();
      assert.equal(factory, metric === 'l1' ? 'Flat' : 'IVF34,Flat');
      if (metric === 'l1') assert.equal(auto!.reason, 'FAISS knows the metric l1 on flat indexes only');
      isExact(await index.search(queries, 5, { exact: true }), known(first(1200), dim, ids), queries, dim, metric);
    }
  });

  it('without a policy is what recommend() says for its memory and recall', async () => {
    const wide = clustered(10_500, 100, 73);
    const index = await make({ dim: 100, type: 'auto', memory: 3e6, recall: 0.9 }, wide);
    await index.ready();
    const { factory, nprobe, reason } = Index.recommend({ n: 10_500, dim: 100, memory: 3e6, recall: 0.9 });
    const { auto, nprobe: is } = index.stats();
    assert.match(factory, /^IVF\d+,SQ8$/);
    assert.deepEqual([auto, is], [{ policy: 'default', tier: factory, reason, rebuilding: false }, nprobe]);
  });

  describe('saved and opened', () => {
    it('goes on growing', async () => {
      const index = await make({ dim, type: 'auto', policy: 'guide' }, first(1000));
      await index.ready();
      await index.save(path('lists.quiver'));
      const again = keep(await Index.open(path('lists.quiver')));
      const { auto } = again.stats();
      assert.deepEqual(auto, {
        policy: 'guide',
        tier: 'IVF31,Flat',
        reason: 'guide: under 10,000 vectors',
        rebuilding: false,
      });
      await again.add(part(1000, 4000));
      await again.ready();
      assert.equal(again.stats().factory, 'IVF63,Flat');
      assert.equal(again.count, 4000);
    });

    it('keeps its memory and recall', async () => {
      const index = await make({ dim: 100, type: 'auto', memory: 3e6, recall: 0.9 });
      const again = keep(await Index.fromBuffer(await index.toBuffer()));
      await again.add(clustered(10_500, 100, 73));
      await again.ready();
      assert.match(again.stats().factory, /^IVF\d+,SQ8$/);
    });

    it('in the middle of a move is what it was before, and moves at the next add', async () => {
      const index = await make({ dim, type: 'auto', policy: 'guide' });
      await index.add(first(10_000));
      assert.equal(index.stats().auto!.rebuilding, true);
      const again = keep(await Index.fromBuffer(await index.toBuffer()));
      const { auto, factory } = again.stats();
      if (factory === 'Flat') {
        assert.deepEqual(auto, { policy: 'guide', tier: 'Flat', reason: 'opened as Flat', rebuilding: false });
      }
      isExact(await again.search(queries, 5, { exact: true }), known(first(10_000), dim), queries, dim);
      await again.add(part(10_000, 10_001));
      await again.ready();
      assert.deepEqual(
        [again.stats().factory, again.stats().auto!.reason],
        ['HNSW32,Flat', 'guide: 10,000 vectors and more'],
      );
    });

    it('once larger than now says that it was opened so', async () => {
      const index = await make({ dim, type: 'auto', policy: 'guide' }, first(1000));
      await index.ready();
      await index.remove(counting(500));
      const again = keep(await Index.fromBuffer(await index.toBuffer()));
      assert.equal(again.stats().auto!.reason, 'opened as IVF31,Flat');
    });
  });

  describe('that cannot move', () => {
    /** Adds up to n vectors, and takes most of them away before the move has begun: too few are left to learn from. */
    const fail = async (index: Index, n: number): Promise<string> => {
      await index.add(part(0, n), { ids: counting(n) });
      assert.equal(index.stats().auto!.rebuilding, true);
      await index.remove(counting(n - 10, 10));
      await index.ready();
      const { tier, reason, rebuilding } = index.stats().auto!;
      assert.deepEqual([tier, rebuilding, index.count], ['Flat', false, 10]);
      return reason;
    };
    const failed = (lists: number): RegExp =>
      new RegExp(
        `^guide: under 1,000 vectors \\(could not become IVF${lists},Flat: FAISS could not train the index: .*10.*${lists}`,
        's',
      );

    it('stays as it is, works, and says what was wrong', async () => {
      const index = await make({ dim, type: 'auto', policy: 'guide' });
      assert.match(await fail(index, 1000), failed(31));
      isExact(await index.search(queries, 5), known(first(10), dim), queries, dim);
      await index.add(part(10, 20), { ids: counting(10, 10) });
      isExact(await index.search(queries, 5), known(first(20), dim), queries, dim);
      assert.match(index.stats().auto!.reason, failed(31), 'it still is what it is for that reason');
    });

    it('tries again when it has grown by a quarter, and says only what was wrong last', async () => {
      const index = await make({ dim, type: 'auto', policy: 'guide' });
      await fail(index, 1000);
      await index.add(part(0, 1249), { ids: counting(1249) });
      assert.equal(index.stats().auto!.rebuilding, false);
      const reason = await fail(index, 1250);
      assert.match(reason, failed(35));
      assert.equal(reason.split('could not become').length, 2);
      await index.add(part(0, 1600), { ids: counting(1600) });
      await index.ready();
      assert.deepEqual(index.stats().auto, {
        policy: 'guide',
        tier: 'IVF40,Flat',
        reason: 'guide: under 10,000 vectors',
        rebuilding: false,
      });
    });

    it('a close meanwhile is no failure that anybody hears of', async () => {
      const index = await make({ dim, type: 'auto', policy: 'guide' });
      await index.add(first(10_500));
      const ready = index.ready();
      await index.close();
      await ready;
    });
  });
});
