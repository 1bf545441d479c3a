import { expectAssignable, expectError, expectNotAssignable, expectType } from 'tsd';
import {
  GpuIndex,
  Index,
  RangeResult,
  SearchResult,
  configure,
  system,
  type AddResult,
  type Hit,
  type IdArray,
  type IdType,
  type IndexStats,
  type Metric,
  type QuiverError,
  type Recommendation,
  type TuneResult,
} from 'faiss-quiver';

const vectors = new Float32Array(8);

// Creating: dim is the only thing that must be given.
const index = await Index.create({ dim: 4 });
expectType<Index>(index);
expectError(Index.create({}));
expectError(Index.create({ metric: 'l2' }));
expectError(Index.create({ dim: '4' }));
expectError(Index.create({ dim: 4, metric: 'euclidean' }));
expectError(Index.create({ dim: 4, idType: 'string' }));
expectError(Index.create({ dim: 4, policy: 'fast' }));
expectError(Index.create({ dim: 4, efsearch: 64 }));
expectType<Promise<Index>>(
  Index.create({ dim: 4, metric: 'cosine', type: 'hnsw', M: 16, efConstruction: 100, efSearch: 32 }),
);
expectType<Promise<Index>>(
  Index.create({ dim: 64, type: 'OPQ16,IVF256,PQ16', idType: 'bigint', nlist: 256, nprobe: 8 }),
);
expectType<Promise<Index>>(Index.create({ dim: 4, type: 'auto', policy: 'guide', memory: 2 ** 30, recall: 0.98 }));

// An index is made by create, open, fromBuffer, importFaiss or attach, never by `new`.
expectNotAssignable<new (...args: never[]) => Index>(Index);
expectType<Promise<Index>>(Index.open('a.quiver', { mmap: true, verify: true, untrusted: true }));
expectType<Promise<Index>>(Index.open('a.quiver', { mmap: 'vectors' }));
expectError(Index.open('a.quiver', { mmap: 'graph' }));
expectType<Promise<Index>>(Index.fromBuffer(new Uint8Array(8)));
expectType<Promise<Index>>(Index.importFaiss('a.faiss', { idType: 'bigint', metric: 'cosine', trusted: true }));
expectType<Promise<Index>>(Index.importFaiss(new Uint8Array(8)));
expectType<string>(index.share());
expectType<Index>(Index.attach(index.share()));

// What an index says of itself cannot be written.
expectType<number>(index.dim);
expectType<Metric>(index.metric);
expectType<IdType>(index.idType);
expectType<number>(index.count);
expectType<boolean>(index.closed);
expectType<IndexStats>(index.stats());
expectError((index.dim = 5));
expectError((index.count = 5));
expectError((index.closed = true));

// Vectors in every form that is allowed.
expectType<AddResult>(await index.add(vectors));
expectType<Promise<AddResult>>(index.add([0, 0, 0, 1]));
expectType<Promise<AddResult>>(index.add([[0, 0, 0, 1], new Float32Array(4)], { ids: [1, 2], existing: 'error' }));
expectType<Promise<AddResult>>(index.add(vectors, { ids: new BigInt64Array(2) }));
expectType<Promise<AddResult>>(index.add(vectors, { ids: new Float64Array(2), signal: new AbortController().signal }));
expectError(index.add('0001'));
expectError(index.add(new Float64Array(8)));
expectError(index.add(vectors, { ids: ['a', 'b'] }));
expectError(index.add(vectors, { existing: 'skip' }));

// upsert without ids would be add.
expectType<Promise<AddResult>>(index.upsert(vectors, { ids: [1, 2] }));
expectError(index.upsert(vectors));
expectError(index.upsert(vectors, {}));

async function* batches() {
  yield vectors;
  yield { vectors, ids: [3, 4] };
}
expectType<Promise<{ added: number; replaced: number }>>(index.addFrom(batches(), { total: 16 }));
expectType<Promise<{ added: number; replaced: number }>>(index.addFrom([vectors, vectors]));

expectType<Promise<void>>(
  index.train(vectors, { onProgress: ({ phase, done, total }) => console.log(phase, done / total) }),
);
expectType<Promise<number>>(index.remove([1, 2]));
expectType<Promise<number>>(index.remove(new Set([1n])));
expectType<Promise<boolean[]>>(index.has([1]));
expectType<Promise<Float32Array>>(index.get([1]));
expectType<Promise<AddResult>>(index.merge(index));
expectType<Promise<void>>(index.compact());
expectType<Promise<void>>(index.reset());
expectType<Promise<void>>(index.ready());
expectType<Promise<void>>(index.close());

// Saving: with a path a file, without one a Buffer.
expectType<Promise<{ bytes: number }>>(index.save('a.quiver'));
expectType<Promise<Buffer>>(index.toBuffer());
expectType<Promise<{ bytes: number }>>(index.exportFaiss('a.faiss'));
expectType<Promise<Buffer>>(index.exportFaiss());
expectError(index.save());

expectType<Promise<TuneResult>>(index.tune({ recall: 0.98, queries: vectors, k: 10 }));
expectError(index.tune({}));
const advice = Index.recommend({ n: 1e6, dim: 384 });
expectType<Recommendation>(advice);
expectAssignable<string>(advice.factory);
expectError(Index.recommend({ n: 1e6 }));
expectType<Recommendation>(Index.recommend({ n: 1e6, dim: 384, sample: vectors }));

expectType<{ threads: number }>(configure({ threads: 2 }));
expectAssignable<'v2' | 'v3' | 'v4'>(system().simd);
expectType<string>(system().faiss);
expectType<number>(system().threads);
expectType<boolean>(system().gpu);
expectType<{ built: boolean; count: number; reason?: string }>(system().gpus);

const gpu = await index.toGpu({ devices: [0, 1], mode: 'shards', float16: true, signal: new AbortController().signal });
expectType<GpuIndex>(gpu);
expectType<readonly number[]>(gpu.devices);
expectType<number>(gpu.count);
expectType<Promise<SearchResult>>(gpu.search(vectors, 10, { nprobe: 8 }));
expectType<Promise<void>>(gpu.close());
expectError(index.toGpu({ mode: 'both' }));
expectError(index.toGpu({ device: 0 }));
expectError(gpu.search(vectors, 10, { efSearch: 8 }));
expectNotAssignable<new (...args: never[]) => GpuIndex>(GpuIndex);

declare const trouble: QuiverError;
expectAssignable<Error>(trouble);
expectAssignable<string>(trouble.code);
expectNotAssignable<'E_SOMETHING'>(trouble.code);
expectType<string | undefined>(trouble.expected);
expectType<string | undefined>(trouble.actual);
if (trouble.code === 'E_DIMENSION') expectType<'E_DIMENSION'>(trouble.code);

// Results.
const found = await index.search(vectors, 10, { efSearch: 64, filter: { ids: [1] } });
expectType<SearchResult>(found);
expectType<IdArray>(found.ids);
expectType<Float32Array>(found.distances);
expectType<number>(found.n);
expectType<number>(found.k);
expectType<Hit[]>(found.row(0));
for (const row of found) expectType<Hit[]>(row);
expectType<RangeResult>(await index.range(vectors, 0.5, { nprobe: 4, filter: { range: [0, 10] } }));
