/** The numbers behind `adaptModel`: new words, the teacher's space turned onto the table's, the fit, and few bits again. */
import { quantise, widen } from '../static/table.js';
import { Vocabulary } from '../static/vocabulary.js';
import { alignedAxes } from './align.js';
import { fitRows } from './fit-rows.js';
import type { AdaptJob, AdaptResult } from './messages.js';
import { normaliseRows, project } from './pca.js';
import { rowsFromPieces } from './start.js';
import { splitWords } from './vocabulary.js';

/** `texts` are all texts, those kept aside first. */
export function adaptTable(
  { table, bits, tokens, taught, taughtDim, own, heldOut, leastTexts, mostWords, ...rest }: AdaptJob,
  texts: readonly string[],
  onStep: (step: number, steps: number) => void,
): AdaptResult {
  const { dim } = table;
  const targets = normaliseRows(project(taught, alignedAxes(taught, taughtDim, own, dim)), dim);
  const learned = texts.slice(heldOut);

  // The new words begin with the sum of their pieces' rows: until the fit every text keeps the vector it had.
  const before = Vocabulary.of(tokens);
  const words = splitWords(learned, before, leastTexts)
    .slice(0, mostWords)
    .map(({ word }) => word);
  const old = widen(table);
  const rows = new Float32Array(old.length + words.length * dim);
  rows.set(old);
  rows.set(rowsFromPieces(words, before, old, dim), old.length);

  const vocabulary = Vocabulary.of([...tokens, ...words]);
  const job = { ...rest, vocabulary, dim, rows, targets: targets.subarray(heldOut * dim) };
  const losses = fitRows(job, learned, onStep);
  return { ...quantise(rows, dim, bits), vocabulary: vocabulary.parts, words, losses };
}
