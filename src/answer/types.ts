/** What goes into an answer, and what comes out. Nothing here runs. */

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
  /** The sentences, where they are word for word those of the passages; empty when a language model wrote the answer. */
  quotes: readonly Quote[];
  /** False when nothing that was found speaks to the question. */
  found: boolean;
  /** For people: what was not as asked for, such as a language model that did not answer. */
  note?: string;
}

export interface AnswerRequest {
  question: string;
  /** Best first. */
  passages: readonly Passage[];
  /** One vector of length 1 a text, `n * dim` floats. */
  embed: (texts: readonly string[], input: 'query' | 'document') => Promise<Float32Array>;
  /** The question's, where it is there already. */
  vector?: Float32Array | undefined;
  /** Sentences at most, of an extractive answer. */
  sentences?: number | undefined;
  /** Score that the best sentence of an extractive answer must reach, 0 to 1. */
  threshold?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** What makes an answer of passages. */
export interface Answerer {
  /** Who answers, such as `extractive` or the name of a language model. */
  readonly model: string;
  /** Changes whenever the same question may get another answer: part of cache keys. */
  readonly fingerprint: string;
  /** Gives the pieces of the answer as they come (none when it comes whole) and returns all of it. */
  answer(request: AnswerRequest): AsyncGenerator<string, Answer, void>;
}
