/**
 * How well a collection finds: documents go in as a user's would, and each query is asked of it by words, by vector and by both. It is
 * the whole way that is measured (chunks, embedding, store, fusion), not a model on its own.
 */
import { Collection } from '../../src/collection/collection.js';
import type { CollectionSearch } from '../../src/collection/types.js';
import type { Embedder } from '../../src/embed/embedder.js';
import { type Judgements, type RankingScores, scoreRankings } from '../../src/embed/evaluate/ranking.js';
import type { DocumentRecord, RetrievalSet, TextRecord } from '../../src/embed/evaluate/sets.js';

export const MODES = ['keyword', 'vector', 'hybrid'] as const;
export type Mode = (typeof MODES)[number];

/** Enough for recall@100; a document stands where its best chunk does. */
const SEARCH: CollectionSearch = { k: 100, perDocument: 1, snippet: 40 };
/** Queries under way at once: the collection's readers always have one waiting. */
const AT_ONCE = 8;

export type Say = (text: string) => void;

export interface Filled {
  collection: Collection;
  documents: number;
  chunks: number;
}

/** A collection of a set's documents, in a folder that does not exist yet. */
export async function fill(
  folder: string,
  model: Embedder,
  documents: readonly DocumentRecord[],
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<Filled> {
  const collection = await Collection.open(folder, { model });
  try {
    const added = await collection.add(documents, { onProgress: ({ done, total }) => onProgress(done, total) });
    await collection.ready();
    return { collection, documents: added.documents, chunks: added.chunks };
  } catch (error) {
    await collection.close();
    throw error;
  }
}

/** For each query the documents found, best first. */
export async function rank(
  collection: Collection,
  queries: readonly TextRecord[],
  how: CollectionSearch,
): Promise<Map<string, string[]>> {
  const rankings = new Map<string, string[]>();
  for (let from = 0; from < queries.length; from += AT_ONCE) {
    const some = queries.slice(from, from + AT_ONCE);
    const answers = await Promise.all(some.map(({ text }) => collection.search(text, { ...SEARCH, ...how })));
    some.forEach(({ id }, i) => rankings.set(id, answers[i]?.hits.map(({ document }) => document.id) ?? []));
  }
  return rankings;
}

/** The scores of each way to search; hybrid with the weight that the model has in the product. */
export async function scoreModes(
  collection: Collection,
  { queries, judgements }: RetrievalSet,
): Promise<Record<Mode, RankingScores>> {
  const score = async (mode: Mode): Promise<RankingScores> =>
    scoreRankings(await rank(collection, queries, { mode }), judgements);
  return { keyword: await score('keyword'), vector: await score('vector'), hybrid: await score('hybrid') };
}

/** The first so many queries of a set, with their judgements alone: the others would score 0. */
export function firstQueries(set: RetrievalSet, count: number): RetrievalSet {
  const queries = set.queries.slice(0, count);
  const judgements: Judgements = new Map(
    queries.flatMap(({ id }) => {
      const relevant = set.judgements.get(id);
      return relevant === undefined ? [] : [[id, relevant]];
    }),
  );
  return { ...set, queries, judgements };
}
