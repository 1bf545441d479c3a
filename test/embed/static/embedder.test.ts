import { strict as assert } from 'node:assert';
import fc from 'fast-check';

import type { Progress } from '../../../lib/index.js';
import { BATCH_UNITS } from '../../../src/embed/static/batches.js';
import { defaultModelFolder, openStaticEmbedder, type StaticEmbedder } from '../../../src/embed/static/embedder.js';
import { Encoder } from '../../../src/embed/static/encoder.js';
import { readStaticModel, type StaticModel } from '../../../src/embed/static/folder.js';
import { cosine, fails } from '../support.js';

describe('embed/static: the embedder', () => {
  let embedder: StaticEmbedder;
  let model: StaticModel;

  before(async () => {
    model = await readStaticModel(defaultModelFolder());
    embedder = await openStaticEmbedder();
  });
  after(() => embedder.close());

  /** What one plain loop gives. */
  const plain = (texts: readonly string[]): Float32Array => {
    const encoder = new Encoder(model.table);
    const out = new Float32Array(texts.length * model.table.dim);
    texts.forEach((text, i) => encoder.encode(text, out, i * model.table.dim));
    return out;
  };
  const sentences = (count: number): string[] =>
    Array.from(
      { length: count },
      (_, i) => `Package number ${i} reads ${i % 7} sensors, and writes what they say to disk.`,
    );

  it('says what it is', () => {
    const { dim, hybridWeight } = embedder;
    assert.deepEqual([embedder.model, dim, hybridWeight], ['quiver-static-256', 256, 0.5]);
    assert.match(embedder.fingerprint, /^[0-9a-f]{64}$/);
  });

  it('gives vectors of length 1 that put like texts together', async () => {
    const texts = [
      'How do I reset my password?',
      'I forgot my login credentials',
      'The recipe needs two eggs and some flour',
    ];
    const all = await embedder.embed(texts);
    const [a, b, c] = [0, 256, 512].map((at) => all.subarray(at, at + 256)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    for (const vector of [a, b, c]) assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-6);
    assert.ok(cosine(a, b) > cosine(a, c) + 0.2, `${cosine(a, b)} and ${cosine(a, c)}`);
  });

  it('gives zeros for a text without tokens, and nothing for no text', async () => {
    const vectors = await embedder.embed(['', ' \n\t', '\u200b\u0000', '\ud800', 'word']);
    assert.ok(vectors.subarray(0, 4 * 256).every((value) => value === 0));
    assert.ok(vectors.subarray(4 * 256).some((value) => value !== 0));
    assert.equal((await embedder.embed([])).length, 0);
  });

  it('gives each text the same vector alone, among others, in one turn or on the thread', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.constantFrom(
        'long words '.repeat(9000),
        'x'.repeat(BATCH_UNITS + 5),
        `${'a'.repeat(BATCH_UNITS - 1)}👍👍 end`,
        '👍'.repeat(BATCH_UNITS),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 12 }), async (texts) => {
        assert.deepEqual(await embedder.embed(texts), plain(texts));
      }),
      { numRuns: 60 },
    );
  });

  it('keeps the order of many texts over many batches', async () => {
    const texts = sentences(4000);
    assert.deepEqual(await embedder.embed(texts), plain(texts));
  });

  it('keeps calls apart that run at the same time, also in the middle of long texts', async () => {
    const lists = Array.from({ length: 6 }, (_, i) => [
      `call ${i} `.repeat(40_000),
      ...sentences(500),
      `end ${i} `.repeat(30_000),
    ]);
    const all = await Promise.all(lists.map((texts) => embedder.embed(texts)));
    all.forEach((vectors, i) => assert.deepEqual(vectors, plain(lists[i])));
  });

  it('lets the event loop turn while it works', async () => {
    for (const texts of [['inline '.repeat(9000)], sentences(20_000)]) {
      let turns = 0;
      let over = false;
      const turn = (): void => {
        turns++;
        if (!over) setImmediate(turn);
      };
      setImmediate(turn);
      await embedder.embed(texts);
      over = true;
      assert.ok(turns >= 3, `${turns} turns of the loop for ${texts.length} texts`);
    }
  });

  it('reports progress up to the end, once', async () => {
    const seen: Progress[] = [];
    await embedder.embed(sentences(8000), { onProgress: (progress) => seen.push(progress) });
    assert.ok(seen.every(({ phase, total }) => phase === 'embed' && total === 8000));
    assert.ok(seen.every(({ done }, i) => i === 0 || done >= seen[i - 1].done));
    assert.equal(seen.filter(({ done }) => done === 8000).length, 1);
    assert.equal(seen.at(-1)?.done, 8000);
  });

  it('rejects with what a progress callback throws', async () => {
    const thrown = new Error('from the callback');
    const onProgress = (): never => {
      throw thrown;
    };
    for (const texts of [['short'], sentences(8000)]) {
      await assert.rejects(embedder.embed(texts, { onProgress }), (error) => error === thrown);
    }
    assert.deepEqual(await embedder.embed(['after it']), plain(['after it']));
  });

  for (const [where, texts] of [
    ['inline', ['slow '.repeat(12_000)]],
    ['on the thread', ['slow '.repeat(400_000), 'next']],
  ] as const) {
    it(`is aborted in the middle ${where}, and goes on with the next call`, async () => {
      const controller = new AbortController();
      const reason = new Error('enough');
      const work = embedder.embed(texts, { signal: controller.signal });
      setImmediate(() => controller.abort(reason));
      const error = await fails(work, {
        code: 'E_ABORTED',
        message: 'The call was aborted.',
        expected: 'a signal that is not aborted',
        actual: 'an aborted one',
      });
      assert.equal(error.cause, reason);
      const next = ['goes on', ...sentences(3000)];
      assert.deepEqual(await embedder.embed(next), plain(next));
    });
  }

  it('refuses a signal that is aborted already', () =>
    fails(embedder.embed(['a'], { signal: AbortSignal.abort() }), {
      code: 'E_ABORTED',
      message: 'The call was aborted.',
      expected: 'a signal that is not aborted',
      actual: 'an aborted one',
    }));

  it('refuses what is no list of strings', async () => {
    await fails(embedder.embed('text' as never), {
      code: 'E_ARGUMENT',
      message: 'texts must be an array of strings, but is "text".',
      expected: 'an array of strings',
      actual: '"text"',
    });
    for (const before of [1, 5000]) {
      await fails(embedder.embed([...sentences(before), 7 as never]), {
        code: 'E_ARGUMENT',
        message: `texts[${before}] must be a string, but is 7.`,
        expected: 'a string',
        actual: '7',
      });
    }
  });

  it('refuses more texts than there is memory for', () =>
    fails(embedder.embed(new Array<string>(2 ** 32 - 1)), {
      code: 'E_OUT_OF_MEMORY',
      message:
        'The vectors of 4294967295 texts need 4398046510080 bytes at once, which there are not. Embed fewer texts a call.',
      expected: '4398046510080 bytes',
      actual: 'less',
    }));

  it('waits for running calls on close, then refuses new ones', async () => {
    const other = await openStaticEmbedder();
    const texts = sentences(4000);
    const running = other.embed(texts);
    await other.close();
    assert.deepEqual(await running, plain(texts));
    await other.close();
    await fails(other.embed(['late']), {
      code: 'E_CLOSED',
      message: 'The model quiver-static-256 was closed. Open it again to embed.',
    });
  });
});
