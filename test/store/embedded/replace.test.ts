import { strict as assert } from 'node:assert';

import type { Backend, ChunkText, ModelInfo } from '../../../src/store/backend.js';
import { entry, fails, inFolder, library, MODEL, names, open, vectorsFor, withStore } from '../support.js';

const OTHER: ModelInfo = { name: 'other-model', fingerprint: 'w1', dim: 8 };

/** A model that makes vectors of the text alone. */
function embedder(seen: ChunkText[] = []) {
  return (chunks: readonly ChunkText[]): Promise<Float32Array> => {
    seen.push(...chunks);
    const all = new Float32Array(chunks.length * OTHER.dim);
    chunks.forEach(({ text }, i) => all.set(vectorsFor(text, 1, OTHER.dim), i * OTHER.dim));
    return Promise.resolve(all);
  };
}

/** Each chunk is found by the vector that the other model gives its text. */
async function assertReplaced(store: Backend): Promise<void> {
  assert.deepEqual(store.model, OTHER);
  for (const { id } of (await store.list({ limit: 1_000 })).documents) {
    const { text } = (await store.get(id))!.chunks[0];
    const { hits } = await store.search({ vector: vectorsFor(text, 1, OTHER.dim), k: 1 });
    assert.equal(hits[0].chunk.text, text);
    assert.ok(hits[0].score > 0.999);
  }
}

describe('replaceVectors', () => {
  it('changes all vectors at once, while the old ones serve', async () => {
    await inFolder(async (folder) => {
      const store = await open(folder);
      await store.put(library(40));
      const question = { text: 'river', vector: vectorsFor('q', 1) };
      const before = await store.search(question);
      const seen: ChunkText[] = [];
      const embed = embedder(seen);
      let during = 0;
      const steps: number[] = [];
      const { chunks } = await store.replaceVectors(
        OTHER,
        async (some) => {
          assert.deepEqual(store.model, MODEL);
          assert.deepEqual(await store.search(question), before);
          const { replacing } = await store.stats();
          assert.deepEqual(replacing?.model, OTHER);
          during++;
          return embed(some);
        },
        // eslint-disable-next-line @typescript-eslint/no-meaningless-void-operator -- says that nothing is waited for
        { batch: 16, onProgress: ({ phase, done }) => void (phase === 'embed' && steps.push(done)) },
      );
      const total = (await store.count()).chunks;
      assert.equal(chunks, total);
      assert.equal(seen.length, total);
      assert.ok(during >= 5);
      assert.equal(steps.at(-1), total);
      assert.deepEqual(Object.keys(seen[0]), ['text', 'title']);
      assert.equal(store.generation, 2);
      await assertReplaced(store);
      assert.equal((await store.stats()).replacing, undefined);
      await fails(store.search(question), {
        code: 'E_DIMENSION',
        message: 'vector must have 8 numbers, as the vectors of the store, but has 16.',
        expected: '8',
        actual: '16',
      });
      assert.deepEqual((await store.verify()).problems, []);
      await store.close();
      const again = await open(folder, { model: OTHER });
      assert.equal(again.opened.how, 'snapshot');
      await assertReplaced(again);
      await again.close();
      await fails(open(folder), {
        code: 'E_MODEL_MISMATCH',
        message: /were made by other-model/,
        expected: /other/,
        actual: /test/,
      });
    });
  });

  it('takes in what comes and goes meanwhile', async () => {
    await withStore(async (store) => {
      await store.put(library(30));
      const embed = embedder();
      let calls = 0;
      await store.replaceVectors(
        OTHER,
        async (some) => {
          const n = calls++;
          if (n < 6) {
            await store.put([entry(`new${String(n)}`, { chunks: [`came in batch ${String(n)}`] })]);
            await store.put([entry(`d${String(n)}`, { chunks: [`changed in batch ${String(n)}`] })]);
            await store.delete([`d${String(20 + n)}`]);
          }
          return embed(some);
        },
        { batch: 8 },
      );
      assert.equal((await store.count()).documents, 30);
      await assertReplaced(store);
      const { index, chunks } = await store.stats();
      assert.equal(index.count, chunks);
    });
  });

  it('goes on where it was after an abort and a restart', async () => {
    await inFolder(async (folder) => {
      const first = await open(folder);
      await first.put(library(30));
      const control = new AbortController();
      const seen: ChunkText[] = [];
      const embed = embedder(seen);
      const running = first.replaceVectors(
        OTHER,
        (some) => {
          if (seen.length >= 24) control.abort(new Error('enough'));
          return embed(some);
        },
        { batch: 8, signal: control.signal },
      );
      await fails(running, {
        code: 'E_ABORTED',
        message: 'The call was aborted.',
        expected: 'a signal that is not aborted',
        actual: 'an aborted one',
      });
      assert.deepEqual(first.model, MODEL);
      const { replacing } = await first.stats();
      assert.equal(replacing?.done, 24);
      await first.close();

      const second = await open(folder);
      assert.deepEqual((await second.stats()).replacing, replacing);
      assert.equal((await second.search({ vector: vectorsFor('d3', 1), k: 1 })).hits.length, 1);
      const rest: ChunkText[] = [];
      await second.replaceVectors(OTHER, embedder(rest), { batch: 8 });
      assert.equal(rest.length, (await second.count()).chunks - 24);
      await assertReplaced(second);
      await second.close();
    });
  });

  it('starts over with another model', async () => {
    await withStore(async (store) => {
      await store.put(library(10));
      const failing = store.replaceVectors(
        { ...OTHER, fingerprint: 'w0' },
        () => Promise.reject(new Error('no model')),
        {},
      );
      await assert.rejects(failing, /no model/);
      assert.equal((await store.stats()).replacing?.done, 0);
      const seen: ChunkText[] = [];
      await store.replaceVectors(OTHER, embedder(seen));
      assert.equal(seen.length, (await store.count()).chunks);
      await assertReplaced(store);
    });
  });

  it('works on an empty store', async () => {
    await withStore(async (store) => {
      assert.deepEqual(await store.replaceVectors(OTHER, embedder()), { chunks: 0 });
      assert.deepEqual(store.model, OTHER);
      await store.put([entry('a', { chunks: ['x'], vectors: vectorsFor('x', 1, OTHER.dim) })]);
      await assertReplaced(store);
    });
  });

  it('is followed by a reader beside it', async () => {
    await inFolder(async (folder) => {
      const store = await open(folder);
      await store.put(library(10));
      const reader = await open(folder, { readOnly: true });
      await store.replaceVectors(OTHER, embedder());
      await reader.refresh();
      await assertReplaced(reader);
      await reader.close();
      await store.close();
    });
  });

  it('refuses vectors that were made for the model before', async () => {
    await withStore(async (store) => {
      await store.put(library(3));
      const same: ModelInfo = { ...MODEL, fingerprint: 'v2' };
      let late: Promise<unknown> | undefined;
      await store.replaceVectors(same, (chunks) => {
        // Waits in the lane behind the change of models, which has begun.
        if (chunks.some(({ text }) => text === 'last')) late ??= store.put([entry('late', { chunks: ['x'] })]);
        else void store.put([entry('last', { chunks: ['last'] })]);
        return Promise.resolve(vectorsFor('any', chunks.length));
      });
      const error = await late?.then(
        () => undefined,
        (thrown: unknown) => thrown as { code: string },
      );
      // Either it came before the change and was embedded too, or it was refused; never stored with a vector of the old model.
      const found = await store.has('late');
      assert.equal(error === undefined, found);
      if (error !== undefined) assert.equal(error.code, 'E_MODEL_MISMATCH');
      await fails(store.put([entry('later', { chunks: ['x'] })], { fingerprint: 'v1' }), {
        code: 'E_MODEL_MISMATCH',
        message:
          'The vectors of this store have the fingerprint v2, not v1. Embed the documents with the model of the store and put them again.',
        expected: 'v2',
        actual: 'v1',
      });
    });
  });

  it('refuses wrong arguments, wrong vectors and a second call', async () => {
    await withStore(async (store) => {
      await store.put(library(3));
      const wrong = { code: 'E_ARGUMENT', expected: /./, actual: /./ } as const;
      await fails(store.replaceVectors('m' as never, embedder()), {
        ...wrong,
        message: 'model must be { name, fingerprint, dim }, but is "m".',
      });
      await fails(store.replaceVectors(OTHER, 'embed' as never), {
        ...wrong,
        message: 'embed must be a function, but is "embed".',
      });
      await fails(store.replaceVectors(OTHER, embedder(), { batch: 0 }), {
        ...wrong,
        code: 'E_RANGE',
        message: 'batch must be an integer from 1 to 10,000, but is 0.',
      });
      await fails(
        store.replaceVectors(OTHER, () => Promise.resolve([1] as never)),
        {
          ...wrong,
          message: 'what embed returned must be a Float32Array, but is an array of 1.',
        },
      );
      await fails(
        store.replaceVectors(OTHER, () => Promise.resolve(new Float32Array(5))),
        {
          ...wrong,
          code: 'E_DIMENSION',
          message: /^embed must return \d+ \* 8 numbers, but returned 5\.$/,
        },
      );
      await fails(
        store.replaceVectors(OTHER, (chunks) => Promise.resolve(new Float32Array(chunks.length * 8).fill(NaN))),
        {
          ...wrong,
          code: 'E_NOT_FINITE',
          message: 'embed returned NaN or infinity for text 0 of its batch.',
        },
      );
      let release = (): void => {};
      const held = new Promise<void>((resolve) => (release = resolve));
      const embed = embedder();
      let called = (): void => {};
      const began = new Promise<void>((resolve) => (called = resolve));
      const first = store.replaceVectors(OTHER, async (chunks) => {
        called();
        await held;
        return embed(chunks);
      });
      await began;
      await fails(store.replaceVectors(OTHER, embedder()), {
        code: 'E_LOCKED',
        message: 'The vectors are being replaced already. Wait for that call, or abort it.',
        expected: 'no other replaceVectors()',
        actual: 'one',
      });
      release();
      await first;
      assert.deepEqual(names((await store.search({ text: 'river' })).hits).length > 0, true);
      await assertReplaced(store);
    });
  });
});
