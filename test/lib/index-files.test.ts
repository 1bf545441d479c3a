import { strict as assert } from 'node:assert';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import fc from 'fast-check';
import { Index } from '../../lib/index.js';
import { until } from '../support/redis.js';
import { answers, COUNT, DATA, DIM, filled, KINDS, OWN_IDS, QUERIES } from './kinds.js';
import { clustered, counting, indexes, isExact, known, row, suiteFolder, vectors } from './support.js';

describe('lib: Index.save, open, toBuffer, fromBuffer', () => {
  const { keep } = indexes();
  const file = suiteFolder();

  describe('every kind comes back as it was', () => {
    for (const kind of KINDS) {
      it(kind.name, async () => {
        const index = keep(await filled(kind));
        const { bytes } = await index.save(file('kind'));
        assert.equal(statSync(file('kind')).size, bytes);
        const buffer = await index.toBuffer();
        assert.ok(readFileSync(file('kind')).equals(buffer), 'file and buffer hold the same bytes');
        const before = { found: answers(index), exact: answers(index, { exact: true }), stats: index.stats() };
        const again = [
          await Index.open(file('kind')),
          await Index.open(file('kind'), { mmap: true }),
          await Index.open(file('kind'), { mmap: true, verify: true }),
          await Index.fromBuffer(buffer),
        ];
        for (const [i, opened] of again.entries()) {
          keep(opened);
          assert.deepEqual([opened.dim, opened.metric, opened.idType], [DIM, index.metric, index.idType]);
          assert.equal(opened.stats().mapped, i === 1 || i === 2);
          assert.deepEqual({ ...opened.stats(), mapped: false, bytes: 0 }, { ...before.stats, bytes: 0 });
          assert.deepEqual(answers(opened), before.found);
          assert.deepEqual(answers(opened, { exact: true }), before.exact);
          assert.deepEqual(await opened.ids(), await index.ids());
        }
      });
    }
  });

  describe('a graph whose vectors stay in the file', () => {
    const dim = 160;
    const base = clustered(1_500, dim, 75);
    const queries = base.subarray(0, 20 * dim);

    const codes = 1_500 * (128 + 4);
    const wide = { efSearch: 400 };

    it("mmap: 'vectors' has codes in memory, and finds the same", async () => {
      const index = keep(await Index.create({ dim, type: 'hnsw' }));
      await index.add(base);
      await index.save(file('graph'));
      const mapped = keep(await Index.open(file('graph'), { mmap: true }));
      const opened = keep(await Index.open(file('graph'), { mmap: 'vectors' }));
      await until(() => opened.stats().bytes === mapped.stats().bytes + codes);
      assert.ok(opened.stats().mapped);
      assert.deepEqual(await opened.search(queries, 10, wide), await index.search(queries, 10, wide));
      await opened.add(base.subarray(0, dim));
      assert.equal(opened.count, 1_501);
      assert.equal((await opened.search(base.subarray(dim, 2 * dim), 1)).ids[0], 1);
    });

    it('one that was read gets them too, unless it is closed before', async () => {
      const index = keep(await Index.create({ dim, type: 'hnsw' }));
      await index.add(base);
      await index.save(file('graph'));
      const mapped = keep(await Index.open(file('graph'), { mmap: true }));
      await (await Index.open(file('graph'))).close();
      const opened = keep(await Index.open(file('graph')));
      await until(() => opened.stats().bytes === mapped.stats().bytes + codes);
      assert.deepEqual(await opened.search(queries, 10, wide), await index.search(queries, 10, wide));
    });
  });

  describe('every kind takes writes after it was opened', () => {
    const fresh = clustered(60, DIM, 73);

    for (const kind of KINDS) {
      it(kind.name, async () => {
        await keep(await filled(kind)).save(file('kind'));
        for (const mmap of [false, true]) {
          // The first write is a different one each time: each has to bring the bytes of the file into memory by itself.
          const removed = keep(await Index.open(file('kind'), { mmap }));
          assert.equal(await removed.remove([3, 4, COUNT - 1]), 3);
          assert.equal(removed.count, COUNT - 3);
          const left = await removed.search(QUERIES, 10, { exact: true });
          assert.ok(left.ids.every((id) => ![3, 4, COUNT - 1].includes(Number(id))));

          const replaced = keep(await Index.open(file('kind'), { mmap }));
          await replaced.upsert(fresh.subarray(0, DIM), { ids: [5] });
          assert.equal(replaced.count, COUNT);

          const grown = keep(await Index.open(file('kind'), { mmap }));
          await grown.add(fresh);
          assert.deepEqual([grown.count, grown.stats().mapped], [COUNT + 60, false]);
          await grown.save(file('second'));
          assert.deepEqual(answers(keep(await Index.open(file('second')))), answers(grown));

          const emptied = keep(await Index.open(file('kind'), { mmap }));
          await emptied.reset();
          assert.deepEqual([emptied.count, emptied.stats().trained], [0, true]);
          await emptied.add(fresh);
          assert.equal((await emptied.search(fresh, 1, { exact: true })).ids.length, 60);
          assert.equal(emptied.count, 60);
        }
        assert.equal(keep(await Index.open(file('kind'))).count, COUNT, 'the file is as it was');
      });
    }
  });

  describe('what belongs to an index comes back', () => {
    it('ids of its own, dead rows, the next id and the generation', async () => {
      for (const type of ['flat', 'hnsw', 'ivf'] as const) {
        const index = keep(await filled({ name: type, options: { type } }, {}, OWN_IDS));
        await index.remove(OWN_IDS.slice(0, 40));
        await index.upsert(vectors(2, DIM, 1), { ids: [OWN_IDS[50], 9] });
        await index.ready();
        const { generation, count, deleted } = index.stats();
        assert.equal(deleted > 0, type === 'hnsw' || type === 'ivf', `${type} has dead rows`);
        await index.save(file('own'));
        const again = keep(await Index.open(file('own')));
        assert.deepEqual(
          [again.stats().generation, again.count, again.stats().deleted, again.closed],
          [generation, count, deleted, false],
        );
        assert.deepEqual(answers(again), answers(index));
        assert.deepEqual(await again.ids(), await index.ids());
        assert.deepEqual(await again.has([OWN_IDS[0], OWN_IDS[60], 9, 10]), [false, true, true, false]);
        const ids = [OWN_IDS[60], OWN_IDS[50], 9];
        assert.deepEqual(await again.get(ids), await index.get(ids));
        const highest = Math.max(...OWN_IDS);
        assert.deepEqual([...(await again.add(vectors(1, DIM, 2))).ids], [highest + 1], 'ids go on from the highest');
        assert.ok(again.stats().generation > generation);
      }
    });

    it('bigint ids beyond 2^53', async () => {
      const index = keep(await Index.create({ dim: DIM, type: 'hnsw', idType: 'bigint' }));
      const big = 2n ** 62n + 1n;
      await index.add(DATA.subarray(0, 2 * DIM), { ids: [big, 5n] });
      await index.save(file('big'));
      const again = keep(await Index.open(file('big')));
      assert.equal(again.idType, 'bigint');
      assert.deepEqual(again.searchSync(row(DATA, 0, DIM), 1).row(0)[0], { id: big, distance: 0 });
    });

    it('an empty index, trained or not', async () => {
      for (const options of [{ type: 'flat' }, { type: 'hnsw' }, { type: 'ivf' }, { type: 'PQ8x4' }]) {
        const index = keep(await Index.create({ dim: DIM, ...options }));
        const again = keep(await Index.fromBuffer(await index.toBuffer()));
        assert.deepEqual({ ...again.stats(), bytes: 0 }, { ...index.stats(), bytes: 0 });
        assert.deepEqual(again.searchSync(row(QUERIES, 0, DIM), 3).row(0), []);
        await again.train(DATA);
        await again.add(DATA);
        const trained = keep(await Index.fromBuffer(await again.toBuffer()));
        assert.deepEqual(answers(trained), answers(again));
      }
    });

    it('nlist that was left open: still decided by the training', async () => {
      const again = keep(await Index.fromBuffer(await keep(await Index.create({ dim: DIM, type: 'ivf' })).toBuffer()));
      await again.train(DATA);
      assert.equal(again.stats().nlist, 20);
    });

    it('auto: tier, policy and the wish to grow', async () => {
      const index = keep(await Index.create({ dim: DIM, type: 'auto', policy: 'guide' }));
      await index.add(DATA);
      const small = keep(await Index.fromBuffer(await index.toBuffer()));
      assert.deepEqual(small.stats().auto, {
        policy: 'guide',
        tier: 'Flat',
        reason: 'guide: under 1,000 vectors',
        rebuilding: false,
      });
      await small.add(clustered(400, DIM, 74));
      await small.ready();
      const { kind, nlist, count } = small.stats();
      assert.deepEqual([kind, nlist, count], ['IVF', 34, 1200]);
      await small.save(file('auto'));
      const grown = keep(await Index.open(file('auto')));
      assert.deepEqual(grown.stats().auto?.tier, 'IVF34,Flat');
      assert.deepEqual(answers(grown), answers(small));
    });

    it('efSearch and nprobe that tune() set', async () => {
      const index = keep(await filled({ name: '', options: { type: 'hnsw', efSearch: 7 } }));
      const { value } = await index.tune({ recall: 1 });
      const again = keep(await Index.fromBuffer(await index.toBuffer()));
      assert.equal(again.stats().efSearch, value);
    });

    it('any sequence of writes: a property', async () => {
      const write = fc.oneof(
        fc.record({
          op: fc.constant('add' as const),
          ids: fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 20 }),
        }),
        fc.record({ op: fc.constant('remove' as const), ids: fc.uniqueArray(fc.nat(60), { maxLength: 20 }) }),
        fc.record({ op: fc.constant('reset' as const), ids: fc.constant([]) }),
        fc.record({ op: fc.constant('reopen' as const), ids: fc.constant([]) }),
      );
      const types = fc.constantFrom('flat', 'hnsw', 'SQ8,RFlat');
      await fc.assert(
        fc.asyncProperty(types, fc.boolean(), fc.array(write, { maxLength: 8 }), async (type, mmap, writes) => {
          let index = await Index.create({ dim: 4, type });
          await index.train(vectors(50, 4, 99));
          const model = new Map<number, Float32Array>();
          let seed = 0;
          for (const { op, ids } of writes) {
            if (op === 'add') {
              const data = vectors(ids.length, 4, ++seed);
              await index.add(data, { ids });
              ids.forEach((id, i) => model.set(id, data.slice(i * 4, (i + 1) * 4)));
            } else if (op === 'remove') {
              const there = ids.filter((id) => model.delete(id)).length;
              assert.equal(await index.remove(ids), there);
            } else if (op === 'reset') {
              await index.reset();
              model.clear();
            } else {
              await index.save(file('property'));
              await index.close();
              index = await Index.open(file('property'), { mmap });
            }
            assert.equal(index.count, model.size);
          }
          const ids = [...model.keys()];
          assert.deepEqual([...(await index.ids())].map(Number).sort(), [...ids].sort());
          const held = Float32Array.from(ids.flatMap((id) => [...model.get(id)!]));
          if (ids.length > 0) {
            if (type !== 'SQ8,RFlat') assert.deepEqual(await index.get(ids), held);
            const found = await index.search(held, 5, { exact: true });
            if (type !== 'SQ8,RFlat') isExact(found, known(held, 4, ids), held, 4);
          }
          await index.close();
        }),
        { numRuns: 40 },
      );
    });
  });

  describe('saving', () => {
    it('replaces a file that others have open or mapped, and leaves nothing else behind', async () => {
      const folder = suiteFolderInside('replace');
      const path = `${folder}/a`;
      const index = keep(await filled({ name: '', options: { type: 'flat' } }));
      await index.save(path);
      const mapped = keep(await Index.open(path, { mmap: true }));
      const before = answers(mapped);
      await index.remove(counting(700));
      await index.save(path);
      assert.deepEqual(answers(mapped), before, 'who mapped the old file still sees it');
      assert.equal(keep(await Index.open(path)).count, 100);
      await mapped.save(path);
      assert.equal(keep(await Index.open(path)).count, COUNT, 'a mapped index may be saved over its own file');
      assert.deepEqual(readdirSync(folder), ['a']);
    });

    it('keeps the permissions of the file, and a link a link', async () => {
      const folder = suiteFolderInside('link');
      const index = keep(await filled({ name: '', options: { type: 'flat' } }));
      writeFileSync(`${folder}/target`, '');
      chmodSync(`${folder}/target`, 0o600);
      symlinkSync('target', `${folder}/link`);
      await index.save(`${folder}/link`);
      assert.equal(statSync(`${folder}/target`).mode & 0o777, 0o600);
      assert.ok(lstatSync(`${folder}/link`).isSymbolicLink());
      assert.equal(keep(await Index.open(`${folder}/target`)).count, COUNT);
    });

    it('at once from several indexes to one path leaves one whole file', async () => {
      const folder = suiteFolderInside('race');
      const many = await Promise.all(
        [100, 200, 300, 400].map(async (n) => {
          const index = keep(await Index.create({ dim: DIM, type: 'flat' }));
          await index.add(DATA.subarray(0, n * DIM));
          return index;
        }),
      );
      await Promise.all(many.map((index) => index.save(`${folder}/one`)));
      assert.ok([100, 200, 300, 400].includes(keep(await Index.open(`${folder}/one`)).count));
      assert.deepEqual(readdirSync(folder), ['one']);
    });

    it('holds what was written before the call, not what came after it', async () => {
      const index = keep(await filled({ name: '', options: { type: 'flat' } }));
      const saved = index.save(file('order'));
      const added = index.add(DATA);
      await Promise.all([saved, added]);
      assert.deepEqual([keep(await Index.open(file('order'))).count, index.count], [COUNT, 2 * COUNT]);
    });
  });

  function suiteFolderInside(name: string): string {
    const folder = file(name);
    mkdirSync(folder);
    return folder;
  }
});
