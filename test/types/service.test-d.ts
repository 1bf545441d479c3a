import { fastify } from 'fastify';
import { expectAssignable, expectError, expectNotAssignable, expectType } from 'tsd';
import {
  AnswerCache,
  chatAnswerer,
  Collection,
  createEngine,
  extractive,
  planCapacity,
  type Answerer,
  type CapacityPlan,
  type Engine,
  type EngineCollection,
  type EngineOptions,
  type EngineReport,
  type IngestResult,
  type QueryOptions,
  type QueryResult,
  type QuerySource,
  type StreamEvent,
} from 'faiss-quiver/rag';
import plugin, { quiver, serve, type ApiOptions, type ServeOptions, type Server } from 'faiss-quiver/server';

const collection = await Collection.open('folder');
expectAssignable<EngineCollection>(collection);
const engine = createEngine({ collection });
expectType<Engine>(engine);

// Who answers, and what is remembered.
expectAssignable<EngineOptions>({ collection, llm: { model: 'm', baseUrl: 'http://127.0.0.1/v1' } });
expectAssignable<EngineOptions>({ collection, llm: extractive });
expectAssignable<EngineOptions>({ collection, llm: chatAnswerer({ model: 'm', onFailure: 'extractive' }) });
expectAssignable<EngineOptions>({ collection, cache: false });
expectAssignable<EngineOptions>({ collection, cache: { ttl: 60, redis: 'redis://127.0.0.1', secret: 's'.repeat(16) } });
expectAssignable<EngineOptions>({ collection, cache: new AnswerCache<QueryResult>(() => undefined) });
expectNotAssignable<EngineOptions>({ collection, cache: true });
expectNotAssignable<EngineOptions>({ collection, llm: 'llama' });
expectNotAssignable<EngineOptions>({});
expectError(chatAnswerer({ onFailure: 'ignore' }));
expectAssignable<Answerer>(extractive);

// A question, whole and step by step.
expectType<Promise<QueryResult>>(engine.query('?', { k: 3, mode: 'hybrid', signal: new AbortController().signal }));
expectNotAssignable<QueryOptions>({ topK: 3 });
expectNotAssignable<QueryOptions>({ mode: 'dense' });
expectError(engine.query(7));
const { answer, found, sources, metadata } = await engine.query('?');
expectType<string>(answer);
expectType<boolean>(found);
expectType<QuerySource[]>(sources);
expectType<number | undefined>(sources[0]?.page);
expectType<false | 'memory' | 'redis'>(metadata.cached);
expectType<number>(metadata.retrieval_time + metadata.llm_time + metadata.total_time);
for await (const event of engine.stream('?')) {
  expectType<StreamEvent>(event);
  if (event.type === 'response_chunk') expectType<boolean>(event.is_final);
  if (event.type === 'error') expectType<string>(event.error.code);
}

// What comes in, and how it does.
expectType<Promise<IngestResult>>(engine.ingest(['docs', '*.pdf']));
expectType<Promise<IngestResult>>(engine.ingest({ texts: [{ text: 'Hello' }] }));
expectError(engine.ingest({ texts: [{ body: 'Hello' }] }));
expectType<Promise<EngineReport>>(engine.report());
expectType<number | undefined>((await engine.report()).cache?.hit_rate);

// Over HTTP.
expectType<Promise<Server>>(serve({ engine, port: 0, apiKeys: ['k'.repeat(16)] }));
expectAssignable<ServeOptions>({ engine, logLevel: false });
expectNotAssignable<ServeOptions>({ engine, logLevel: 'loud' });
expectNotAssignable<ApiOptions>({});
const app = fastify();
await app.register(quiver, { engine, prefix: '/docs', rateLimit: false });
await app.register(plugin, { engine });
expectError(app.register(quiver, { engine, concurrency: 'all' }));

// Planning.
expectType<CapacityPlan>(planCapacity({ documents: 100_000, qps: 50 }));
expectError(planCapacity({ documents: '1e5', qps: 50 }));
