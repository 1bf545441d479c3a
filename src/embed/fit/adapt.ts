/**
 * Fits a model to the texts of one collection: `quiver models fit`. A large model, the teacher, embeds the texts; the small one learns to say
 * of them what the teacher says, keeps what it knew of everything else, and stays as quick as it was.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

import { aborted, checkCall } from '../../../lib/calls.js';
import { QuiverError, checkInteger, wrongArgument } from '../../../lib/errors.js';
import type { LongCallOptions } from '../../../lib/index.js';
import type { Embedder } from '../embedder.js';
import { neighbourAgreement } from '../evaluate/agreement.js';
import type { StaticModel } from '../static/folder.js';
import { StaticEmbedder } from '../static/embedder.js';
import { quantise, type StaticTable, widen } from '../static/table.js';
import { Vocabulary } from '../static/vocabulary.js';
import { alignedAxes } from './align.js';
import { fitTable } from './fit.js';
import { normaliseRows, project } from './pca.js';
import { random } from './random.js';
import { rowsFromPieces } from './start.js';
import type { TrainSettings } from './train.js';
import { splitWords } from './vocabulary.js';

export interface AdaptOptions extends LongCallOptions, Partial<TrainSettings> {
  /** Name of the new model. Default: that of the old one with `-fitted`. */
  name?: string;
  /** A word of the texts that the vocabulary splits gets a row when it is in so many texts. Default 4. */
  leastTexts?: number;
  /** At most so many new words, the most frequent first. Default 20,000. */
  mostWords?: number;
  seed?: number;
}

export interface Adapted {
  model: Pick<StaticModel, 'info' | 'tokens'> & { table: StaticTable };
  /** Words that have a row of their own now. */
  newWords: number;
  /** Texts that were learned from, and those kept aside for the comparison. */
  texts: { learned: number; heldOut: number };
  /** Share of the teacher's 10 nearest neighbours that the model finds among texts that it did not learn from. */
  agreement: { before: number; after: number };
  /** Mean of 1 - cosine to the teacher, for each epoch. */
  losses: number[];
}

/** With fewer texts neither the axes nor the comparison mean anything. */
const FEWEST_TEXTS = 100;
/** One text in so many is kept aside, up to the most that a comparison needs. */
const HELD_OUT_ONE_IN = 10;
const MOST_HELD_OUT = 1000;
const DEFAULT_WORDS = 20_000;

function distinct(texts: readonly string[], seed: number): string[] {
  if (!Array.isArray(texts)) throw wrongArgument('texts', 'an array of strings', texts);
  texts.forEach((text: unknown, i) => {
    if (typeof text !== 'string') throw wrongArgument(`texts[${i}]`, 'a string', text);
  });
  const found = [...new Set(texts)].filter((text) => text.trim() !== '');
  if (found.length < FEWEST_TEXTS) {
    const message = `Fitting needs at least ${FEWEST_TEXTS} different texts, but there are ${found.length}. Add documents first.`;
    throw new QuiverError('E_ARGUMENT', message, {
      expected: `at least ${FEWEST_TEXTS}`,
      actual: String(found.length),
    });
  }
  return random(seed).shuffle(found);
}

/** The model with rows for the words of the texts that it would split. Every vector stays what it was. */
function grown(model: StaticModel, texts: readonly string[], least: number, most: number) {
  const { dim, vocabulary } = model.table;
  const words = splitWords(texts, vocabulary, least)
    .slice(0, most)
    .map(({ word }) => word);
  const old = widen(model.table);
  const rows = new Float32Array(old.length + words.length * dim);
  rows.set(old);
  rows.set(rowsFromPieces(words, vocabulary, old, dim), old.length);
  return { words, rows, tokens: [...model.tokens, ...words] };
}

/** Errors: E_ARGUMENT (too few texts), E_RANGE, E_ABORTED, and those of the teacher. */
export async function adaptModel(
  model: StaticModel,
  teacher: Embedder,
  texts: readonly string[],
  options: AdaptOptions = {},
): Promise<Adapted> {
  checkCall(options);
  const { name, leastTexts = 4, mostWords = DEFAULT_WORDS, seed = 1, ...call } = options;
  checkInteger('leastTexts', leastTexts, 1, 2 ** 31);
  checkInteger('mostWords', mostWords, 0, 1_000_000);
  const { signal } = call;
  const given = { ...(signal && { signal }) };
  const { dim } = model.table;
  const all = distinct(texts, seed);
  const heldOut = Math.min(MOST_HELD_OUT, Math.floor(all.length / HELD_OUT_ONE_IN));

  const taught = await teacher.embed(all, { ...given, ...(call.onProgress && { onProgress: call.onProgress }) });
  const before = await embedAll(model, all, given);
  const axes = alignedAxes(taught, teacher.dim, before, dim);
  await nextTurn();
  if (signal?.aborted === true) throw aborted(signal);
  const targets = normaliseRows(project(taught, axes), dim);

  const learned = all.slice(heldOut);
  const { words, rows: start, tokens } = grown(model, learned, leastTexts, mostWords);
  const vocabulary = Vocabulary.of(tokens);
  const input = { vocabulary, dim, rows: start, texts: learned, targets: targets.subarray(heldOut * dim) };
  const { rows, losses } = await fitTable(input, { ...call, seed });
  const table: StaticTable = { vocabulary, dim, ...quantise(rows, dim, model.info.bits) };
  const info = { ...model.info, name: name ?? `${model.info.name}-fitted`, teacher: teacher.model };

  const after = await embedAll({ info, table, tokens, fingerprint: '' }, all.slice(0, heldOut), given);
  const theirs = { vectors: taught.subarray(0, heldOut * teacher.dim), dim: teacher.dim };
  const agreement = {
    before: await neighbourAgreement(theirs, { vectors: before.subarray(0, heldOut * dim), dim }),
    after: await neighbourAgreement(theirs, { vectors: after, dim }),
  };
  return {
    model: { info, tokens, table },
    newWords: words.length,
    texts: { learned: learned.length, heldOut },
    agreement,
    losses,
  };
}

async function embedAll(model: StaticModel, texts: readonly string[], options: LongCallOptions): Promise<Float32Array> {
  const embedder = new StaticEmbedder(model);
  try {
    return await embedder.embed(texts, options);
  } finally {
    await embedder.close();
  }
}
