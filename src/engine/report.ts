/** How a service does, and what it holds, in one value. */
import type { CallOptions } from '../../lib/index.js';
import type { Answerer } from '../answer/types.js';
import type { AnswerCache } from '../cache/answer-cache.js';
import type { Monitor } from '../monitor/monitor.js';
import type { EngineCollection, EngineReport, QueryResult } from './types.js';

interface Parts {
  collection: EngineCollection;
  name: string;
  monitor: Monitor;
  answerer: Answerer;
  cache: AnswerCache<QueryResult> | undefined;
}

function cacheReport(cache: AnswerCache<QueryResult>): NonNullable<EngineReport['cache']> {
  const stats = cache.stats();
  const hits = stats.hits.memory + stats.hits.redis;
  const looks = hits + stats.misses;
  return { ...stats, hit_rate: looks === 0 ? undefined : hits / looks };
}

export async function reportOf(parts: Parts, options: CallOptions): Promise<EngineReport> {
  const { collection, name, monitor, answerer, cache } = parts;
  const [report, stats] = await Promise.all([monitor.report(), collection.stats(options)]);
  const { documents, chunks, generation, bytes, index } = stats;
  return {
    ...report,
    collection: { name, documents, chunks, generation, bytes: bytes.database + bytes.log + bytes.snapshot },
    model: { answer: answerer.model, embedding: collection.embedder.model },
    index: { kind: index.kind, bytes: index.bytes },
    ...(cache !== undefined && { cache: cacheReport(cache) }),
  };
}
