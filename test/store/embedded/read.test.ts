import { strict as assert } from 'node:assert';

import { fails, library, withStore } from '../support.js';

describe('reading a store', () => {
  it('lists page by page, in the order of the ids', async () => {
    await withStore(async (store) => {
      const all = library(25);
      await store.put(all);
      const ids = all.map(({ document }) => document.id).sort();
      const seen: string[] = [];
      let after: string | undefined;
      do {
        const page = await store.list({ limit: 7, ...(after !== undefined && { after }) });
        assert.ok(page.documents.length <= 7);
        seen.push(...page.documents.map(({ id }) => id));
        after = page.next;
        // What comes and goes meanwhile moves no page.
        if (seen.length === 7) await store.put(library(1, 9, 0));
      } while (after !== undefined);
      assert.deepEqual(seen, ids);
      const { document } = all[3];
      const [summary] = (await store.list({ filter: { $id: document.id } })).documents;
      assert.deepEqual(summary, {
        id: document.id,
        title: document.title,
        metadata: document.metadata,
        chunks: document.chunks.length,
        length: document.text.length,
      });
    });
  });

  it('has no next page after a full last one', async () => {
    await withStore(async (store) => {
      await store.put(library(4));
      const page = await store.list({ limit: 2, filter: { even: true } });
      assert.deepEqual(
        page.documents.map(({ id }) => id),
        ['d0', 'd2'],
      );
      assert.equal(page.next, undefined);
      assert.deepEqual(await store.list({ after: 'zzz' }), { documents: [] });
    });
  });

  it('counts, knows ids and hashes', async () => {
    await withStore(async (store) => {
      const entries = library(6).map(({ document, vectors }, i) => ({
        document: { ...document, ...(i < 4 && { hash: `h${String(i)}` }) },
        vectors,
      }));
      await store.put(entries);
      const chunks = entries.reduce((sum, { document }) => sum + document.chunks.length, 0);
      assert.deepEqual(await store.count(), { documents: 6, chunks });
      assert.equal((await store.count({ number: { $lt: 2 } })).documents, 2);
      assert.equal(await store.has('d5'), true);
      assert.equal(await store.has('d6'), false);
      const hashes = [0, 1, 2, 3].map((n) => [`d${String(n)}`, `h${String(n)}`] as const);
      assert.deepEqual(await store.hashes(), new Map(hashes));
      assert.deepEqual(await store.hashes(['d2', 'd5', 'none']), new Map([['d2', 'h2']]));
    });
  });

  it('tells what it is and has', async () => {
    await withStore(async (store) => {
      await store.put(library(5));
      const stats = await store.stats();
      assert.equal(stats.documents, 5);
      assert.equal(stats.index.count, stats.chunks);
      assert.equal(stats.generation, 1);
      assert.deepEqual(stats.model, store.model);
      assert.equal(stats.readOnly, false);
      assert.equal(stats.opened.how, 'created');
      assert.ok(stats.bytes.database + stats.bytes.log > 10_000);
      assert.equal(stats.snapshot, undefined);
      assert.equal(stats.replacing, undefined);
      await store.ready();
      assert.deepEqual((await store.stats()).snapshot, { generation: 1, changed: 0 });
    });
  });

  it('refuses wrong arguments', async () => {
    await withStore(async (store) => {
      const wrong = { code: 'E_ARGUMENT', expected: /./, actual: /./ } as const;
      await fails(store.get(5 as never), { ...wrong, message: 'id must be a string, but is 5.' });
      await fails(store.has(''), {
        ...wrong,
        code: 'E_RANGE',
        message: 'id must have 1 to 4096 characters, but has 0.',
      });
      await fails(store.hashes('d1' as never), { ...wrong, message: 'ids must be an array of ids, but is "d1".' });
      await fails(store.list({ limit: 0 }), {
        ...wrong,
        code: 'E_RANGE',
        message: 'limit must be an integer from 1 to 10,000, but is 0.',
      });
      await fails(store.list({ after: 1 as never }), { ...wrong, message: 'after must be a string, but is 1.' });
      await fails(store.list(null as never), { ...wrong, message: 'options must be an object, but is null.' });
      await fails(store.count('x' as never), { ...wrong, message: /^filter must be an object/ });
      await fails(store.list({ signal: 1 as never }), {
        ...wrong,
        message: 'signal must be an AbortSignal, but is 1.',
      });
    });
  });

  it('can be aborted', async () => {
    await withStore(async (store) => {
      await store.put(library(3));
      for (const run of [
        (signal: AbortSignal) => store.get('d1', { signal }),
        (signal: AbortSignal) => store.has('d1', { signal }),
        (signal: AbortSignal) => store.hashes(undefined, { signal }),
        (signal: AbortSignal) => store.list({ signal }),
        (signal: AbortSignal) => store.count({}, { signal }),
        (signal: AbortSignal) => store.stats({ signal }),
        (signal: AbortSignal) => store.search({ text: 'river', signal }),
        (signal: AbortSignal) => store.verify({ signal }),
        (signal: AbortSignal) => store.delete(['d1'], { signal }),
        (signal: AbortSignal) => store.compact({ signal }),
      ]) {
        const control = new AbortController();
        const running = run(control.signal);
        control.abort();
        await fails(running, {
          code: 'E_ABORTED',
          message: 'The call was aborted.',
          expected: 'a signal that is not aborted',
          actual: 'an aborted one',
        });
      }
      assert.equal((await store.count()).documents, 3);
    });
  });
});
