import assert from 'node:assert/strict';

import type { WorkersReport } from './fixtures/workers.js';
import { inFolder, reported } from './support/child.js';
import { seed, trials } from './support/random.js';

// Without NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS and a clean-up hook, terminate() during a search ended the process.
describe('A4: worker.terminate() in the middle of work', function () {
  this.timeout(180_000);

  it('A4 the process lives, the main thread has its answers, threads and descriptors are given back', async () => {
    const { terminations, wrong, threads, descriptors } = await inFolder((folder) =>
      reported<WorkersReport>('workers', [folder, String(trials(4))]),
    );
    assert.deepEqual({ seed, wrong: wrong.slice(0, 20) }, { seed, wrong: [] });
    assert.ok(terminations >= trials(60), `only ${String(terminations)} terminations`);
    assert.ok(threads[1] <= threads[0], `threads: ${threads.join(' -> ')}`);
    assert.ok(descriptors[1] <= descriptors[0], `descriptors: ${descriptors.join(' -> ')}`);
  });
});
