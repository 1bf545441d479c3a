import { strict as assert } from 'node:assert';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Backend } from '../../../src/store/backend.js';
import { entry, fails, inFolder, library, names, open, vectorsFor, withStore } from '../support.js';

const answer = async (store: Backend): Promise<unknown> =>
  (await store.search({ text: 'river harbor', vector: vectorsFor('q', 1), k: 30 })).hits;

describe('backup', () => {
  it('is a store of its own, with its snapshot', async () => {
    await inFolder(async (folder) => {
      const copy = join(folder, 'copy');
      const store = await open(join(folder, 'store'));
      await store.put(library(30));
      await store.ready();
      const { bytes } = await store.backup(copy);
      assert.equal(
        bytes,
        readdirSync(copy).reduce((sum, name) => sum + statSync(join(copy, name)).size, 0),
      );
      const wanted = await answer(store);
      await store.put(library(5, 9, 30));
      const second = await open(copy);
      assert.equal(second.opened.how, 'snapshot');
      assert.equal((await second.count()).documents, 30);
      assert.deepEqual(await answer(second), wanted);
      assert.deepEqual((await second.verify()).problems, []);
      await second.put(library(1, 3, 99));
      await second.close();
      await store.close();
    });
  });

  it('is of one state while writes go on', async () => {
    await inFolder(async (folder) => {
      const store = await open(join(folder, 'store'));
      await store.put(library(50));
      const copying = store.backup(join(folder, 'copy'));
      for (let i = 0; i < 5; i++) await store.put(library(10, i, 50 + 10 * i));
      await copying;
      await store.close();
      const copy = await open(join(folder, 'copy'));
      const { documents, chunks } = await copy.count();
      assert.equal(documents % 10, 0);
      assert.equal((await copy.stats()).index.count, chunks);
      assert.deepEqual((await copy.verify()).problems, []);
      await copy.close();
    });
  });

  it('of a store that is only read works too', async () => {
    await inFolder(async (folder) => {
      const store = await open(join(folder, 'store'));
      await store.put(library(5));
      await store.close();
      const reader = await open(join(folder, 'store'), { readOnly: true });
      await reader.backup(join(folder, 'copy'));
      const wanted = await answer(reader);
      await reader.close();
      const copy = await open(join(folder, 'copy'), { readOnly: true });
      assert.deepEqual(await answer(copy), wanted);
      await copy.close();
    });
  });

  it('refuses a place that is taken or cannot be had, and leaves nothing there', async () => {
    await withStore(async (store, folder) => {
      await store.put(library(3));
      const taken = join(folder, 'taken');
      writeFileSync(taken, 'mine');
      await fails(store.backup(taken), {
        code: 'E_EXISTS',
        message: `${taken} is there already. Give a path that is not, or move it away.`,
        expected: 'a path without anything',
        actual: taken,
      });
      await fails(store.backup(join(taken, 'below')), {
        code: 'E_IO',
        message: /^Cannot write the copy to .*taken\/below: .*ENOTDIR/,
      });
      await fails(store.backup(''), {
        code: 'E_ARGUMENT',
        message: 'folder must be a path, but is "".',
        expected: 'a path',
        actual: '""',
      });
      const control = new AbortController();
      const copying = store.backup(join(folder, 'copy'), { signal: control.signal });
      setImmediate(() => control.abort());
      await assert.rejects(copying, { code: 'E_ABORTED' });
      assert.ok(!existsSync(join(folder, 'copy')));
      assert.ok(!readdirSync(folder).some((name) => name.endsWith('.tmp')));
    });
  });
});

describe('compact', () => {
  it('gives room back and changes no answer', async () => {
    await withStore(async (store) => {
      await store.put(library(600));
      await store.delete(library(550).map(({ document }) => document.id));
      await store.put([entry('d599', { chunks: ['river'] })]);
      const wanted = await answer(store);
      const before = (await store.stats()).bytes;
      await store.compact();
      const after = (await store.stats()).bytes;
      assert.ok(after.database < (before.database + before.log) / 3, JSON.stringify([before, after]));
      assert.ok(after.log < 100_000, String(after.log)); // the note of the snapshot
      assert.deepEqual(await answer(store), wanted);
      assert.deepEqual((await store.verify()).problems, []);
      assert.equal((await store.stats()).index.deleted, 0);
      await store.put(library(1, 4, 1_000));
      assert.equal((await store.count()).documents, 51);
    });
  });

  it('waits its turn among writes, and searches go on', async () => {
    await withStore(
      async (store) => {
        await store.put(library(100));
        const results = await Promise.all([
          store.put(library(100, 5, 100)),
          store.compact(),
          store.delete(['d0']),
          store.search({ text: 'river' }),
        ]);
        assert.ok(results[3].hits.length > 0);
        assert.equal((await store.count()).documents, 199);
      },
      { readers: 2 },
    );
  });
});

describe('verify', () => {
  it('reads everything and tells how far it is', async () => {
    await withStore(async (store) => {
      await store.put(library(200));
      const steps: number[] = [];
      const report = await store.verify({
        onProgress: ({ phase, done, total }) => {
          assert.deepEqual([phase, total], ['verify', 200]);
          steps.push(done);
        },
      });
      assert.deepEqual(report, { ...(await store.count()), problems: [] });
      assert.deepEqual(
        steps,
        [...steps].sort((a, b) => a - b),
      );
      assert.equal(steps.at(-1), 200);
    });
  });
});

describe('a store behind a graph', () => {
  it('finds the same after a reopening that goes on with the move', async () => {
    await inFolder(async (folder) => {
      const many = Array.from({ length: 11_000 }, (_, i) => entry(`d${String(i)}`, { chunks: ['x'] }));
      const first = await open(folder);
      await first.put(many);
      await first.close();
      const second = await open(folder);
      await second.ready();
      const { index } = await second.stats();
      assert.match(index.factory, /^(HNSW|Flat)/);
      const { hits } = await second.search({ vector: vectorsFor('d77', 1), k: 1 });
      assert.deepEqual(names(hits), ['d77#0']);
      await second.close();
      const third = await open(folder);
      assert.equal(third.opened.how, 'snapshot');
      assert.equal((await third.stats()).index.factory, index.factory);
      await third.close();
    });
  }).timeout(120_000);
});
