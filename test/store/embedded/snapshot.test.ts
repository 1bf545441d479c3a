import { strict as assert } from 'node:assert';
import { readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

import type { Backend, StoreOptions } from '../../../src/store/backend.js';
import { inFolder, library, names, open, vectorsFor } from '../support.js';

const snapshots = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith('index-'));
const answer = async (store: Backend): Promise<string[]> =>
  names((await store.search({ text: 'river harbor', vector: vectorsFor('q', 1), k: 30 })).hits);

/** Opens, does something, closes. */
async function session<T>(
  folder: string,
  work: (store: Backend) => Promise<T>,
  options: StoreOptions = {},
): Promise<T> {
  const store = await open(folder, options);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** A copy of the folder as it is while a store is open: what a kill would leave. */
async function abandoned(folder: string, work: (store: Backend) => Promise<void>): Promise<void> {
  const store = await open(folder);
  await work(store);
  const { cpSync } = await import('node:fs');
  cpSync(folder, `${folder}-copy`, { recursive: true });
  await store.close();
  rmSync(folder, { recursive: true });
  renameSync(`${folder}-copy`, folder);
}

describe('the snapshot of the index', () => {
  it('is one file, of the last generation', async () => {
    await inFolder(async (folder) => {
      await session(folder, (store) => store.put(library(5)));
      assert.deepEqual(snapshots(folder), ['index-1.quiver']);
      await session(folder, (store) => store.put(library(5, 2)));
      assert.deepEqual(snapshots(folder), ['index-2.quiver']);
      const { mtimeMs } = statSync(join(folder, 'index-2.quiver'));
      await session(folder, (store) => answer(store));
      assert.equal(statSync(join(folder, 'index-2.quiver')).mtimeMs, mtimeMs);
    });
  });

  it('is followed by a replay of what came after it', async () => {
    await inFolder(async (folder) => {
      await session(folder, (store) => store.put(library(40)));
      let wanted: string[] = [];
      await abandoned(folder, async (store) => {
        await store.put(library(10, 5, 35));
        await store.delete(['d1', 'd2']);
        wanted = await answer(store);
      });
      await session(folder, async (store) => {
        assert.equal(store.opened.how, 'replayed');
        assert.match(store.opened.reason, /^\d+ chunks changed since index-1\.quiver$/);
        assert.deepEqual(await answer(store), wanted);
        assert.equal((await store.stats()).index.count, (await store.count()).chunks);
      });
    });
  });

  it('is made anew when there is none, or too much has changed since', async () => {
    await inFolder(async (folder) => {
      let wanted: string[] = [];
      await abandoned(folder, async (store) => {
        await store.put(library(40));
        wanted = await answer(store);
      });
      await session(folder, async (store) => {
        assert.deepEqual(store.opened, { how: 'rebuilt', reason: 'there is no snapshot' });
        assert.deepEqual(await answer(store), wanted);
      });
      await abandoned(folder, async (store) => {
        await store.put(library(900, 5, 40));
      });
      await session(folder, async (store) => {
        assert.equal(store.opened.how, 'rebuilt');
        assert.match(store.opened.reason, /^2\d{3} chunks changed since the snapshot$/);
        assert.equal((await store.stats()).index.count, (await store.count()).chunks);
      });
    });
  });

  it('is made anew when another kind of index is asked for', async () => {
    await inFolder(async (folder) => {
      await session(folder, (store) => store.put(library(5)));
      await session(
        folder,
        async (store) => {
          assert.deepEqual(store.opened, { how: 'rebuilt', reason: 'the options of the index have changed' });
          assert.match((await store.stats()).index.factory, /^HNSW8/);
        },
        { index: { type: 'hnsw', M: 8 } },
      );
      await session(
        folder,
        async (store) => {
          assert.equal(store.opened.how, 'snapshot');
          assert.match((await store.stats()).index.factory, /^HNSW8/);
        },
        { index: { type: 'hnsw', M: 8 } },
      );
    });
  });

  it('is saved behind the scenes while much comes in, so that a kill costs little', async () => {
    await inFolder(async (folder) => {
      let how = '';
      await abandoned(folder, async (store) => {
        const many = library(11_000, 3);
        for (let i = 0; i < many.length; i += 1_000) await store.put(many.slice(i, i + 1_000));
        await store.count(); // the save has had its turn in the lane before this
        for (let i = 0; i < 100 && snapshots(folder).length === 0; i++)
          await new Promise((resolve) => setTimeout(resolve, 50));
      });
      await session(folder, async (store) => {
        how = store.opened.how;
        assert.equal((await store.stats()).index.count, (await store.count()).chunks);
      });
      assert.notEqual(how, 'created');
      assert.equal(snapshots(folder).length, 1);
    });
  }).timeout(120_000);

  it('is used by readers, too', async () => {
    await inFolder(async (folder) => {
      const wanted = await session(folder, async (store) => {
        await store.put(library(20));
        return answer(store);
      });
      await session(
        folder,
        async (store) => {
          assert.equal(store.opened.how, 'snapshot');
          assert.deepEqual(await answer(store), wanted);
        },
        { readOnly: true },
      );
      rmSync(join(folder, 'index-1.quiver'));
      await session(
        folder,
        async (store) => {
          assert.equal(store.opened.how, 'rebuilt');
          assert.deepEqual(await answer(store), wanted);
        },
        { readOnly: true },
      );
      assert.deepEqual(snapshots(folder), []);
    });
  });

  it('that cannot be written is a warning, and no more', async () => {
    await inFolder(async (folder) => {
      const warnings: string[] = [];
      const store = await open(folder, { onWarning: (message) => warnings.push(message) });
      await store.put(library(5));
      const wanted = await answer(store);
      // A folder where the file should go.
      const { mkdirSync } = await import('node:fs');
      mkdirSync(join(folder, 'index-1.quiver', 'inside'), { recursive: true });
      await store.close();
      assert.equal(warnings.length, 1);
      assert.match(warnings[0], /^The snapshot of the index could not be saved; the next open takes longer\. /);
      rmSync(join(folder, 'index-1.quiver'), { recursive: true });
      await session(folder, async (again) => {
        assert.equal(again.opened.how, 'rebuilt');
        assert.deepEqual(await answer(again), wanted);
      });
    });
  });
});
