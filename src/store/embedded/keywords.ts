/** From a question's text to the BM25 of every chunk. */
import type { Spread } from '../fusion.js';
import { Bm25, type WeightedList } from './bm25.js';
import type { Corpus } from './corpus.js';
import type { PostingLists } from './postings.js';
import type { Term, Tokenizer } from './tokenizer.js';

/** A word in more than this part of the chunks tells little of any, and its list is the longest to read. */
const COMMON = 0.5;
/** In fewer chunks than this the lists are short, and a share says little. */
const COMMON_FROM = 1_000;
/** Of a question with common words alone, so many of the rarest count. */
const COMMON_KEPT = 3;
/** Of a long text that is pasted as a question, the rarest terms count. */
const MAX_TERMS = 48;

export interface Keywords {
  /** Weight of each term that counts. */
  weights: Map<string, number>;
  spread: Spread;
}

export class KeywordSearch {
  readonly bm25 = new Bm25();
  readonly #tokenizer: Tokenizer;
  readonly #lists: PostingLists;
  readonly #corpus: Corpus;

  constructor(tokenizer: Tokenizer, lists: PostingLists, corpus: Corpus) {
    this.#tokenizer = tokenizer;
    this.#lists = lists;
    this.#corpus = corpus;
  }

  /** Scores all chunks; `bm25` then knows them. */
  score(text: string): Keywords {
    const terms = this.#choose(this.#tokenizer.terms(text));
    const { end } = this.#corpus;
    const lists: WeightedList[] = terms.map(({ term, count }) => ({ list: this.#lists.get(term, end), count }));
    const { weights, spread } = this.bm25.score(lists, this.#corpus);
    return { weights: new Map(terms.map(({ term }, i) => [term, weights[i]])), spread };
  }

  #choose(terms: readonly Term[]): Term[] {
    const shares = new Map(terms.map(({ term }) => [term, this.#lists.share(term, this.#corpus)]));
    const share = ({ term }: Term): number => shares.get(term) ?? 0;
    // A stable sort of terms in a fixed order: the same question always adds up in the same order.
    const rarest = terms.filter((term) => share(term) > 0).sort((a, b) => share(a) - share(b));
    if (this.#corpus.count < COMMON_FROM) return rarest.slice(0, MAX_TERMS);
    const telling = rarest.filter((term) => share(term) <= COMMON);
    return (telling.length > 0 ? telling : rarest.slice(0, COMMON_KEPT)).slice(0, MAX_TERMS);
  }
}
