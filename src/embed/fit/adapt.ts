/**
 * Fits a model to the texts of one collection: `quiver models fit`. A large model, the teacher, embeds the texts; the small one learns to say
 * of them what the teacher says, keeps what it knew of everything else, and stays as quick as it was.
 */
import { QuiverError, checkInteger } from '../../../lib/errors.js';
import type { LongCallOptions } from '../../../lib/index.js';
import { checkEmbed } from '../check.js';
import type { Embedder } from '../embedder.js';
import { neighbourAgreement } from '../evaluate/agreement.js';
import { StaticEmbedder } from '../static/embedder.js';
import type { StaticModel } from '../static/folder.js';
import type { StaticTable } from '../static/table.js';
import { Vocabulary } from '../static/vocabulary.js';
import { jobSettings } from './fit.js';
import type { AdaptJob } from './messages.js';
import { random } from './random.js';
import { inSharedMemory, runJob } from './thread.js';
import type { TrainSettings } from './train.js';

/** Settings of the training default to 10 epochs, and to batches of a fortieth of the texts (16 to 256). */
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
const DEFAULT_EPOCHS = 10;

/** A small collection gets small batches, so that it too is learned in some hundreds of steps. */
function defaultsFor(texts: number): Partial<TrainSettings> {
  return { epochs: DEFAULT_EPOCHS, batch: Math.max(16, Math.min(256, Math.round(texts / 40))) };
}

function distinct(texts: readonly string[], seed: number): string[] {
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

/** Errors: E_ARGUMENT (too few texts), E_RANGE, E_ABORTED, and those of the teacher. */
export async function adaptModel(
  model: StaticModel,
  teacher: Embedder,
  texts: readonly string[],
  options: AdaptOptions = {},
): Promise<Adapted> {
  checkEmbed(texts, options);
  const { name, leastTexts = 4, mostWords = DEFAULT_WORDS, seed = 1, signal, onProgress } = options;
  checkInteger('leastTexts', leastTexts, 1, 2 ** 31);
  checkInteger('mostWords', mostWords, 0, 1_000_000);
  const given = { ...(signal && { signal }) };
  const call = { ...given, ...(onProgress && { onProgress }) };
  const { dim } = model.table;
  const all = distinct(texts, seed);
  const heldOut = Math.min(MOST_HELD_OUT, Math.floor(all.length / HELD_OUT_ONE_IN));

  const taught = await inSharedMemory(await teacher.embed(all, call));
  const own = await inSharedMemory(await embedAll(model, all, given));
  const job: AdaptJob = {
    kind: 'adapt',
    table: { dim, rows: model.table.rows, scales: model.table.scales },
    bits: model.info.bits,
    tokens: model.tokens,
    taught,
    taughtDim: teacher.dim,
    own,
    heldOut,
    leastTexts,
    mostWords,
    ...jobSettings({ ...defaultsFor(all.length - heldOut), ...options }),
  };
  const { words, vocabulary, rows, scales, losses } = await runJob(job, all, call);
  const adapted = {
    info: { ...model.info, name: name ?? `${model.info.name}-fitted`, teacher: teacher.model },
    tokens: [...model.tokens, ...words],
    table: { vocabulary: new Vocabulary(vocabulary), dim, rows, scales },
  };

  const aside = all.slice(0, heldOut);
  const after = await embedAll({ ...adapted, fingerprint: 'not written yet' }, aside, given);
  const theirs = { vectors: taught.slice(0, heldOut * teacher.dim), dim: teacher.dim };
  const agreement = {
    before: await neighbourAgreement(theirs, { vectors: own.slice(0, heldOut * dim), dim }),
    after: await neighbourAgreement(theirs, { vectors: after, dim }),
  };
  return {
    model: adapted,
    newWords: words.length,
    texts: { learned: all.length - heldOut, heldOut },
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
