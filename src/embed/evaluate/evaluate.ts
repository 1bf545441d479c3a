/** How good a model's vectors are: similarity of sentences against people's judgement, and exact dense retrieval. */
import { Index, type LongCallOptions } from '../../../lib/index.js';
import type { Embedder } from '../embedder.js';
import { spearman } from './correlation.js';
import { type RankingScores, scoreRankings } from './ranking.js';
import type { RetrievalSet, SimilaritySet } from './sets.js';

/** Enough for recall@100. */
const DEPTH = 100;

/** Spearman's correlation of the cosine of each pair with its score. */
export async function evaluateSimilarity(
  embedder: Embedder,
  set: SimilaritySet,
  options: LongCallOptions = {},
): Promise<number> {
  const { dim } = embedder;
  const first = await embedder.embed(set.first, options);
  const second = await embedder.embed(set.second, options);
  const cosines = set.scores.map((_, pair) => {
    let cosine = 0;
    for (let d = pair * dim; d < (pair + 1) * dim; d++) cosine += first[d] * second[d];
    return cosine;
  });
  return spearman(cosines, set.scores);
}

/** For each query of a set the documents nearest to it, best first: exact search by cosine. */
export async function denseRankings(
  embedder: Embedder,
  { documents, queries }: RetrievalSet,
  { signal }: LongCallOptions = {},
): Promise<Map<string, string[]>> {
  const given = { ...(signal && { signal }) };
  const textsOf = (records: readonly { text: string }[]): string[] => records.map(({ text }) => text);
  const index = await Index.create({ dim: embedder.dim, metric: 'cosine', type: 'flat' });
  try {
    await index.add(await embedder.embed(textsOf(documents), { ...given, input: 'document' }), given);
    const wanted = await embedder.embed(textsOf(queries), { ...given, input: 'query' });
    const found = await index.search(wanted, Math.min(DEPTH, documents.length), given);
    return new Map(
      queries.map(({ id }, i) => [id, Array.from(found.row(i), (hit) => documents[Number(hit.id)]?.id ?? '')]),
    );
  } finally {
    await index.close();
  }
}

/** Exact dense retrieval over a set, scored. */
export async function evaluateRetrieval(
  embedder: Embedder,
  set: RetrievalSet,
  options: LongCallOptions = {},
): Promise<RankingScores> {
  return scoreRankings(await denseRankings(embedder, set, options), set.judgements);
}
