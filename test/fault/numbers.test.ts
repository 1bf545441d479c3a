import assert from 'node:assert/strict';

import { reported } from './support/child.js';
import { KINDS } from './support/kinds.js';

// FAISS ends the process when an OpenMP region throws: for a batch of 20 queries and more with NaN, Inf or overflowing
// distances (IVF, nprobe 1), for such vectors in add (IVF), and it never comes back from a NaN search (HNSW).
describe('A2, A3: numbers that are not finite or too large are E_NOT_FINITE, and the process lives', function () {
  this.timeout(120_000);

  const cases = KINDS.map(({ name }) => [name, 'l2']).concat([
    ['Flat', 'ip'],
    ['Flat', 'cosine'],
    ['HNSW16', 'cosine'],
    ['IVF16,Flat', 'ip'],
    ['IVF16,Flat', 'cosine'],
  ]);
  for (const [name, metric] of cases) {
    it(`A3 ${name} ${metric}: batches of 1, 19, 20, 21 and 1,000 in search, searchSync, range, add and train`, async () => {
      const { calls, wrong } = await reported<{ calls: number; wrong: string[] }>('numbers', [name, metric]);
      assert.deepEqual(wrong.slice(0, 20), []);
      assert.ok(calls >= 700, `only ${String(calls)} calls`);
    });
  }
});
