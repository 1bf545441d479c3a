import { strict as assert } from 'node:assert';
import { CachedEmbedder } from '../../bench/support/vector-cache.js';
import { scoreFts5 } from '../../bench/quality/fts5.js';
import { measure } from '../../bench/quality/measure.js';
import { firstQueries } from '../../bench/quality/retrieval.js';
import { goalsOf, retrievalTable } from '../../bench/quality/tables.js';
import { markdown } from '../../bench/support/page.js';
import { bestWeight } from '../../bench/quality/weight.js';
import type { Embedder } from '../../src/embed/embedder.js';
import type { RetrievalSet } from '../../src/embed/evaluate/sets.js';
import { suiteFolder } from '../lib/support.js';

/** Knows three meanings, each by a word and by another word for the same. */
const MEANINGS = [
  ['cat', 'feline'],
  ['car', 'automobile'],
  ['bread', 'loaf'],
];

class MadeUp implements Embedder {
  readonly model = 'made-up';
  readonly fingerprint = 'made-up-1';
  readonly dim = 4;
  readonly hybridWeight = 0.5;
  embedded = 0;

  async embed(texts: readonly string[]): Promise<Float32Array> {
    this.embedded += texts.length;
    const vectors = new Float32Array(texts.length * this.dim);
    texts.forEach((text, i) => {
      MEANINGS.forEach((words, d) => (vectors[i * 4 + d] = words.some((word) => text.includes(word)) ? 1 : 0));
      const length = Math.hypot(...vectors.subarray(i * 4, i * 4 + 4));
      if (length === 0) vectors[i * 4 + 3] = 1;
      else for (let d = 0; d < 3; d++) vectors[i * 4 + d] = (vectors[i * 4 + d] ?? 0) / length;
    });
    return vectors;
  }

  async close(): Promise<void> {}
}

const set: RetrievalSet = {
  documents: [
    { id: 'd1', text: 'Pets. The cat sleeps all day.' },
    { id: 'd2', text: 'Travel. The car is fast.' },
    { id: 'd3', text: 'Food. The bread is fresh.' },
    { id: 'd4', text: '' },
  ],
  queries: [
    { id: 'q1', text: 'cat' },
    { id: 'q2', text: 'automobile' },
    { id: 'q3', text: 'sleeps' },
  ],
  judgements: new Map([
    ['q1', new Map([['d1', 1]])],
    ['q2', new Map([['d2', 1]])],
    ['q3', new Map([['d1', 1]])],
  ]),
};

describe('bench: quality', function () {
  this.timeout(60_000);
  const folder = suiteFolder();

  it('scores words, vectors and both through a collection', async () => {
    const measured = await measure(
      {
        sets: [{ name: 'scifact', title: 'Made up', test: set, train: firstQueries(set, 1) }],
        models: [{ name: 'made-up', title: 'made up', embedder: new MadeUp() }],
        pairs: [],
        skipped: [],
      },
      { folder: folder('quality'), say: () => undefined },
    );
    const row = (mode: string) => measured.retrieval.find((one) => one.mode === mode);
    // By words alone the automobile is not found, by vectors alone what sleeps is any of the three.
    assert.equal(row('keyword')?.ndcg10, 2 / 3);
    assert.equal(row('fts5')?.ndcg10, 2 / 3);
    assert.equal(row('keyword')?.mrr10, 2 / 3);
    assert.equal(row('vector')?.recall100, 1);
    assert.equal(row('hybrid')?.ndcg10, 1);
    assert.equal(row('hybrid')?.success5, 1);
    assert.equal(row('hybrid')?.weight, 0.5);
    assert.equal(row('hybrid')?.documents, 4);
    assert.equal(row('hybrid')?.chunks, 3);
    assert.equal(row('hybrid')?.queries, 3);
    assert.equal(measured.weights[0]?.shipped, 0.5);
    assert.ok(measured.weights[0]?.scores.every(({ ndcg10 }) => ndcg10 === 1));
    assert.deepEqual(
      goalsOf(measured).map(({ value, met }) => ({ value, met })),
      [{ value: 1, met: true }],
    );
    assert.match(markdown(retrievalTable(measured)), /^\| set \| search .*\n\|---\|.*\n\| scifact \| keyword/);
  });

  it('takes the best weight, and the lower of two that are as good', () => {
    const scores = [0.3, 0.4, 0.5].map((weight, i) => ({ weight, ndcg10: [0.5, 0.7, 0.7][i] ?? 0 }));
    assert.equal(bestWeight(scores), 0.4);
    assert.equal(bestWeight([]), undefined);
  });

  it('reads no question as a query of FTS5', () => {
    const queries = ['"NOT* (', '', 'cat OR'].map((text, i) => ({ id: `q${i}`, text }));
    assert.equal(scoreFts5({ ...set, queries, judgements: new Map([['q2', new Map([['d1', 1]])]]) }).ndcg10, 1);
  });

  it('keeps vectors between runs, those of queries apart, and does without damaged ones', async () => {
    const file = folder('vectors.bin');
    const inner = new MadeUp();
    const first = await CachedEmbedder.open(inner, file);
    const vectors = await first.embed(['a cat', 'a car', 'a cat']);
    assert.equal(inner.embedded, 2);
    const { appendFileSync } = await import('node:fs');
    appendFileSync(file, 'half a record');
    const second = await CachedEmbedder.open(inner, file);
    assert.equal(second.known, 2);
    assert.deepEqual(await second.embed(['a cat', 'a car', 'a cat']), vectors);
    assert.equal(inner.embedded, 2);
    await second.embed(['a cat'], { input: 'query' });
    assert.equal(inner.embedded, 3);
    assert.equal((await CachedEmbedder.open(inner, file)).known, 3);
  });
});
