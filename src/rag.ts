/** The public face of `faiss-quiver/rag`: documents in, answers out. This file only exports. */
export { QuiverError, type ErrorCode } from '../lib/errors.js';
export { chatAnswerer, type ChatOptions } from './answer/chat.js';
export { extractive } from './answer/extractive.js';
export type { Answer, Answerer, AnswerRequest, Passage, Quote } from './answer/types.js';
export { AnswerCache } from './cache/answer-cache.js';
export type { CacheKey, CacheOptions as AnswerCacheOptions, CacheStats as AnswerCacheStats } from './cache/types.js';
export { Collection } from './collection/collection.js';
export type * from './collection/types.js';
export type { Chunk, JsonObject, JsonValue } from './document/types.js';
export {
  cachedEmbedder,
  type CachedEmbedder,
  type CacheOptions,
  type CacheStats,
} from './embed/cache/cached-embedder.js';
export type { Embedder, EmbedOptions } from './embed/embedder.js';
export { createEngine, type Engine } from './engine/engine.js';
export type * from './engine/types.js';
export { HttpEmbedder, type HttpOptions } from './embed/http/http-embedder.js';
export { openModel, type OpenModelOptions } from './embed/models/open.js';
export { ingest } from './ingest/ingest.js';
export type { IngestEvent, IngestOptions } from './ingest/types.js';
export type { Health } from './monitor/health.js';
export {
  guardMemory,
  isOutOfMemory,
  type GuardEvent,
  type GuardOptions,
  type Skipped,
} from './monitor/memory-guard.js';
export type { MetricName } from './monitor/metrics.js';
export {
  Monitor,
  type AlertEvent,
  type AlertListener,
  type MonitorOptions,
  type Report,
  type SampleListener,
} from './monitor/monitor.js';
export type { Recommendation } from './monitor/recommend.js';
export type { MemoryUse, Resources } from './monitor/resources.js';
export type { SlaName, SlaRow, SlaState } from './monitor/sla.js';
export type { WindowStats } from './monitor/window.js';
export { planCapacity, type Capacity, type CapacityPlan, type MonthlyCost } from './plan/formula.js';
export { planMeasured } from './plan/measured.js';
export type { Need } from './plan/need.js';
export type * from './plan/types.js';
export type * from './store/backend.js';
export type { Filter as MetadataFilter } from './store/filter.js';
