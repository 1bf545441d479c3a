/** What a fit and its worker thread say to each other. */
import type { VocabularyParts } from '../static/vocabulary.js';
import type { TrainSettings } from './train.js';

export interface FitData {
  vocabulary: VocabularyParts;
  dim: number;
  /** The table, in shared memory; the worker changes it in place. */
  rows: Float32Array;
  /** One vector of length 1 a text, in shared memory. */
  targets: Float32Array;
  settings: TrainSettings;
  seed: number;
  /** Longer texts are cut to so many tokens, as the teacher cuts them. */
  longestText: number;
}

/** Texts in order; the fit starts after those with `last`. */
export interface FitTexts {
  texts: string[];
  last: boolean;
}

/** After a batch; `losses` is the mean loss of each epoch so far. */
export interface FitReport {
  step: number;
  steps: number;
  losses: number[];
  done: boolean;
}
