/** Which weight of the vectors suits a model: looked for on training queries alone, so that the test queries stay a test. */
import type { Collection } from '../../src/collection/collection.js';
import { scoreRankings } from '../../src/embed/evaluate/ranking.js';
import type { RetrievalSet } from '../../src/embed/evaluate/sets.js';
import { rank } from './retrieval.js';

export const WEIGHTS = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8] as const;

export interface WeightScore {
  weight: number;
  ndcg10: number;
}

/** nDCG@10 of hybrid search with each weight. */
export async function scoreWeights(
  collection: Collection,
  { queries, judgements }: RetrievalSet,
  weights: readonly number[] = WEIGHTS,
): Promise<WeightScore[]> {
  const scores: WeightScore[] = [];
  for (const weight of weights) {
    const { ndcg10 } = scoreRankings(await rank(collection, queries, { mode: 'hybrid', weight }), judgements);
    scores.push({ weight, ndcg10 });
  }
  return scores;
}

export function bestWeight(scores: readonly WeightScore[]): number | undefined {
  return scores.reduce<WeightScore | undefined>(
    (best, one) => (best === undefined || one.ndcg10 > best.ndcg10 ? one : best),
    undefined,
  )?.weight;
}
