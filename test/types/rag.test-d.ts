import { expectAssignable, expectError, expectNotAssignable, expectType } from 'tsd';
import {
  cachedEmbedder,
  Collection,
  openModel,
  type CachedEmbedder,
  type CacheStats,
  type CollectionOptions,
  type Embedder,
} from 'faiss-quiver/rag';

// The cache of embeddings: on, off, or where.
expectAssignable<CollectionOptions>({ cache: true });
expectAssignable<CollectionOptions>({ cache: false, model: 'openai:m' });
expectAssignable<CollectionOptions>({ cache: 'embeddings.db' });
expectNotAssignable<CollectionOptions>({ cache: 1 });
expectNotAssignable<CollectionOptions>({ cache: null });
expectType<Promise<Collection>>(Collection.open('folder', { cache: false }));
expectError(Collection.open('folder', { cache: {} }));

const cached = cachedEmbedder(await openModel(), { path: 'embeddings.db', maxBytes: 1e9, onWarning: () => undefined });
expectType<CachedEmbedder>(cached);
expectAssignable<Embedder>(cached);
expectType<CacheStats>(cached.stats);
expectType<number>(cached.stats.hits + cached.stats.misses);
expectType<Promise<Float32Array>>(cached.embed(['text'], { input: 'query' }));
expectError(cachedEmbedder('all-MiniLM-L6-v2'));
expectError((cached.stats.inner = 1));
