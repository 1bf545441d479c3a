/** Every metric, its unit and what it tells. Times are in seconds. */
export const METRICS = {
  query_response_time: { unit: 'seconds', help: 'From the question to the whole answer' },
  retrieval_time: { unit: 'seconds', help: 'Search for passages' },
  llm_time: { unit: 'seconds', help: 'Making the answer of the passages' },
  documents_retrieved: { unit: 'count', help: 'Passages that an answer was made of' },
  query_success: { unit: 'count', help: 'Queries that were answered' },
  query_errors: { unit: 'count', help: 'Queries that failed' },
  cache_hit: { unit: 'share', help: '1 for an answer from the cache, 0 for one that was not there' },
  cache_time: { unit: 'seconds', help: 'A look into the cache' },
  embedding_time: { unit: 'seconds', help: 'Embedding one query or one batch' },
  index_time: { unit: 'seconds', help: 'Bringing one document into the collection' },
  event_loop_delay: { unit: 'seconds', help: 'Longest delay of the event loop in each second' },
  gc_time: { unit: 'seconds', help: 'One garbage collection' },
} as const satisfies Record<string, { unit: 'seconds' | 'count' | 'share'; help: string }>;

export type MetricName = keyof typeof METRICS;

export const METRIC_NAMES = Object.keys(METRICS) as MetricName[];
