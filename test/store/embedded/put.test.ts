import { strict as assert } from 'node:assert';

import type { Backend } from '../../../src/store/backend.js';
import { DIM, entry, fails, library, names, open, vectorsFor, withStore } from '../support.js';

/** Every chunk of the documents is found by its own vector, and nothing else is in the store. */
async function assertHolds(store: Backend, ids: readonly string[]): Promise<void> {
  const { documents } = await store.list({ limit: 1_000 });
  assert.deepEqual(
    documents.map(({ id }) => id),
    [...ids].sort(),
  );
  for (const { id, chunks } of documents) {
    for (let i = 0; i < chunks; i++) {
      const vector = vectorsFor(id, chunks).subarray(i * DIM, (i + 1) * DIM);
      const { hits } = await store.search({ vector, k: 1 });
      assert.deepEqual(names(hits), [`${id}#${String(i)}`]);
    }
  }
}

describe('put', () => {
  it('stores documents whole: text, chunks, fields, metadata', async () => {
    await withStore(async (store) => {
      const one = entry('a/b.md', {
        chunks: ['First part.', 'Second — part with ünïcode 😀.'],
        title: 'A title',
        type: 'markdown',
        source: '/docs/a/b.md',
        hash: 'abc',
        headings: ['Top', 'Below'],
        page: 3,
        metadata: { year: 2024, tags: ['x', { deep: [1, null] }], 'odd "key"': true, ['__proto__']: 'kept' },
      });
      const two = entry('bare', { chunks: ['Only text.'] });
      assert.deepEqual(await store.put([one, two]), { documents: 2, chunks: 3, replaced: 0, generation: 1 });
      assert.deepEqual(await store.get('a/b.md'), one.document);
      assert.deepEqual(await store.get('bare'), two.document);
      assert.equal(await store.get('none'), undefined);
    });
  });

  it('replaces a document by its id', async () => {
    await withStore(async (store) => {
      await store.put(library(10));
      const newer = entry('d3', { chunks: ['entirely', 'new', 'words'] });
      assert.deepEqual(await store.put([newer]), { documents: 1, chunks: 3, replaced: 1, generation: 2 });
      assert.deepEqual(await store.get('d3'), newer.document);
      await assertHolds(
        store,
        library(10).map(({ document }) => document.id),
      );
      assert.deepEqual((await store.verify()).problems, []);
    });
  });

  it('takes the last of several with one id', async () => {
    await withStore(async (store) => {
      const result = await store.put([1, 2, 3].map((n) => entry('same', { chunks: [`version ${String(n)}`] })));
      assert.deepEqual(result, { documents: 3, chunks: 3, replaced: 2, generation: 1 });
      assert.equal((await store.get('same'))?.text, 'version 3');
      assert.deepEqual(await store.count(), { documents: 1, chunks: 1 });
      assert.equal((await store.search({ text: 'version', k: 5 })).hits.length, 1);
      assert.equal((await store.stats()).index.count, 1);
    });
  });

  it('keeps documents without chunks, for their hash', async () => {
    await withStore(async (store) => {
      await store.put([entry('empty', { chunks: [], hash: 'h' })]);
      assert.deepEqual(await store.hashes(), new Map([['empty', 'h']]));
      assert.deepEqual((await store.get('empty'))?.chunks, []);
      assert.deepEqual(await store.put([entry('empty', { chunks: ['now some'] })]), {
        documents: 1,
        chunks: 1,
        replaced: 1,
        generation: 2,
      });
      await assertHolds(store, ['empty']);
    });
  });

  it('joins calls that wait together into one transaction', async () => {
    await withStore(async (store) => {
      const first = store.put(library(1));
      const results = await Promise.all(library(40, 3, 1).map((one) => store.put([one])));
      await first;
      assert.ok(new Set(results.map(({ generation }) => generation)).size <= 3, JSON.stringify(results));
      assert.equal((await store.count()).documents, 41);
    });
  });

  it('stores a large call in steps, and tells how far it is', async () => {
    await withStore(async (store) => {
      const text = 'lantern '.repeat(20_000);
      const entries = Array.from({ length: 12 }, (_, i) => entry(`large${String(i)}`, { chunks: [text] }));
      const steps: number[] = [];
      const { documents } = await store.put(entries, {
        onProgress: ({ phase, done, total }) => {
          assert.deepEqual([phase, total], ['put', 12]);
          steps.push(done);
        },
      });
      assert.equal(documents, 12);
      assert.ok(steps.length > 1, 'one step');
      assert.equal(steps.at(-1), 12);
    });
  });

  it('leaves the caller’s arrays alone', async () => {
    await withStore(async (store) => {
      const one = entry('a', { chunks: ['x'] });
      const before = structuredClone(one);
      await store.put([one]);
      assert.deepEqual(one, before);
    });
  });

  it('checks everything before it stores anything', async () => {
    await withStore(async (store) => {
      const wrong = { ...entry('b', { chunks: ['x'] }), vectors: new Float32Array(3) };
      await fails(store.put([entry('a', { chunks: ['x'] }), wrong]), {
        code: 'E_DIMENSION',
        message: 'vectors of document "b" must hold 1 * 16 numbers, one vector a chunk, but hold 3.',
        expected: '16',
        actual: '3',
      });
      await fails(store.put('documents' as never), {
        code: 'E_ARGUMENT',
        message: 'entries must be an array of { document, vectors }, but is "documents".',
        expected: 'an array of { document, vectors }',
        actual: '"documents"',
      });
      assert.deepEqual(await store.count(), { documents: 0, chunks: 0 });
    });
  });

  it('refuses vectors of another model', async () => {
    await withStore(async (store) => {
      await fails(store.put(library(1), { fingerprint: 'v2' }), {
        code: 'E_MODEL_MISMATCH',
        message:
          'The vectors of this store have the fingerprint v1, not v2. Embed the documents with the model of the store and put them again.',
        expected: 'v1',
        actual: 'v2',
      });
      assert.equal((await store.put(library(1), { fingerprint: 'v1' })).documents, 1);
    });
  });

  it('stores nothing when it is aborted before its turn, and says what it stored when after', async () => {
    await withStore(async (store) => {
      const control = new AbortController();
      const waiting = store.put(library(5), { signal: control.signal });
      control.abort();
      await fails(waiting, {
        code: 'E_ABORTED',
        message: /^The call was aborted\./,
        expected: 'a signal that is not aborted',
        actual: 'an aborted one',
      });
      assert.equal((await store.count()).documents, 0);

      const later = new AbortController();
      const text = 'harbor '.repeat(150_000);
      const large = Array.from({ length: 40 }, (_, i) => entry(`l${String(i)}`, { chunks: [text.slice(0, 900_000)] }));
      const error = await fails(store.put(large, { signal: later.signal, onProgress: () => later.abort() }), {
        code: 'E_ABORTED',
        message: /^The call was aborted\. \(\d+ of 40 documents are stored\.\)$/,
        expected: 'a signal that is not aborted',
        actual: 'an aborted one',
      });
      const stored = Number(/\((\d+) of/.exec(error.message)?.[1]);
      assert.ok(stored > 0 && stored < 40, error.message);
      assert.equal((await store.count()).documents, stored);
    });
  });
});

describe('delete', () => {
  it('deletes what is there, and counts it', async () => {
    await withStore(async (store, folder) => {
      await store.put(library(10));
      assert.deepEqual(await store.delete(['d1', 'd2', 'none', 'd1']), { deleted: 2, generation: 2 });
      const left = [0, 3, 4, 5, 6, 7, 8, 9].map((n) => `d${String(n)}`);
      await assertHolds(store, left);
      assert.deepEqual((await store.verify()).problems, []);
      await store.close();
      await using again = await open(folder);
      await assertHolds(again, left);
    });
  });

  it('finds no word of a deleted document', async () => {
    await withStore(async (store) => {
      await store.put([entry('a', { chunks: ['unmistakable'] }), entry('b', { chunks: ['ordinary'] })]);
      assert.equal((await store.search({ text: 'unmistakable' })).hits.length, 1);
      await store.delete(['a']);
      assert.deepEqual((await store.search({ text: 'unmistakable' })).hits, []);
      await store.put([entry('a', { chunks: ['unmistakable again'] })]);
      assert.equal((await store.search({ text: 'unmistakable' })).hits[0]?.chunk.text, 'unmistakable again');
    });
  });

  it('refuses what are no ids', async () => {
    await withStore(async (store) => {
      await fails(store.delete('d1' as never), {
        code: 'E_ARGUMENT',
        message: 'ids must be an array of ids, but is "d1".',
        expected: 'an array of ids',
        actual: '"d1"',
      });
      await fails(store.delete([1] as never), {
        code: 'E_ARGUMENT',
        message: 'ids[0] must be a string, but is 1.',
        expected: 'a string',
        actual: '1',
      });
    });
  });
});
