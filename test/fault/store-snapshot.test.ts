import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { openSnapshot } from '../../src/store/embedded/snapshot.js';
import type { SnapshotRecord } from '../../src/store/embedded/meta.js';
import { openReader } from '../../src/store/embedded/reader.js';
import { inFolder } from './support/child.js';
import { DAMAGES } from './support/damage.js';
import { Random, seed, trials } from './support/random.js';
import { answers, assertSound, DIM, open, versioned } from './support/store.js';

const snapshotOf = (folder: string): string => {
  const names = readdirSync(folder).filter((name) => name.startsWith('index-'));
  assert.equal(names.length, 1, names.join(', '));
  return join(folder, names[0]);
};

/** A closed store of some documents; each time with others. */
async function filled(folder: string, first = 0, version = 1): Promise<void> {
  const store = await open(folder);
  await store.put(Array.from({ length: 60 }, (_, i) => versioned(first + i, version)));
  await store.close();
}

function recordOf(folder: string): SnapshotRecord {
  const { handlers } = openReader({ role: 'reader', folder, postings: 0 });
  const { snapshot } = handlers.state(undefined);
  handlers.close(undefined);
  assert.ok(snapshot);
  return snapshot;
}

// RELIABILITY 1, B1, B2: a snapshot that is not the one the database names is never served.
describe('B1: damaged, lost and foreign snapshots', function () {
  this.timeout(180_000);

  it('B1 every kind of damage is found before a search sees it', async () => {
    await inFolder(async (folder) => {
      await filled(folder);
      const path = snapshotOf(folder);
      const whole = readFileSync(path);
      const record = recordOf(folder);
      const random = new Random(seed);
      for (const [name, damage] of Object.entries(DAMAGES)) {
        for (let i = 0; i < trials(40); i++) {
          writeFileSync(path, damage(whole, random));
          const opened = await openSnapshot(folder, record, DIM, {});
          assert.equal(typeof opened, 'string', `${name} (QUIVER_SEED=${String(seed)})`);
        }
      }
      writeFileSync(path, whole);
      const opened = await openSnapshot(folder, record, DIM, {});
      // eslint-disable-next-line @typescript-eslint/no-base-to-string -- for the message of a failure
      assert.ok(typeof opened !== 'string', String(opened));
      await opened.close();
    });
  });

  const FAULTS: [what: string, reason: RegExp, spoil: (path: string, folder: string) => Promise<void> | void][] = [
    ['it is gone', /cannot be used: /, (path) => rmSync(path)],
    ['a folder lies there', /./, (path) => (rmSync(path), mkdirSync(path))],
    ['it is empty', /has 0 bytes, not \d+/, (path) => writeFileSync(path, '')],
    [
      'a bit is flipped in the middle',
      /cannot be used: .*(damaged|sum)/i,
      (path) => {
        const bytes = readFileSync(path);
        bytes[bytes.length >> 1] ^= 4;
        writeFileSync(path, bytes);
      },
    ],
    [
      'a bit is flipped in the header',
      /is not the file that was saved/,
      (path) => {
        const bytes = readFileSync(path);
        bytes[100] ^= 4;
        writeFileSync(path, bytes);
      },
    ],
    [
      'it is of another store',
      /is not the file that was saved|bytes, not/,
      (path) => inFolder(async (other) => (await filled(other, 0, 5), copyFileSync(snapshotOf(other), path))),
    ],
    [
      'it is of an older generation',
      /is not the file that was saved|bytes, not/,
      async (path, folder) => {
        const old = readFileSync(path);
        await filled(folder, 0, 2);
        writeFileSync(snapshotOf(folder), old);
      },
    ],
  ];
  for (const [what, reason, spoil] of FAULTS) {
    it(`B1 ${what}: it is made anew, and answers as before`, async () => {
      await inFolder(async (folder) => {
        await filled(folder);
        await spoil(snapshotOf(folder), folder);
        const store = await open(folder);
        assert.equal(store.opened.how, 'rebuilt');
        assert.match(store.opened.reason, reason);
        await assertSound(store);
        const found = await answers(store, 1);
        await store.put([versioned(999, 1)]);
        await store.delete(['d999']);
        await store.close();
        const again = await open(folder);
        assert.equal(again.opened.how, 'snapshot');
        assert.deepEqual(await answers(again, 1), found);
        await again.close();
      });
    });
  }
});
