import assert from 'node:assert/strict';

import type { ClosedReport } from './fixtures/closed.js';
import type { DroppedReport } from './fixtures/dropped.js';
import type { FailuresReport } from './fixtures/failures.js';
import { inFolder, reported } from './support/child.js';
import { seed, trials } from './support/random.js';

// What is flat still moves by some megabytes.
const NOISE_MIB = 24;
// Forty calls that each keep the quarter of a megabyte which they were given come to ten.
const LEAK_MIB = 6;
// glibc keeps freed memory, up to 64 MiB for each thread that allocates, to use it again. That is no leak, but it looks
// like one: with one arena for all threads, what is freed goes back to the system.
const ONE_ARENA = { MALLOC_ARENA_MAX: '1' };

describe('A9: memory', function () {
  this.timeout(180_000);

  it('A9 indexes that nobody closes are collected, since V8 knows how large they are', async () => {
    // Untold, 300 of them took 2,994 MiB.
    const { dropped, most } = await reported<DroppedReport>('dropped', [String(trials(300))]);
    assert.equal(dropped, trials(300));
    assert.ok(most <= 250, `${String(most)} MiB at most`);
  });

  it('A9 close() gives the memory back', async () => {
    const { open, closed } = await reported<ClosedReport>('closed', ['2'], { node: ['--expose-gc'], env: ONE_ARENA });
    assert.ok(open[0]! >= 80, `only ${String(open[0])} MiB were in use`);
    for (const left of closed) assert.ok(left <= NOISE_MIB, `${String(left)} MiB of ${String(open[0])} stay`);
  });

  it('A9 opening and closing again and again takes no more memory than once', async () => {
    const { closed } = await reported<ClosedReport>('closed', [String(trials(4))], { node: ['--expose-gc'] });
    assert.ok(closed.at(-1)! <= closed[1]! + NOISE_MIB, `MiB that stay, round by round: ${closed.join()}`);
  });

  it('A9 calls that fail leave nothing behind, thousands of times', async () => {
    const { errors, calls } = await reported<FailuresReport>('failures', [String(trials(160))], {
      node: ['--expose-gc'],
      env: ONE_ARENA,
    });
    const wrong = Object.entries(calls)
      .filter(([, { code, grown }]) => !code.startsWith('E_') || grown > LEAK_MIB)
      .map(([name, { code, grown }]) => `${name}: ${code}, ${String(grown)} MiB`);
    assert.deepEqual({ seed, wrong }, { seed, wrong: [] });
    assert.ok(errors >= trials(3_000), `only ${String(errors)} errors`);
  });

  it('A9 results whose worker has gone are freed', async () => {
    const { terminated, grown, large } = await inFolder((folder) =>
      reported<{ terminated: number; grown: number; large: number }>('outlived', [folder, String(trials(16))], {
        env: ONE_ARENA,
      }),
    );
    assert.equal(terminated, trials(16));
    // Two may be on their way at any time; before, each worker left one or two for good.
    assert.ok(grown <= 2 * large + NOISE_MIB, `${String(grown)} MiB stay`);
  });
});
