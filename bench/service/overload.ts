/** Questions over HTTP: one after the other, as many as the server can, and twice as many. */
import type { QueryResult } from '../../src/engine/types.js';
import { questions } from '../support/passages.js';
import { load, type ServerProcess } from './children.js';
import type { LoadResult } from './load-child.js';

export interface QuestionsResult {
  /** One after the other: the whole over HTTP, and what of it were searching and answering. */
  wholeMs: number[];
  retrievalMs: number[];
  answerMs: number[];
  /** The same, remembered. */
  cachedMs: number[];
}

export async function oneByOne({ url }: ServerProcess, times: number): Promise<QuestionsResult> {
  const result: QuestionsResult = { wholeMs: [], retrievalMs: [], answerMs: [], cachedMs: [] };
  const asked = questions(times + times / 10);
  for (const [at, question] of asked.entries()) {
    const began = performance.now();
    const response = await fetch(`${url}/api/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ question, cache: false }),
    });
    const { metadata } = (await response.json()) as QueryResult;
    // The first ones warm up.
    if (at < times / 10) continue;
    result.wholeMs.push(performance.now() - began);
    result.retrievalMs.push(1000 * metadata.retrieval_time);
    result.answerMs.push(1000 * metadata.llm_time);
  }
  const again = asked.slice(0, 100);
  await load({ url, questions: again, cache: true, connections: 1, seconds: 2 });
  result.cachedMs = (await load({ url, questions: again, cache: true, connections: 1, seconds: 3 })).answeredMs;
  return result;
}

export interface OverloadResult {
  /** Questions that the server answers in a second, when as many ask as it works on at a time. */
  saturation: number;
  saturated: LoadResult;
  /** Twice that many were asked. */
  overloaded: LoadResult;
}

/** More than can wait, so that whoever is refused keeps nobody else from asking. */
const CONNECTIONS = 100;
/** Node takes in one new connection in each turn of its event loop, so that under load the last of them get in after seconds. */
const CONNECTING_SECONDS = 5;

export async function overload({ url }: ServerProcess, concurrency: number, seconds: number): Promise<OverloadResult> {
  const job = { url, questions: questions(2000), cache: false, seconds };
  const saturated = await load({ ...job, connections: concurrency, seconds: 1.25 * seconds, warmUp: seconds / 4 });
  const saturation = saturated.answeredMs.length / saturated.seconds;
  const overloaded = await load({
    ...job,
    connections: CONNECTIONS,
    rate: Math.round(2 * saturation),
    seconds: seconds + CONNECTING_SECONDS,
    warmUp: CONNECTING_SECONDS,
  });
  return { saturation, saturated, overloaded };
}
