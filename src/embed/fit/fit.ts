/** Fits a table to a teacher's vectors, in a worker thread. `train.ts` has the mathematics. */
import { checkCall } from '../../../lib/calls.js';
import { QuiverError } from '../../../lib/errors.js';
import type { LongCallOptions } from '../../../lib/index.js';
import type { Vocabulary } from '../static/vocabulary.js';
import type { FitJob } from './messages.js';
import { inSharedMemory, runJob } from './thread.js';
import type { TrainSettings } from './train.js';

export interface FitInput {
  vocabulary: Vocabulary;
  dim: number;
  /** The table to begin with, `tokens * dim`. It is not changed. */
  rows: Float32Array;
  texts: readonly string[];
  /** The teacher's vectors in the space of the table, one of length 1 a text. */
  targets: Float32Array;
}

export interface FitOptions extends LongCallOptions, Partial<TrainSettings> {
  /** The same seed gives the same table. Default 1. */
  seed?: number;
  /** Tokens of a text that count. Default 256, as for most teachers. */
  longestText?: number;
}

export interface Fitted {
  rows: Float32Array;
  /** Mean of 1 - cosine to the teacher, for each epoch. */
  losses: number[];
}

/** Found on sentences and lists of words; the table depends on them little. */
export const TRAIN_DEFAULTS: TrainSettings = { epochs: 5, batch: 256, learningRate: 3e-3, warmUp: 50 };

/** The settings of a job, out of the options of a call. */
export function jobSettings({ seed = 1, longestText = 256, epochs, batch, learningRate, warmUp }: FitOptions) {
  const given = { epochs, batch, learningRate, warmUp };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { settings: { ...TRAIN_DEFAULTS, ...(set as Partial<TrainSettings>) }, seed, longestText };
}

function checkInput({ vocabulary, dim, rows, texts, targets }: FitInput): void {
  const check = (name: string, actual: number, expected: number): void => {
    if (actual === expected) return;
    const message = `${name} must hold ${expected} numbers, but has ${actual}.`;
    throw new QuiverError('E_DIMENSION', message, { expected: String(expected), actual: String(actual) });
  };
  check('rows', rows.length, vocabulary.size * dim);
  check('targets', targets.length, texts.length * dim);
  if (texts.length > 0) return;
  throw new QuiverError('E_ARGUMENT', 'texts must hold at least one text to fit to, but is empty.', {
    expected: 'at least one text',
    actual: 'none',
  });
}

/** Errors: E_ARGUMENT, E_DIMENSION, E_ABORTED. */
export async function fitTable(input: FitInput, options: FitOptions = {}): Promise<Fitted> {
  checkCall(options);
  checkInput(input);
  const rows = await inSharedMemory(input.rows);
  const job: FitJob = {
    kind: 'fit',
    vocabulary: input.vocabulary.parts,
    dim: input.dim,
    rows,
    targets: await inSharedMemory(input.targets),
    ...jobSettings(options),
  };
  const { losses } = await runJob(job, input.texts, options);
  return { rows, losses };
}
