/** What was measured against what was aimed at, as tables for people. */
import { DEFAULT_MODEL } from '../../src/embed/models/registry.js';
import type { Shown } from '../support/page.js';
import { atLeast, type Goal } from '../support/report.js';
import type { Measured, RetrievalRow } from './measure.js';

type Score = 'ndcg10' | 'success5';

interface Aim {
  set: string;
  score: Score;
  default: number;
  transformer: number;
}

const AIMS: readonly Aim[] = [
  { set: 'scifact', score: 'ndcg10', default: 0.7, transformer: 0.74 },
  { set: 'cranfield', score: 'ndcg10', default: 0.53, transformer: 0.575 },
  { set: 'cranfield', score: 'success5', default: 0.91, transformer: 0.925 },
];
const SCORE_NAMES: Record<Score, string> = { ndcg10: 'nDCG@10', success5: 'success@5' };

/** The aims of hybrid search, for what was measured of it. */
export function goalsOf({ retrieval }: Measured): Goal[] {
  return AIMS.flatMap(({ set, score, ...aims }) =>
    retrieval
      .filter((row) => row.set === set && row.mode === 'hybrid')
      .map((row) => {
        const bound = row.model === DEFAULT_MODEL ? aims.default : aims.transformer;
        return atLeast(`${set} ${SCORE_NAMES[score]}, ${row.model ?? ''}`, row[score], bound, '');
      }),
  );
}

const decimals = (value: number): string => value.toFixed(3);

function rankerOf({ mode, model = '', weight }: RetrievalRow): string {
  if (mode === 'fts5') return 'keyword, by FTS5’s own bm25()';
  if (mode === 'keyword') return 'keyword';
  return mode === 'vector' ? `vector, ${model}` : `hybrid, ${model}, weight ${weight ?? ''}`;
}

export function retrievalTable({ retrieval }: Measured): Shown {
  return {
    head: ['set', 'search', 'nDCG@10', 'recall@100', 'MRR@10', 'success@5'],
    rows: retrieval.map((row) => [
      row.set,
      rankerOf(row),
      ...[row.ndcg10, row.recall100, row.mrr10, row.success5].map(decimals),
    ]),
  };
}

/** nDCG@10 on training queries; the weight of the product is marked. */
export function weightTable({ weights }: Measured): Shown {
  const tried = weights[0]?.scores.map(({ weight }) => weight) ?? [];
  return {
    head: ['model', ...tried.map((weight) => String(weight))],
    rows: weights.map(({ model, shipped, scores }) => [
      model,
      ...scores.map(({ weight, ndcg10 }) => `${decimals(ndcg10)}${weight === shipped ? ' *' : ''}`),
    ]),
  };
}

export function similarityTable({ similarity }: Measured): Shown {
  const splits = [...new Set(similarity.map(({ split }) => split))];
  const models = [...new Set(similarity.map(({ model }) => model))];
  const cell = (model: string, split: string): string => {
    const found = similarity.find((row) => row.model === model && row.split === split);
    return found === undefined ? '-' : decimals(found.spearman);
  };
  return {
    head: ['model', ...splits.map((split) => `STS-B ${split}`)],
    rows: models.map((model) => [model, ...splits.map((split) => cell(model, split))]),
  };
}

export function goalTable(goals: readonly Goal[]): Shown {
  return {
    head: ['hybrid search', 'aim', 'measured', ''],
    rows: goals.map(({ name, goal, value, met }) => [name, goal.trim(), decimals(value), met ? 'met' : 'missed']),
  };
}

/** Of the set's own questions, how many were answered; of another set's, how many were refused. */
export function answeringTable({ answering }: Measured): Shown {
  const percent = (value: number): string => `${(100 * value).toFixed(0)} %`;
  return {
    head: ['set', 'model', ...(answering[0]?.scores.map(({ threshold }) => String(threshold)) ?? [])],
    rows: answering.map(({ set, model, scores }) => [
      set,
      model,
      ...scores.map(({ answered, refused }) => `${percent(answered)} / ${percent(refused)}`),
    ]),
  };
}
