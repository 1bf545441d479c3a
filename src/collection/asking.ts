/** From a question to an answer with sources, by way of search. */
import type { CallOptions } from '../../lib/index.js';
import { extractiveAnswer } from '../answer/extractive.js';
import type { Embedder } from '../embed/embedder.js';
import type { Backend } from '../store/backend.js';
import type { AskOptions, Asked, CollectionSearch } from './types.js';
import { checkText } from './check.js';

const K = 8;
/** A document that says the same in every chunk should not be all that is heard. */
const PER_DOCUMENT = 3;

/** The hits for a text: by its words, by its vector, or both. */
export async function searchText(
  backend: Backend,
  embedder: Embedder,
  text: string,
  options: CollectionSearch,
): Promise<{ answer: Awaited<ReturnType<Backend['search']>>; vector: Float32Array | undefined; embedSeconds: number }> {
  checkText('query', text);
  const { mode, weight = embedder.hybridWeight, signal } = options;
  const began = performance.now();
  const call: CallOptions = signal === undefined ? {} : { signal };
  const vector = mode === 'keyword' ? undefined : await embedder.embed([text], { ...call, input: 'query' });
  const embedSeconds = (performance.now() - began) / 1000;
  const { fingerprint } = embedder;
  const answer = await backend.search({ ...options, weight, text, ...(vector && { vector, fingerprint }) });
  return { answer, vector, embedSeconds };
}

export async function ask(
  backend: Backend,
  embedder: Embedder,
  question: string,
  options: AskOptions = {},
): Promise<Asked> {
  const { sentences, threshold, ...rest } = options;
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const found = await searchText(backend, embedder, question, { k: K, perDocument: PER_DOCUMENT, ...rest });
  const { hits, generation } = found.answer;
  const retrieved = seconds();
  const { signal } = rest;
  const answer = await extractiveAnswer(
    question,
    hits.map(({ chunk, document }) => ({
      text: chunk.text,
      headings: [...(document.title === undefined ? [] : [document.title]), ...(chunk.headings ?? [])],
    })),
    {
      embed: (texts, input) => embedder.embed(texts, { input, ...(signal && { signal }) }),
      ...(sentences !== undefined && { sentences }),
      ...(threshold !== undefined && { threshold }),
    },
  );
  const cited = [...new Set(answer.quotes.map(({ source }) => source))].sort((a, b) => a - b);
  const total = seconds();
  return {
    answer,
    sources: cited.flatMap((number) => {
      const hit = hits[number - 1];
      return hit === undefined ? [] : [{ number, hit }];
    }),
    hits,
    timings: {
      embed: found.embedSeconds,
      retrieve: retrieved - found.embedSeconds,
      answer: total - retrieved,
      total,
    },
    generation,
  };
}
