/** From texts and a teacher to a table: vocabulary, start, fit, few bits. */
import { normaliseRows, principalAxes, project } from '../../dist/src/embed/fit/pca.js';
import { fitTable, TRAIN_DEFAULTS } from '../../dist/src/embed/fit/fit.js';
import { meanVector, rowsFromTeacher, tokenShares } from '../../dist/src/embed/fit/start.js';
import { splitWords, worthKeeping } from '../../dist/src/embed/fit/vocabulary.js';
import { quantise } from '../../dist/src/embed/static/table.js';
import { Vocabulary } from '../../dist/src/embed/static/vocabulary.js';
import { rareWordLists, trainingTexts } from './texts.mjs';

/** How much of each set the fit takes. Chosen on STS-B dev and SciFact's train queries. */
export const PLAN = {
  dim: 256,
  bits: /** @type {4 | 8} */ (4),
  /** A word that the teacher splits gets a row of its own when it is in so many texts. */
  leastTexts: 3,
  /** Those in so many texts are shown to the fit three times, the others twice. */
  frequent: 4,
  /** Sets that the fit sees so often in each epoch: real text is dear to teach, and the nearest to what is searched. */
  repeat: /** @type {Record<string, number>} */ ({ sents: 2, paras: 2, go: 2 }),
  sets: {
    synth: Infinity,
    synth2: Infinity,
    synth3: Infinity,
    synth4: Infinity,
    mix: Infinity,
    examples: 10_000,
    go: 4000,
    glosses: 5000,
    pairs: Infinity,
    sents: 10_000,
    paras: 5500,
  },
};

/**
 * @param {import('./teacher.mjs').Teacher} teacher
 * @param {(name: string, texts: readonly string[]) => Promise<Float32Array>} embed asks the teacher, or its cache
 * @param {{ data: string, onProgress: (progress: import('../../dist/lib/index.js').Progress) => void }} options
 */
export async function makeTable(teacher, embed, { data, onProgress }) {
  const { dim, bits, leastTexts, frequent } = PLAN;
  const found = await trainingTexts(teacher.tokens, data);
  const kept = worthKeeping(teacher.tokens);
  const real = [found.paras, found.sents, found.go, found.goNames, found.glosses, found.examples].flat();
  const split = splitWords(real, Vocabulary.of(kept), leastTexts);
  const words = split.map(({ word }) => word);
  const often = split.filter(({ texts }) => texts >= frequent).length;
  const sets = {
    ...found,
    synth3: rareWordLists(words.slice(0, often), teacher.tokens, { times: 3, seed: 7 }),
    synth4: rareWordLists(words.slice(often), teacher.tokens, { times: 2, seed: 8 }),
  };

  const tokenVectors = await embed('tokens', teacher.tokens);
  const wordVectors = await embed('words', words);
  const rowOf = new Map(teacher.tokens.map((token, row) => [token, row]));
  const vectors = new Float32Array((kept.length + words.length) * teacher.dim);
  kept.forEach((token, i) => {
    const row = Number(rowOf.get(token)) * teacher.dim;
    vectors.set(tokenVectors.subarray(row, row + teacher.dim), i * teacher.dim);
  });
  vectors.set(wordVectors, kept.length * teacher.dim);

  const tokens = [...kept, ...words];
  const vocabulary = Vocabulary.of(tokens);
  const axes = principalAxes(tokenVectors, teacher.dim, dim);
  const shares = tokenShares([...found.sents, ...found.examples.slice(0, 15_000)], vocabulary);
  const start = rowsFromTeacher(vectors, meanVector(tokenVectors, teacher.dim), axes, shares);

  /** @type {string[]} */
  const texts = [];
  /** @type {Float32Array[]} */
  const parts = [];
  /** @type {Record<string, number>} */
  const counts = {};
  for (const [name, most] of Object.entries(PLAN.sets)) {
    const set = sets[/** @type {keyof typeof sets} */ (name)].slice(0, most);
    const targets = normaliseRows(project(await embed(name, set), axes), dim);
    for (let time = PLAN.repeat[name] ?? 1; time > 0; time--) {
      parts.push(targets);
      texts.push(...set);
    }
    counts[name] = set.length;
  }
  const input = { vocabulary, dim, rows: start, texts, targets: joined(parts) };
  const { rows, losses } = await fitTable(input, { onProgress });
  return {
    tokens,
    vocabulary,
    rows,
    table: quantise(rows, dim, bits),
    counts,
    losses,
    kept: axes.kept,
    settings: TRAIN_DEFAULTS,
  };
}

/** @param {readonly Float32Array[]} parts */
function joined(parts) {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
