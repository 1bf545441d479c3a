/**
 * An answer made of sentences that were found, word for word and cited: no model writes, so nothing is made up.
 *
 * A sentence scores by what it shares with the question, in meaning (cosine of embeddings) and in words (stems, the rarer the
 * heavier), and by the rank of its passage.
 */
import type { Answer, Answerer, AnswerRequest, Passage, Quote } from './types.js';
import { sentencesOf, type Sentence } from './sentences.js';
import { keyStems, stems } from './words.js';

const WEIGHTS = { meaning: 0.45, words: 0.45, rank: 0.1 };
/** Of the threshold, docs/quality.md shows what it finds and refuses. */
const DEFAULTS = { sentences: 3, threshold: 0.42 };
/** A further sentence must be nearly as good as the best one. */
const NEAR_THE_BEST = 0.7;
/** Sentences that share so much of their words say the same. */
const SAME = 0.6;
/** What a heading above a sentence says counts for less than what it says itself. */
const HEADING = 0.5;

interface Candidate extends Sentence {
  source: number;
  words: Set<string>;
  headings: Set<string>;
}

function candidatesOf(passages: readonly Passage[]): Candidate[] {
  const seen = new Set<string>();
  return passages.flatMap(({ text, headings = [] }, index) => {
    const above = stems(headings.join(' '));
    return sentencesOf(text).flatMap((sentence) => {
      // Passages of one document overlap.
      const key = sentence.text.toLowerCase().replace(/\s+/g, ' ');
      if (seen.has(key)) return [];
      seen.add(key);
      return [{ ...sentence, source: index + 1, words: stems(sentence.text), headings: above }];
    });
  });
}

/** How much a word tells the sentences apart: the rarer, the more. */
function weigh(question: Set<string>, candidates: readonly Candidate[]): Map<string, number> {
  return new Map(
    Array.from(question, (word) => {
      const holders = candidates.filter(({ words }) => words.has(word)).length;
      return [word, Math.log(1 + candidates.length / (1 + holders))];
    }),
  );
}

function share(weights: ReadonlyMap<string, number>, { words, headings }: Candidate): number {
  let all = 0;
  let had = 0;
  for (const [word, weight] of weights) {
    all += weight;
    if (words.has(word)) had += weight;
    else if (headings.has(word)) had += weight * HEADING;
  }
  return all === 0 ? 0 : had / all;
}

function overlap(a: Set<string>, b: Set<string>): number {
  let both = 0;
  for (const word of a) if (b.has(word)) both++;
  return both / Math.max(1, Math.min(a.size, b.size));
}

/** The best first, none that repeats another. */
function choose(scored: readonly (Candidate & { score: number })[], most: number): (Candidate & { score: number })[] {
  const chosen: (Candidate & { score: number })[] = [];
  const best = scored[0]?.score ?? 0;
  for (const candidate of scored) {
    if (chosen.length >= most || candidate.score < best * NEAR_THE_BEST) break;
    if (chosen.some(({ words }) => overlap(words, candidate.words) > SAME)) continue;
    chosen.push(candidate);
  }
  return chosen;
}

export const NOTHING = 'Nothing that was found answers this.';

async function scores(
  { question, embed, vector }: AnswerRequest,
  candidates: readonly Candidate[],
): Promise<(Candidate & { score: number })[]> {
  const said = await embed(
    candidates.map(({ text }) => text),
    'document',
  );
  const dim = said.length / candidates.length;
  // A vector of another length is one of a model that was changed meanwhile.
  const asked = vector?.length === dim ? vector : await embed([question], 'query');
  const weights = weigh(keyStems(question), candidates);
  return candidates
    .map((candidate, at) => {
      let cosine = 0;
      for (let i = 0; i < dim; i++) cosine += asked[i] * said[at * dim + i];
      const score =
        WEIGHTS.meaning * Math.max(0, cosine) +
        WEIGHTS.words * share(weights, candidate) +
        WEIGHTS.rank / candidate.source;
      return { ...candidate, score: Math.min(1, score) };
    })
    .sort((a, b) => b.score - a.score || a.source - b.source || a.start - b.start);
}

/** Answers a question from passages, best first. */
export async function extractiveAnswer(request: AnswerRequest): Promise<Answer> {
  const { passages, sentences = DEFAULTS.sentences, threshold = DEFAULTS.threshold } = request;
  const nothing: Answer = { text: NOTHING, quotes: [], found: false };
  const candidates = candidatesOf(passages);
  if (candidates.length === 0) return nothing;
  const scored = await scores(request, candidates);
  if ((scored[0]?.score ?? 0) < threshold) return nothing;
  const quotes: Quote[] = choose(scored, sentences).map(({ text, source, start, end, score }) => ({
    text,
    source,
    start,
    end,
    score,
  }));
  const text = quotes.map((quote) => `${quote.text.replace(/\s+/g, ' ')} [${quote.source}]`).join(' ');
  return { text, quotes, found: true };
}

/** Answers without a language model. */
export const extractive: Answerer = {
  model: 'extractive',
  fingerprint: 'extractive-1',
  // eslint-disable-next-line require-yield -- it comes whole
  async *answer(request) {
    return extractiveAnswer(request);
  },
};
