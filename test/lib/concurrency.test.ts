import { strict as assert } from 'node:assert';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { Index, type SearchResult } from '../../lib/index.js';
import {
  clustered,
  close,
  counting,
  DISTANCES,
  indexes,
  isExact,
  known,
  nearest,
  row,
  suiteFolder,
} from './support.js';

const dim = 16;
const n = 20_000;
const data = clustered(n, dim, 101);
const queries = clustered(20, dim, 102);
const first = (count: number): Float32Array => data.subarray(0, count * dim);

/** Kinds with an add that takes a while; `graph` ones find by their links what an exact search finds for certain. */
const KINDS = [
  ['flat', { type: 'flat' }],
  ['ivf', { type: 'ivf', nlist: 64, nprobe: 64 }],
  ['hnsw', { type: 'hnsw', M: 16, efConstruction: 100 }],
] as const;

/** Every hit is a vector that was added, under its own id, at its own distance, once. */
function isSound(found: SearchResult, asked: Float32Array, limit: number): void {
  for (let q = 0; q < found.n; q++) {
    const hits = found.row(q);
    assert.equal(new Set(hits.map(({ id }) => id)).size, hits.length);
    for (const { id, distance } of hits) {
      assert.ok(Number(id) < limit, `the id ${String(id)} was not given yet`);
      close(distance, DISTANCES.l2(row(asked, q, dim), row(data, Number(id), dim), 2), `id ${String(id)}`);
    }
  }
}

/** The exact answer over the first `rows` vectors, for some number of rows between the two. */
function isExactBetween(found: SearchResult, asked: Float32Array, from: number, to: number): void {
  const [all, less] = [known(first(to), dim), known(first(from), dim)];
  for (let q = 0; q < found.n; q++) {
    const best = nearest(all, row(asked, q, dim), found.k);
    const worst = nearest(less, row(asked, q, dim), found.k);
    found.row(q).forEach(({ distance }, i) => {
      assert.ok(distance >= best[i]!.distance - 1e-4, `place ${i} is better than it can be`);
      if (i < worst.length)
        assert.ok(distance <= worst[i]!.distance + 1e-4, `place ${i} leaves out a row that was there`);
    });
    assert.ok(found.row(q).length >= Math.min(from, found.k));
  }
}

describe('lib: an index used by many at once', () => {
  const { keep, make } = indexes();
  const path = suiteFolder();

  for (const [name, options] of KINDS) {
    describe(`while a long add to ${name} runs`, () => {
      const adding = async () => {
        const index = await make({ dim, ...options });
        if (name === 'ivf') await index.train(first(4000));
        await index.add(first(1000));
        const state = { running: true };
        const add = index.add(data.subarray(1000 * dim)).finally(() => (state.running = false));
        return { index, state, add };
      };

      it('searches see whole rows only, all that were there before, and none twice', async () => {
        const { index, state, add } = await adding();
        let looked = 0;
        while (state.running) {
          const before = index.count;
          const asked = row(queries, looked % 20, dim);
          const [exact, usual] = await Promise.all([index.search(asked, 5, { exact: true }), index.search(asked, 5)]);
          const now = index.searchSync(asked, 5, { exact: true });
          const after = index.count;
          isSound(usual, asked, n);
          isSound(exact, asked, n);
          if (looked % 8 === 0) {
            isExactBetween(exact, asked, before, state.running ? n : after);
            isExactBetween(now, asked, before, state.running ? n : after);
          }
          looked++;
        }
        await add;
        isExact(await index.search(queries, 5, { exact: true }), known(data, dim), queries, dim);
        assert.equal(index.count, n);
      });

      it('has, get, ids and range tell the same', async () => {
        const { index, state, add } = await adding();
        do {
          const count = index.count;
          const [has, some, ids, range] = await Promise.all([
            index.has([0, 999, count - 1, n]),
            index.get([0, count - 1]),
            index.ids(),
            index.range(first(1), 0, { nprobe: 64 }),
          ]);
          assert.deepEqual(has, [true, true, true, false]);
          assert.deepEqual([some.subarray(0, dim), some.subarray(dim)], [row(data, 0, dim), row(data, count - 1, dim)]);
          assert.ok(ids.length >= count && ids.length <= n);
          assert.deepEqual([...ids], counting(ids.length), 'no row without its id, no id without its row');
          assert.deepEqual([...range.ids], [0]);
        } while (state.running);
        await add;
      });
    });
  }

  it('a search asked during a long add is answered before the add ends', async () => {
    const index = await make({ dim, type: 'hnsw', M: 16, efConstruction: 200 }, first(2000));
    let added = false;
    const add = index.add(data.subarray(2000 * dim)).then(() => (added = true));
    for (let i = 0; i < 5; i++) {
      const [batch, single] = await Promise.all([index.search(queries, 5), index.search(row(queries, i, dim), 5)]);
      assert.equal(added, false);
      isSound(batch, queries, n);
      isSound(single, row(queries, i, dim), n);
    }
    await add;
  });

  it('searches meanwhile leave what is added as it would have been', async () => {
    const index = await make({ dim, type: 'hnsw', M: 16, efConstruction: 100, efSearch: 100 });
    let running = true;
    const add = index.add(first(5000)).finally(() => (running = false));
    while (running) await index.search(queries, 5);
    await add;
    const { ids } = await index.search(first(5000), 1);
    const lost = counting(5000).filter((i) => ids[i] !== i);
    assert.ok(lost.length < 10, `${lost.length} of 5000 are not found by themselves`);
  });

  it('a training shows nothing until it is done, and does not disturb another index', async () => {
    const index = await make({ dim, type: 'ivf' });
    const other = await make({ dim, type: 'flat' }, first(3000));
    let trained = false;
    const training = index.train(data).then(() => (trained = true));
    let looked = 0;
    while (!trained) {
      assert.deepEqual((await index.search(row(queries, 0, dim), 3)).row(0), []);
      isExact(
        await other.search(row(queries, looked % 20, dim), 3),
        known(first(3000), dim),
        row(queries, looked % 20, dim),
        dim,
      );
      looked++;
      await nextTurn();
    }
    await training;
    await index.add(first(100));
    isExact(await index.search(queries, 3, { exact: true }), known(first(100), dim), queries, dim);
  });

  it('a save holds what was there when it was called, searches go on, and later writes come after it', async () => {
    const index = await make({ dim, type: 'flat' }, data);
    const saving = index.save(path('then.quiver'));
    const removing = index.remove(counting(10_000));
    const single = row(queries, 3, dim);
    const during = await index.search(single, 3);
    isSound(during, single, n);
    await Promise.all([saving, removing]);
    const again = keep(await Index.open(path('then.quiver')));
    assert.deepEqual([again.count, index.count], [n, 10_000]);
    isExact(await again.search(queries.subarray(0, 5 * dim), 5), known(data, dim), queries.subarray(0, 5 * dim), dim);
  });

  it('a compaction is not seen', async () => {
    const index = await make({ dim, type: 'hnsw', M: 8, efConstruction: 60 }, first(6000));
    await index.remove(counting(600, 0, 2));
    const left = known(first(6000), dim).filter(({ id }) => Number(id) >= 1200 || Number(id) % 2 === 1);
    let running = true;
    const compacting = index.compact().finally(() => (running = false));
    let looked = 0;
    while (running) {
      const asked = row(queries, looked++ % 20, dim);
      isExact(await index.search(asked, 5, { exact: true }), left, asked, dim);
      assert.equal(index.count, 5400);
    }
    await compacting;
    isExact(await index.search(queries, 5, { exact: true }), left, queries, dim);
  });

  describe('writes', () => {
    it('of several callers go in by the order of their calls, however large they are', async () => {
      const index = await make({ dim, type: 'flat' });
      // The first is copied over several turns of the event loop; the others could leave at once.
      const sizes = [90_000, 1, 500, 70_000, 3, 1];
      const results = await Promise.all(sizes.map((size, i) => index.add(new Float32Array(size * dim).fill(i))));
      let from = 0;
      for (const [i, { ids, added }] of results.entries()) {
        assert.deepEqual([ids[0], ids.length, added], [from, sizes[i], sizes[i]], `call ${i}`);
        from += sizes[i]!;
      }
      assert.deepEqual(
        await index.get([0, 90_000, 90_501, 160_504]),
        Float32Array.from([0, 1, 3, 5].flatMap((i) => Array<number>(dim).fill(i))),
      );
    });

    it('one that fails does not change the order of the others', async () => {
      const index = await make({ dim, type: 'flat' });
      const large = new Float32Array(90_000 * dim);
      const controller = new AbortController();
      const [first, aborted, wrong, last] = [
        index.add(large, { ids: counting(90_000) }),
        index.add(large, { signal: controller.signal }),
        index.add(Float32Array.of(...Array<number>(dim - 1).fill(1), NaN)),
        index.remove(counting(90_000)),
      ];
      controller.abort();
      await assert.rejects(aborted, { code: 'E_ABORTED' });
      await assert.rejects(wrong, { code: 'E_NOT_FINITE' });
      await first;
      assert.equal(await last, 90_000);
      assert.equal(index.count, 0);
    });

    it('whatever they are, end as if each had waited for the one before', async () => {
      const op = fc.oneof(
        fc.record({
          op: fc.constant('add' as const),
          at: fc.nat(40),
          ids: fc.uniqueArray(fc.nat(30), { minLength: 1, maxLength: 6 }),
        }),
        fc.record({ op: fc.constant('next' as const), at: fc.nat(40), size: fc.integer({ min: 1, max: 4 }) }),
        fc.record({ op: fc.constant('remove' as const), ids: fc.uniqueArray(fc.nat(40), { maxLength: 8 }) }),
        fc.record({ op: fc.constant('reset' as const) }),
        fc.record({ op: fc.constant('compact' as const) }),
      );
      const type = fc.constantFrom('flat', 'hnsw', 'ivf');
      await fc.assert(
        fc.asyncProperty(type, fc.array(op, { maxLength: 14 }), async (kind, ops) => {
          await using index = await Index.create({ dim, type: kind, ...(kind === 'ivf' && { nlist: 2 }) });
          if (kind === 'ivf') await index.train(first(100));
          const model = new Map<number, Float32Array>();
          let next = 0;
          const running = ops.map(async (one) => {
            if (one.op === 'add') {
              one.ids.forEach((id, i) => model.set(id, row(data, one.at + i, dim)));
              next = Math.max(next, ...one.ids.map((id) => id + 1));
              await index.add(data.subarray(one.at * dim, (one.at + one.ids.length) * dim), { ids: one.ids });
            } else if (one.op === 'next') {
              const ids = counting(one.size, next);
              ids.forEach((id, i) => model.set(id, row(data, one.at + i, dim)));
              next += one.size;
              const result = await index.add(data.subarray(one.at * dim, (one.at + one.size) * dim));
              assert.deepEqual([...result.ids], ids);
            } else if (one.op === 'remove') {
              const there = one.ids.filter((id) => model.delete(id)).length;
              assert.equal(await index.remove(one.ids), there);
            } else if (one.op === 'reset') {
              model.clear();
              next = 0;
              await index.reset();
            } else await index.compact().catch((error: unknown) => assert.match(String(error), /rebuilt already/));
          });
          await Promise.all(running);
          await index.ready();
          assert.equal(index.count, model.size);
          const all = [...model].map(([id, vector]) => ({ id, vector }));
          for (const { id, vector } of all) assert.deepEqual(await index.get([id]), vector);
          isExact(await index.search(queries, 5, { exact: true }), all, queries, dim);
        }),
        { numRuns: 60 },
      );
    });
  });

  it('many callers on many indexes each get their own', async () => {
    const sizes = [50, 500, 5000];
    const all = await Promise.all(sizes.map((size) => make({ dim, type: 'flat' }, first(size))));
    const found = await Promise.all(counting(60).map((i) => all[i % 3]!.search(row(queries, i % 20, dim), 3)));
    for (const [i, one] of found.entries()) {
      isExact(one, known(first(sizes[i % 3]!), dim), row(queries, i % 20, dim), dim);
    }
  });
});
