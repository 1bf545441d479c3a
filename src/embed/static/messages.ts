/** What the embedder and its worker thread say to each other. */
import type { StaticTable } from './table.js';
import type { VocabularyParts } from './vocabulary.js';

/** The table as it travels: its memory is shared, not copied. */
export interface WorkerData extends Omit<StaticTable, 'vocabulary'> {
  vocabulary: VocabularyParts;
}

/** A batch of one call. A text may come in parts, in batches that follow one another. */
export interface Batch {
  call: number;
  texts: string[];
  /** The first text goes on from the batch before. */
  continued: boolean;
  /** The last text goes on in the next batch. */
  open: boolean;
}

/** The call was given up: forget what is left of it. */
export interface Forget {
  call: number;
  forget: true;
}

/** Vectors of the texts that ended in a batch. */
export interface Answer {
  call: number;
  vectors: Float32Array<ArrayBuffer>;
}
