import assert from 'node:assert/strict';

import type { ThrowReport } from './fixtures/throw.js';
import { reported, run } from './support/child.js';

// node-addon-api lets a C++ exception that is none of its own end the process, unless it is told otherwise; on other
// threads than JavaScript's, any does.
describe('A1: whatever a native call throws becomes a QuiverError', function () {
  this.timeout(120_000);

  for (const where of ['main', 'worker']) {
    it(`A1 every function of the addon, sync and async, in the ${where} thread`, async () => {
      const { entries, works, wrong, unlisted } = await reported<ThrowReport>('throw', [where], {
        env: { QUIVER_TEST_HOOKS: '1' },
      });
      assert.deepEqual(unlisted, [], 'functions that the table of test/fault/fixtures/throw.ts does not know');
      assert.deepEqual(wrong.slice(0, 20), []);
      assert.ok(entries >= 40 && works >= 20, `${String(entries)} entries, ${String(works)} works`);
    });
  }

  it('A1 the hook is not there unless the process is started with QUIVER_TEST_HOOKS=1', async () => {
    const { code, stderr } = await run('throw', ['main'], { env: { QUIVER_TEST_HOOKS: '' } });
    assert.equal(code, 1);
    assert.match(stderr, /start this with QUIVER_TEST_HOOKS=1/);
  });
});
