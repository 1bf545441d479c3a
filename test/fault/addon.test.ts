import assert from 'node:assert/strict';

import type { AddonWorkersReport } from './fixtures/addon-workers.js';
import { inFolder, reported } from './support/child.js';
import { seed, trials } from './support/random.js';

describe('A15, A16: the addon comes and goes, and is there more than once', function () {
  this.timeout(120_000);

  it('A15 loaded only in workers, which end in four ways, again and again', async () => {
    const { workers, threads, grown, wrong } = await reported<AddonWorkersReport>('addon-workers', [
      String(trials(16)),
    ]);
    assert.deepEqual({ seed, wrong }, { seed, wrong: [] });
    assert.equal(workers, trials(16));
    assert.ok(threads[1] <= threads[0], `threads: ${threads.join(' -> ')}`);
    assert.ok(grown <= 32, `${String(grown)} MiB more`);
  });

  it('A16 the main thread and four workers at once', async () => {
    const found = await reported<{ threads: number; count: number; expected: number; wrong: string[] }>('addon-shared');
    assert.deepEqual({ seed, wrong: found.wrong }, { seed, wrong: [] });
    assert.deepEqual([found.threads, found.count], [5, found.expected]);
  });

  it('A16 a second copy of the file, in the main thread and in a worker', async () => {
    const { wrong } = await inFolder((folder) => reported<{ wrong: string[] }>('addon-copies', [folder]));
    assert.deepEqual({ seed, wrong }, { seed, wrong: [] });
  });

  it('A16 loaded in vm contexts, with arrays that belong to them', async () => {
    const { contexts, wrong } = await reported<{ contexts: number; wrong: string[] }>(
      'addon-contexts',
      [String(trials(8))],
      { node: ['--expose-gc'] },
    );
    assert.deepEqual({ seed, wrong }, { seed, wrong: [] });
    assert.equal(contexts, trials(8));
  });
});
