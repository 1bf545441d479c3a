/** What a fit and its worker thread say to each other. All arrays lie in shared memory, so nothing large is copied. */
import type { StaticTable } from '../static/table.js';
import type { VocabularyParts } from '../static/vocabulary.js';
import type { TrainSettings } from './train.js';

interface JobSettings {
  settings: TrainSettings;
  seed: number;
  /** Longer texts are cut to so many tokens, as the teacher cuts them. */
  longestText: number;
}

/** Fit the rows of a table to vectors in its own space. */
export interface FitJob extends JobSettings {
  kind: 'fit';
  vocabulary: VocabularyParts;
  dim: number;
  /** The table; the worker changes it in place. */
  rows: Float32Array;
  /** One vector of length 1 a text. */
  targets: Float32Array;
}

/** Fit a model to vectors in a teacher's space, after giving it rows for new words. */
export interface AdaptJob extends JobSettings {
  kind: 'adapt';
  table: Omit<StaticTable, 'vocabulary'>;
  bits: 4 | 8;
  tokens: readonly string[];
  /** The teacher's vectors of all texts, and the model's own. */
  taught: Float32Array;
  taughtDim: number;
  own: Float32Array;
  /** The first so many texts are kept aside: they count for the axes only. */
  heldOut: number;
  leastTexts: number;
  mostWords: number;
}

export type Job = FitJob | AdaptJob;

/** Texts in order; the work starts after those with `last`. */
export interface JobTexts {
  texts: string[];
  last: boolean;
}

export interface JobProgress {
  step: number;
  steps: number;
}

export interface FitResult {
  /** Mean of 1 - cosine to the teacher, for each epoch. */
  losses: number[];
}

export interface AdaptResult extends FitResult, Pick<StaticTable, 'rows' | 'scales'> {
  vocabulary: VocabularyParts;
  /** Words that have a row of their own now. */
  words: string[];
}

export type JobResult<T extends Job> = T extends AdaptJob ? AdaptResult : FitResult;
export type JobMessage = JobProgress | { result: FitResult | AdaptResult };
