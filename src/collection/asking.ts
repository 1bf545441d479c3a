/** From a question to an answer with sources, by way of search. */
import type { CallOptions } from '../../lib/index.js';
import { extractiveAnswer } from '../answer/extractive.js';
import type { Passage } from '../answer/types.js';
import type { Embedder } from '../embed/embedder.js';
import type { Backend, Hit } from '../store/backend.js';
import type { AskOptions, Asked, CollectionSearch, Retrieved } from './types.js';
import { checkText } from './check.js';

const K = 8;
/** A document that says the same in every chunk should not be all that is heard. */
const PER_DOCUMENT = 3;

/** The hits for a text: by its words, by its vector, or both. */
export async function retrieve(
  backend: Backend,
  embedder: Embedder,
  text: string,
  options: CollectionSearch,
): Promise<Retrieved> {
  checkText('query', text);
  const { mode, weight = embedder.hybridWeight, signal } = options;
  const began = performance.now();
  const call: CallOptions = signal === undefined ? {} : { signal };
  const vector = mode === 'keyword' ? undefined : await embedder.embed([text], { ...call, input: 'query' });
  const embed = (performance.now() - began) / 1000;
  const { fingerprint } = embedder;
  const { hits, generation } = await backend.search({
    ...options,
    weight,
    text,
    ...(vector && { vector, fingerprint }),
  });
  const search = (performance.now() - began) / 1000 - embed;
  return { hits, generation, ...(vector && { vector }), seconds: { embed, search } };
}

/** Hits as those who answer read them. */
export function passagesOf(hits: readonly Hit[]): Passage[] {
  return hits.map(({ chunk, document }) => ({
    text: chunk.text,
    headings: [...(document.title === undefined ? [] : [document.title]), ...(chunk.headings ?? [])],
  }));
}

/** What an answer is made of when nothing else is said. */
export const ASKING = { k: K, perDocument: PER_DOCUMENT } as const;

export async function ask(
  backend: Backend,
  embedder: Embedder,
  question: string,
  options: AskOptions = {},
): Promise<Asked> {
  const { sentences, threshold, ...rest } = options;
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const {
    hits,
    generation,
    vector,
    seconds: spent,
  } = await retrieve(backend, embedder, question, { ...ASKING, ...rest });
  const retrieved = seconds();
  const { signal } = rest;
  const answer = await extractiveAnswer({
    question,
    passages: passagesOf(hits),
    embed: (texts, input) => embedder.embed(texts, { input, ...(signal && { signal }) }),
    vector,
    sentences,
    threshold,
  });
  const cited = [...new Set(answer.quotes.map(({ source }) => source))].sort((a, b) => a - b);
  const total = seconds();
  return {
    answer,
    sources: cited.flatMap((number) => {
      const hit = hits[number - 1];
      return hit === undefined ? [] : [{ number, hit }];
    }),
    hits,
    timings: { embed: spent.embed, retrieve: spent.search, answer: total - retrieved, total },
    generation,
  };
}
