/** Scores of a model on the benchmarks of the shared folder. */
import { join } from 'node:path';
import { evaluateRetrieval, evaluateSimilarity } from '../../dist/src/embed/evaluate/evaluate.js';
import { readRetrievalSet, readSimilaritySet } from '../../dist/src/embed/evaluate/sets.js';

/**
 * @param {import('../../dist/src/embed/embedder.js').Embedder} embedder
 * @param {string} data
 * @returns {Promise<import('./card.mjs').Scores>}
 */
export async function scoresOf(embedder, data) {
  const stsb = async (/** @type {string} */ split) =>
    evaluateSimilarity(embedder, await readSimilaritySet(join(data, 'stsb', `${split}.jsonl`)));
  const scifact = join(data, 'scifact');
  const cranfield = await evaluateRetrieval(embedder, await readRetrievalSet(join(data, 'cranfield')));
  return {
    stsb: { dev: await stsb('dev'), test: await stsb('test') },
    scifact: {
      train: (await evaluateRetrieval(embedder, await readRetrievalSet(scifact, { split: 'train' }))).ndcg10,
      test: (await evaluateRetrieval(embedder, await readRetrievalSet(scifact))).ndcg10,
    },
    cranfield: { all: cranfield.ndcg10, success5: cranfield.success5 },
  };
}
