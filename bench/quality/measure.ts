/** All that `npm run bench:quality` measures, in the order in which it is shown. */
import { join } from 'node:path';
import type { RankingScores } from '../../src/embed/evaluate/ranking.js';
import { evaluateSimilarity } from '../../src/embed/evaluate/evaluate.js';
import { readSimilaritySet } from '../../src/embed/evaluate/sets.js';
import { scoreFts5 } from './fts5.js';
import { type AnsweringScore, scoreAnswering } from './answering.js';
import { fill, firstQueries, type Filled, type Mode, MODES, type Say, scoreModes } from './retrieval.js';
import type { NamedModel, NamedSet, Sources } from './sources.js';
import { bestWeight, scoreWeights, type WeightScore } from './weight.js';

export interface RetrievalRow extends RankingScores {
  set: string;
  /** Absent where no vectors play a part. */
  model?: string;
  mode: Mode | 'fts5';
  /** Of the vectors, in a hybrid search. */
  weight?: number;
  documents: number;
  chunks?: number;
}

export interface WeightRow {
  model: string;
  set: string;
  /** What the product has. */
  shipped: number;
  best: number | undefined;
  scores: WeightScore[];
}

export interface SimilarityRow {
  model: string;
  split: string;
  spearman: number;
}

export interface AnsweringRow {
  model: string;
  set: string;
  scores: AnsweringScore[];
}

export interface Measured {
  retrieval: RetrievalRow[];
  answering: AnsweringRow[];
  weights: WeightRow[];
  similarity: SimilarityRow[];
}

export interface MeasureOptions {
  /** For collections; removed by the caller. */
  folder: string;
  say: Say;
  /** Only so many queries of each set. */
  queries?: number;
}

const PROGRESS_MS = 5_000;
/** Asked of each set. */
const QUESTIONS = 225;

/** Says how far it is every few seconds. */
function sayProgress(say: Say, what: string): (done: number, total: number) => void {
  let last = performance.now();
  return (done, total) => {
    if (performance.now() - last < PROGRESS_MS) return;
    last = performance.now();
    say(`${what}: ${done} of ${total} documents`);
  };
}

async function measureSet(
  measured: Measured,
  { name: model, title, embedder }: NamedModel,
  { name: set, title: setTitle, test, train }: NamedSet,
  other: NamedSet | undefined,
  { folder, say, queries = Infinity }: MeasureOptions,
): Promise<void> {
  const what = `${setTitle}, ${title}`;
  say(`${what}: adding ${test.documents.length} documents`);
  const filled: Filled = await fill(join(folder, `${set}-${model}`), embedder, test.documents, sayProgress(say, what));
  const { collection, documents, chunks } = filled;
  try {
    say(`${what}: searching`);
    const scores = await scoreModes(collection, firstQueries(test, queries));
    const known = measured.retrieval.some((row) => row.set === set && row.mode === 'keyword');
    for (const mode of MODES.filter((one) => one !== 'keyword' || !known)) {
      const weight = mode === 'hybrid' ? { weight: embedder.hybridWeight } : {};
      const using = mode === 'keyword' ? {} : { model };
      measured.retrieval.push({ set, ...using, mode, ...weight, documents, chunks, ...scores[mode] });
    }
    if (other !== undefined) {
      say(`${what}: asking its own questions, and ${other.title}'s`);
      // Chosen on training queries, where there are some.
      const [own, foreign] = [train ?? test, other.train ?? other.test].map((one) =>
        one.queries.slice(0, Math.min(queries, QUESTIONS)),
      );
      measured.answering.push({ model, set, scores: await scoreAnswering(collection, own ?? [], foreign ?? []) });
    }
    if (train === undefined) return;
    say(`${what}: trying weights on training queries`);
    const tried = await scoreWeights(collection, firstQueries(train, queries));
    measured.weights.push({ model, set, shipped: embedder.hybridWeight, best: bestWeight(tried), scores: tried });
  } finally {
    await collection.close();
  }
}

export async function measure({ sets, models, pairs }: Sources, options: MeasureOptions): Promise<Measured> {
  const measured: Measured = { retrieval: [], answering: [], weights: [], similarity: [] };
  const { say, queries = Infinity } = options;
  for (const set of sets) {
    say(`${set.title}: FTS5's own ranking`);
    const scores = scoreFts5(firstQueries(set.test, queries));
    measured.retrieval.push({ set: set.name, mode: 'fts5', documents: set.test.documents.length, ...scores });
    const other = sets.find((one) => one !== set);
    for (const model of models) await measureSet(measured, model, set, other, options);
  }
  for (const { split, file } of pairs) {
    const pairsOf = await readSimilaritySet(file);
    for (const { name, title, embedder } of models) {
      say(`STS-B ${split}, ${title}`);
      measured.similarity.push({ model: name, split, spearman: await evaluateSimilarity(embedder, pairsOf) });
    }
  }
  return measured;
}
