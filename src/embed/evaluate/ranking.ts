/** Measures of ranked lists against judgements, as trec_eval has them. */

/** For each query the documents that are relevant to it, with how much (1 when judgements are yes or no). */
export type Judgements = ReadonlyMap<string, ReadonlyMap<string, number>>;

export interface RankingScores {
  /** How good the order of the first 10 is: 1 is the best order there could be. */
  ndcg10: number;
  /** Share of the relevant documents among the first 100. */
  recall100: number;
  /** Mean of 1 / place of the first relevant document, 0 when it is not among the first 10. */
  mrr10: number;
  /** Share of queries with a relevant document among the first 5. */
  success5: number;
  /** Queries that were scored: those with a judgement above 0. */
  queries: number;
}

function discounted(gains: readonly number[]): number {
  return gains.reduce((sum, gain, place) => sum + gain / Math.log2(place + 2), 0);
}

/** Scores of one query. `ranking` is the documents found, best first. */
export function scoreRanking(
  ranking: readonly string[],
  relevant: ReadonlyMap<string, number>,
): Omit<RankingScores, 'queries'> {
  const gains = ranking.map((id) => relevant.get(id) ?? 0);
  const best = [...relevant.values()].filter((gain) => gain > 0).sort((a, b) => b - a);
  const first = gains.findIndex((gain) => gain > 0);
  return {
    ndcg10: discounted(gains.slice(0, 10)) / discounted(best.slice(0, 10)),
    recall100: gains.slice(0, 100).filter((gain) => gain > 0).length / best.length,
    mrr10: first >= 0 && first < 10 ? 1 / (first + 1) : 0,
    success5: first >= 0 && first < 5 ? 1 : 0,
  };
}

/** Mean scores over all queries that have a relevant document. A query without a ranking scores 0. */
export function scoreRankings(rankings: ReadonlyMap<string, readonly string[]>, judgements: Judgements): RankingScores {
  const total: RankingScores = { ndcg10: 0, recall100: 0, mrr10: 0, success5: 0, queries: 0 };
  for (const [query, relevant] of judgements) {
    if (![...relevant.values()].some((gain) => gain > 0)) continue;
    const scores = scoreRanking(rankings.get(query) ?? [], relevant);
    total.queries++;
    total.ndcg10 += scores.ndcg10;
    total.recall100 += scores.recall100;
    total.mrr10 += scores.mrr10;
    total.success5 += scores.success5;
  }
  const { queries } = total;
  if (queries === 0) return total;
  return {
    ndcg10: total.ndcg10 / queries,
    recall100: total.recall100 / queries,
    mrr10: total.mrr10 / queries,
    success5: total.success5 / queries,
    queries,
  };
}
