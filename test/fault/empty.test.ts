import assert from 'node:assert/strict';

import { reported } from './support/child.js';
import { seed } from './support/random.js';

// FAISS leaves both outputs of an empty Flat index unwritten when 20 queries or more come at once: what lay in memory
// before would be the answer.
describe('A12: places without a hit hold -1, and nothing that lay in memory', function () {
  this.timeout(120_000);

  it('A12 empty, nearly empty and emptied indexes of all kinds, batches of 1, 19, 20, 21 and 1,000', async () => {
    const { searches, wrong } = await reported<{ searches: number; wrong: string[] }>('empty');
    assert.deepEqual({ seed, wrong: wrong.slice(0, 20) }, { seed, wrong: [] });
    assert.ok(searches > 5_000, `only ${String(searches)} searches`);
  });
});
