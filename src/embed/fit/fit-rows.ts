/** A fit from texts: tokens first, then training, with the mean loss of each epoch. */
import { Tokenizer } from '../static/tokenizer.js';
import type { Vocabulary } from '../static/vocabulary.js';
import type { FitJob } from './messages.js';
import { random } from './random.js';
import { type TokenTexts, train } from './train.js';

/** All texts as tokens in a row. */
function tokenTexts(texts: readonly string[], vocabulary: Vocabulary, longest: number): TokenTexts {
  const tokenizer = new Tokenizer(vocabulary);
  const encoded = texts.map((text) => tokenizer.encode(text).slice(0, longest));
  const starts = new Int32Array(encoded.length + 1);
  encoded.forEach((ids, i) => (starts[i + 1] = starts[i] + ids.length));
  const ids = new Int32Array(starts[encoded.length]);
  encoded.forEach((tokens, i) => ids.set(tokens, starts[i]));
  return { ids, starts };
}

/** Changes `rows` in place. Returns the mean of 1 - cosine to the teacher, for each epoch. */
export function fitRows(
  {
    vocabulary,
    dim,
    rows,
    targets,
    settings,
    seed,
    longestText,
  }: Omit<FitJob, 'kind' | 'vocabulary'> & { vocabulary: Vocabulary },
  texts: readonly string[],
  onStep: (step: number, steps: number) => void,
): number[] {
  const losses: number[] = [];
  let [sum, batches] = [0, 0];
  const onBatch = (step: number, steps: number, loss: number): void => {
    sum += loss;
    batches++;
    if (batches === steps / settings.epochs) {
      losses.push(sum / batches);
      [sum, batches] = [0, 0];
    }
    onStep(step, steps);
  };
  const encoded = tokenTexts(texts, vocabulary, longestText);
  train({ ...settings, rows, dim, texts: encoded, targets, random: random(seed), onBatch });
  return losses;
}
