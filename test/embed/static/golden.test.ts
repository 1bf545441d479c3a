/**
 * The shipped model says today what it said when it was made. Collections hold its vectors: a change of the tokenizer, of the reader or of the
 * arithmetic that moves them must not go unseen. A new model brings new numbers here and a new version in its config.
 */
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { evaluateRetrieval, evaluateSimilarity } from '../../../src/embed/evaluate/evaluate.js';
import { readRetrievalSet, readSimilaritySet } from '../../../src/embed/evaluate/sets.js';
import { defaultModelFolder, openStaticEmbedder, type StaticEmbedder } from '../../../src/embed/static/embedder.js';
import { needShared } from '../../support/skip.js';

const FINGERPRINT = '9faca61a6ca5b3a76cc60570400175ed91ed137b73d4315b55010bd061d87da7';

/** The first eight numbers of each vector. */
const GOLDEN: readonly (readonly [text: string, start: readonly number[]])[] = [];

describe('embed/static: the shipped model', () => {
  let embedder: StaticEmbedder;
  before(async () => {
    embedder = await openStaticEmbedder();
  });
  after(() => embedder.close());

  it('is the one that these tests were written for', () => {
    assert.equal(embedder.fingerprint, FINGERPRINT);
  });

  it('gives the vectors that it gave', async () => {
    const vectors = await embedder.embed(GOLDEN.map(([text]) => text));
    GOLDEN.forEach(([text, start], i) => {
      const found = vectors.subarray(i * embedder.dim, i * embedder.dim + start.length);
      start.forEach((wanted, d) =>
        assert.ok(Math.abs(found[d] - wanted) < 2e-5, `${text}, ${d}: ${found[d]}, not ${wanted}`),
      );
    });
  });

  /** The row of the model in the table of its card: STS-B dev and test, SciFact train and test, Cranfield. */
  const card = (): number[] => {
    const text = readFileSync(join(defaultModelFolder(), 'README.md'), 'utf8');
    const row = text.split('\n').find((line) => line.startsWith('| quiver-static-256 |'));
    return (row ?? '').split('|').slice(2, 7).map(Number);
  };
  const near = (found: number, wanted: number): void =>
    assert.ok(Math.abs(found - wanted) <= 0.0006, `${found} found, ${wanted} in the card`);

  it('is as good at similarity as its card says', async function () {
    const dev = await readSimilaritySet(needShared(this, 'data', 'stsb', 'dev.jsonl'));
    const test = await readSimilaritySet(needShared(this, 'data', 'stsb', 'test.jsonl'));
    near(await evaluateSimilarity(embedder, dev), card()[0]);
    near(await evaluateSimilarity(embedder, test), card()[1]);
    assert.ok(card()[0] >= 0.83 && card()[1] >= 0.77, 'what the default model must reach');
  });

  it('is as good at retrieval as its card says', async function () {
    const scifact = await readRetrievalSet(needShared(this, 'data', 'scifact'));
    const cranfield = await readRetrievalSet(needShared(this, 'data', 'cranfield'));
    near((await evaluateRetrieval(embedder, scifact)).ndcg10, card()[3]);
    near((await evaluateRetrieval(embedder, cranfield)).ndcg10, card()[4]);
    assert.ok(card()[3] >= 0.52 && card()[4] >= 0.43, 'what the default model must reach');
  });
});
