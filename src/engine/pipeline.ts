/** From a checked question to an answer with its sources, step by step, so that a stream can tell each step as it comes. */
import { extractive } from '../answer/extractive.js';
import type { Answer, Answerer } from '../answer/types.js';
import { passagesOf } from '../collection/asking.js';
import type { Retrieved } from '../collection/types.js';
import type { Monitor } from '../monitor/monitor.js';
import { inChunks } from './chunks.js';
import type { EngineRequest } from './request.js';
import { citedIn, sourcesOf } from './sources.js';
import type { EngineCollection, QueryResult, StreamEvent } from './types.js';

export interface Pipeline {
  collection: EngineCollection;
  answerer: Answerer;
  monitor: Monitor;
  /** The kind of vector index. */
  indexKind: () => Promise<string>;
}

const seconds = (since: number): number => (performance.now() - since) / 1000;

async function retrieve(
  { collection, monitor }: Pipeline,
  { question, search }: EngineRequest,
  signal: AbortSignal,
): Promise<Retrieved> {
  const retrieved = await collection.retrieve(question, { ...search, signal });
  const { embed, search: searching } = retrieved.seconds;
  if (retrieved.vector !== undefined) monitor.record('embedding_time', embed);
  monitor.record('retrieval_time', embed + searching);
  monitor.record('documents_retrieved', retrieved.hits.length);
  return retrieved;
}

/** Gives the pieces of the answer as chunks, and returns all of it. */
async function* answering(
  { collection, answerer }: Pipeline,
  { question, sentences, threshold }: EngineRequest,
  { hits, vector }: Retrieved,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, Answer, void> {
  const pieces = answerer.answer({
    question,
    passages: passagesOf(hits),
    embed: (texts, input) => collection.embed(texts, { input, signal }),
    vector,
    sentences,
    threshold,
    signal,
  });
  let streamed = false;
  for (;;) {
    const step = await pieces.next();
    if (step.done !== true) {
      streamed = true;
      yield { type: 'response_chunk', data: step.value, is_final: false };
      continue;
    }
    if (streamed) yield { type: 'response_chunk', data: '', is_final: true };
    else for (const chunk of inChunks(step.value.text)) yield { type: 'response_chunk', ...chunk };
    return step.value;
  }
}

/** Errors: those of the collection and of the answerer. */
export async function* run(
  pipeline: Pipeline,
  request: EngineRequest,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, QueryResult, void> {
  const { monitor, answerer, collection } = pipeline;
  const began = performance.now();
  yield { type: 'status', message: 'Searching the documents' };
  const retrieved = await retrieve(pipeline, request, signal);
  const { hits, generation, seconds: spent } = retrieved;
  const sources = sourcesOf(hits);
  yield { type: 'sources', data: sources };
  yield { type: 'status', message: answerer === extractive ? 'Choosing sentences' : 'Writing the answer' };
  const beganAnswer = performance.now();
  const answer = yield* answering(pipeline, request, retrieved, signal);
  const llm = seconds(beganAnswer);
  monitor.record('llm_time', llm);
  return {
    answer: answer.text,
    found: answer.found,
    ...(answer.note !== undefined && { note: answer.note }),
    quotes: answer.quotes,
    sources,
    metadata: {
      retrieval_time: spent.embed + spent.search,
      llm_time: llm,
      total_time: seconds(began),
      documents_retrieved: hits.length,
      cited: citedIn(answer.text, sources.length),
      cached: false,
      model: answerer.model,
      embedding_model: collection.embedder.model,
      index: await pipeline.indexKind(),
      mode: request.search.mode ?? 'hybrid',
      generation,
    },
  };
}

/** What a stream tells of an answer that is there whole. */
export function* replay({ answer, sources }: QueryResult): Generator<StreamEvent, void, void> {
  yield { type: 'sources', data: sources };
  for (const chunk of inChunks(answer)) yield { type: 'response_chunk', ...chunk };
}
