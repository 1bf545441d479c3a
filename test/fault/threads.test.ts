import assert from 'node:assert/strict';

import type { ThreadsReport } from './fixtures/threads.js';
import { reported } from './support/child.js';

const MANY = { OMP_NUM_THREADS: '16', OPENBLAS_NUM_THREADS: '16' };

// Every thread that calls FAISS gets an OpenMP team of its own, and every team may use BLAS: with 16 and 16 a process
// of 8 searches and 4 workers once came to 151 threads.
describe('A7: the number of threads is bounded by one setting', function () {
  this.timeout(120_000);

  const cases: [threads: number, env: NodeJS.ProcessEnv][] = [
    [1, MANY],
    [2, { ...MANY, OMP_NESTED: 'true', OMP_MAX_ACTIVE_LEVELS: '4' }],
    [4, { OMP_NUM_THREADS: '2', OPENBLAS_NUM_THREADS: '1' }],
  ];
  for (const [threads, env] of cases) {
    const set = Object.entries(env).map(([name, value]) => `${name}=${value!}`);
    it(`A7 threads ${String(threads)}, ${set.join(' ')}`, async () => {
      const found = await reported<ThreadsReport>('threads', [], {
        env: { ...env, QUIVER_THREADS: String(threads) },
      });
      assert.equal(found.threads, threads);
      // One lane of that many, and two long calls at most, each with a team of that many: docs/architecture.md.
      const ours = threads + Math.min(threads, 2) * threads;
      const bound = found.base + found.workers + ours;
      assert.ok(found.most <= bound, `${String(found.most)} threads, ${String(bound)} at most`);
      // The count was taken while they ran.
      assert.ok(found.most > found.base + found.workers, `only ${String(found.most)} threads`);
      assert.equal(found.configuredAgain, 'E_ARGUMENT');
    });
  }
});

// OpenBLAS shares a product out among the team that it asked for. Where fewer came, those waited for the others for ever.
describe('A7: an environment that allows OpenMP fewer threads', function () {
  this.timeout(60_000);

  for (const [name, value] of [
    ['OMP_THREAD_LIMIT', '1'],
    ['OMP_THREAD_LIMIT', '3'],
    ['OMP_DYNAMIC', 'true'],
    ['OMP_MAX_ACTIVE_LEVELS', '0'],
  ] as const) {
    it(`A7 ${name}=${value}: training, adding and searching end`, async () => {
      const env = { [name]: value, QUIVER_THREADS: '4' };
      assert.deepEqual(await reported<number[]>('teams', [], { env }), [0, 1, 2]);
    });
  }
});

describe('A8: processes that are started after OpenMP was used', function () {
  this.timeout(120_000);

  it('A8 child_process.fork() and cluster.fork() find the same answers, and end', async () => {
    const { answers, codes } = await reported<{ answers: number; codes: (number | null)[] }>('fork');
    assert.deepEqual(codes, [0, 0, 0, 0]);
    assert.equal(answers, 1);
  });
});
