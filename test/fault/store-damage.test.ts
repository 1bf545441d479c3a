import assert from 'node:assert/strict';
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import Database from 'better-sqlite3';

import { QuiverError } from '../../lib/index.js';
import type { Backend } from '../../src/store/backend.js';
import { inFolder } from './support/child.js';
import { DAMAGES } from './support/damage.js';
import { Random, seed, trials, vectors } from './support/random.js';
import { assertSound, DIM, open, versioned } from './support/store.js';

const DOCUMENTS = 40;

async function filled(folder: string): Promise<void> {
  const store = await open(folder);
  await store.put(Array.from({ length: DOCUMENTS }, (_, i) => versioned(i, 1)));
  await store.put(Array.from({ length: 10 }, (_, i) => versioned(i, 2)));
  await store.close();
}

const isTyped = (error: unknown): boolean =>
  error instanceof QuiverError &&
  ['E_CORRUPT', 'E_VERSION', 'E_IO', 'E_NOT_FOUND', 'E_MODEL_MISMATCH'].includes(error.code);

/** Everything that the store hands out is what was written; or it says that it is damaged. Returns how often it said so. */
async function assertHonest(store: Backend, what: string): Promise<number> {
  let refused = 0;
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (error instanceof assert.AssertionError || !isTyped(error)) throw error;
      refused++;
    }
  };
  const isWritten = (id: string, text: string, version: unknown): void => {
    const number = Number(id.slice(1));
    const wanted = [1, 2].map((one) => versioned(number, one).document);
    assert.ok(
      wanted.some((one) => one.text.includes(text) && one.metadata.version === version),
      `${what}: ${id} says ${text}`,
    );
  };
  for (let i = 0; i < DOCUMENTS; i++) {
    await attempt(async () => {
      const document = await store.get(`d${String(i)}`);
      if (document !== undefined)
        assert.deepEqual(document, versioned(i, Number(document.metadata.version)).document, what);
    });
  }
  for (let i = 0; i < 10; i++) {
    await attempt(async () => {
      const { hits } = await store.search({ text: `d${String(i)} stone`, vector: vectors(1, DIM, i), k: 10 });
      for (const { document, chunk } of hits) isWritten(document.id, chunk.text, document.metadata.version);
    });
  }
  await attempt(async () => {
    for (const { id, metadata } of (await store.list({ limit: 100 })).documents) isWritten(id, id, metadata.version);
  });
  return refused;
}

// RELIABILITY 18, B12: damage of the database is refused or found; text is never silently another.
describe('18: a damaged database', function () {
  this.timeout(300_000);

  for (const [name, damage] of Object.entries(DAMAGES)) {
    it(`18 ${name}: refused at the opening, or found when it is met`, async () => {
      await inFolder(async (folder) => {
        await filled(folder);
        const path = join(folder, 'collection.db');
        const whole = readFileSync(path);
        const random = new Random(seed + name.length);
        for (let i = 0; i < trials(6); i++) {
          const what = `${name}, trial ${String(i)} (QUIVER_SEED=${String(seed)})`;
          for (const rest of ['-wal', '-shm']) rmSync(`${path}${rest}`, { force: true });
          writeFileSync(path, damage(whole, random));
          let store: Backend;
          try {
            store = await open(folder);
          } catch (error) {
            assert.ok(isTyped(error), `${what}: ${String(error)}`);
            continue;
          }
          await assertHonest(store, what);
          await store.close();
        }
      });
    });
  }

  it('18 each changed value of a row is caught by its sum', async () => {
    await inFolder(async (folder) => {
      await filled(folder);
      const path = join(folder, 'collection.db');
      const whole = readFileSync(path);
      const changes = [
        `UPDATE chunks SET text = text || '.'`,
        `UPDATE chunks SET text = replace(text, 'stone', 'stove')`,
        `UPDATE chunks SET start = start + 1`,
        `UPDATE chunks SET page = 7`,
        `UPDATE chunks SET headings = '["x"]'`,
        `UPDATE documents SET title = 'x'`,
        `UPDATE documents SET metadata = '{"document":1,"version":1}'`,
        `UPDATE texts SET text = replace(text, 'word', 'wort')`,
        `UPDATE vectors_1 SET vector = zeroblob(length(vector))`,
        `UPDATE vectors_1 SET vector = (SELECT vector FROM vectors_1 v WHERE v.chunk <> vectors_1.chunk LIMIT 1)`,
        `DELETE FROM vectors_1`,
        `DELETE FROM texts`,
        `DELETE FROM fields`,
        `UPDATE fields SET value = 99 WHERE path = 'version'`,
        `DELETE FROM words WHERE rowid % 2 = 0`,
      ];
      for (const change of changes) {
        writeFileSync(path, whole);
        const db = new Database(path);
        db.pragma('foreign_keys = OFF');
        db.exec(change);
        db.close();
        const store = await open(folder);
        await assertHonest(store, change);
        const { problems } = await store.verify();
        assert.ok(problems.length > 0, `${change} was not found`);
        await store.close();
      }
    });
  });

  it('18 the index is not made of damaged vectors', async () => {
    await inFolder(async (folder) => {
      await filled(folder);
      const db = new Database(join(folder, 'collection.db'));
      db.exec(
        `UPDATE vectors_1 SET vector = zeroblob(length(vector)) WHERE chunk = (SELECT max(chunk) FROM vectors_1)`,
      );
      db.exec(`DELETE FROM meta WHERE key = 'snapshot'`);
      db.close();
      await assert.rejects(open(folder), (error: unknown) => {
        assert.ok(error instanceof QuiverError);
        assert.equal(error.code, 'E_CORRUPT');
        assert.match(error.message, /the vector of chunk \d+ is damaged: it does not fit its sum\. Restore a backup/);
        return true;
      });
    });
  });

  it('18 a damaged, shortened or lost log costs at most its last transactions', async () => {
    await inFolder(async (folder) => {
      // A copy of an open store, as a kill leaves it: with a log that is not folded in yet.
      const live = join(folder, 'live');
      const store = await open(live);
      for (let i = 0; i < DOCUMENTS; i++) await store.put([versioned(i, 1)]);
      const left = join(folder, 'left');
      cpSync(live, left, { recursive: true });
      await store.close();
      const wal = readFileSync(join(left, 'collection.db-wal'));
      assert.ok(wal.length > 50_000);
      const random = new Random(seed);
      for (const [name, damage] of [...Object.entries(DAMAGES), ['gone', undefined] as const]) {
        for (let i = 0; i < trials(2); i++) {
          const what = `${name}, trial ${String(i)} (QUIVER_SEED=${String(seed)})`;
          const copy = join(folder, 'copy');
          cpSync(left, copy, { recursive: true });
          for (const part of ['-shm', '-wal']) rmSync(join(copy, `collection.db${part}`));
          if (damage !== undefined) writeFileSync(join(copy, 'collection.db-wal'), damage(wal, random));
          try {
            const again = await open(copy);
            const { documents } = await again.count();
            for (let n = 0; n < documents; n++) {
              assert.deepEqual(await again.get(`d${String(n)}`), versioned(n, 1).document, what);
            }
            await assertSound(again);
            await again.close();
          } catch (error) {
            assert.ok(isTyped(error), `${what}: ${String(error)}`);
          }
          rmSync(copy, { recursive: true });
        }
      }
      renameSync(left, `${left}-done`);
    });
  });
});
