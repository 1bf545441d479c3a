/** Whether a collection answers what it can and refuses what it cannot: its own set's questions, and another set's. */
import type { Collection } from '../../src/collection/collection.js';
import type { TextRecord } from '../../src/embed/evaluate/sets.js';

export const THRESHOLDS = [0.3, 0.35, 0.4, 0.42, 0.45, 0.5];
const AT_ONCE = 4;

export interface AnsweringScore {
  threshold: number;
  /** Share of the set's own questions that got an answer, and of the other set's that got none. */
  answered: number;
  refused: number;
}

/** The score of the best sentence for each question. */
async function best(collection: Collection, questions: readonly TextRecord[]): Promise<number[]> {
  const scores: number[] = [];
  for (let from = 0; from < questions.length; from += AT_ONCE) {
    const some = questions.slice(from, from + AT_ONCE);
    const asked = await Promise.all(some.map(({ text }) => collection.ask(text, { threshold: 0 })));
    scores.push(...asked.map(({ answer }) => answer.quotes[0]?.score ?? 0));
  }
  return scores;
}

export async function scoreAnswering(
  collection: Collection,
  own: readonly TextRecord[],
  other: readonly TextRecord[],
): Promise<AnsweringScore[]> {
  const [good, bad] = [await best(collection, own), await best(collection, other)];
  const share = (scores: readonly number[], passes: (score: number) => boolean): number =>
    scores.filter(passes).length / Math.max(1, scores.length);
  return THRESHOLDS.map((threshold) => ({
    threshold,
    answered: share(good, (score) => score >= threshold),
    refused: share(bad, (score) => score < threshold),
  }));
}
