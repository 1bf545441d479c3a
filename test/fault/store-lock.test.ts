import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';

import { QuiverError } from '../../lib/index.js';
import { childEnvironment, fixturePath, inFolder } from './support/child.js';
import { trials } from './support/random.js';
import { open, versioned, versionsOf } from './support/store.js';

async function holder(folder: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [fixturePath('store-holder'), folder], {
    env: childEnvironment({ QUIVER_THREADS: '1' }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`it ended with ${String(code)} before it had the store open`)));
    child.stdout.once('data', () => resolve());
  });
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
}

// RELIABILITY 19.
describe('19: two processes and one store', function () {
  this.timeout(120_000);

  it('19 the second writer is E_LOCKED and told who the first is; a kill frees the lock', async () => {
    await inFolder(async (folder) => {
      for (let i = 0; i < trials(4); i++) {
        const child = await holder(folder);
        try {
          await assert.rejects(open(folder), (error: unknown) => {
            assert.ok(error instanceof QuiverError, String(error));
            assert.equal(error.code, 'E_LOCKED');
            assert.match(
              error.message,
              new RegExp(`^Process ${String(child.pid)} on .* has the store in ${folder} open for writing since `),
            );
            assert.equal(error.actual, `pid ${String(child.pid)}`);
            return true;
          });
          const reader = await open(folder, true);
          assert.deepEqual(
            await versionsOf(reader),
            new Map(
              i === 0
                ? [[1, 1]]
                : [
                    [1, 1],
                    [2, 2],
                  ],
            ),
          );
          await reader.close();
        } finally {
          await kill(child);
        }
        const store = await open(folder);
        assert.deepEqual([...(await versionsOf(store)).keys()].includes(1), true);
        await store.put([versioned(2, 2)]);
        await store.close();
      }
    });
  });
});
