/** What goes into an answer, and what comes out. */

/** A piece of text that was found for a question, best first. */
export interface Passage {
  text: string;
  /** The headings above it: they often name what its sentences only call `it`. */
  headings?: readonly string[];
}

/** A sentence of an answer, and where it stands. */
export interface Quote {
  text: string;
  /** Number of its passage, from 1, as cited in the answer. */
  source: number;
  /** Where it starts and ends in the text of its passage, in UTF-16 units. */
  start: number;
  end: number;
  /** 0 to 1: how well it fits the question. */
  score: number;
}

export interface Answer {
  /** Sentences with their citations, such as `... [1]`; an honest sentence when nothing fits. */
  text: string;
  quotes: readonly Quote[];
  /** False when nothing that was found speaks to the question. */
  found: boolean;
}
