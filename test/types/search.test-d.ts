import { expectAssignable, expectError, expectNotAssignable, expectType } from 'tsd';
import type {
  Filter,
  Hit,
  Id,
  IdArray,
  Index,
  IndexType,
  RangeResult,
  SearchOptions,
  SearchParams,
  SearchResult,
} from 'faiss-quiver';

declare const index: Index;
declare const query: Float32Array;
declare const signal: AbortSignal;

expectType<Promise<SearchResult>>(index.search(query));
expectType<Promise<SearchResult>>(index.search(query, 10, { nprobe: 8, threads: 2, exact: true, signal }));
expectType<SearchResult>(index.searchSync(query, 1));
// A call that blocks cannot be aborted, so it takes no signal.
expectError(index.searchSync(query, 1, { signal }));
expectError(index.search(query, '10'));
expectError(index.search(query, 10, { efsearch: 64 }));
expectError(index.search(query, 10, { filter: [1, 2] }));
expectError(index.range(query));

expectAssignable<SearchOptions>({ signal });
expectNotAssignable<SearchParams>({ efSearch: '64' });

// Filters, alone and combined.
expectAssignable<Filter>({ ids: new Set([1, 2]) });
expectAssignable<Filter>({ ids: new BigInt64Array(2) });
expectAssignable<Filter>({ range: [0, 10] });
expectAssignable<Filter>({ range: [0n, 10n] });
expectAssignable<Filter>({ bitmap: new Uint8Array(2) });
expectAssignable<Filter>({ and: [{ ids: [1] }, { not: { or: [{ range: [0, 1] }, { bitmap: new Uint8Array(1) }] } }] });
expectNotAssignable<Filter>({ range: [0] });
expectNotAssignable<Filter>({ range: ['0', '9'] });
expectNotAssignable<Filter>({ bitmap: [1, 0] });
expectNotAssignable<Filter>({ and: { ids: [1] } });
expectNotAssignable<Filter>({});

// A name of ours is completed by the editor, and any factory string is allowed.
expectAssignable<IndexType>('hnsw');
expectAssignable<IndexType>('IVF4096,PQ32');
expectNotAssignable<IndexType>(3);

expectType<number | bigint>({} as Id);
expectType<Float64Array | BigInt64Array>({} as IdArray);
expectType<{ id: bigint; distance: number }>({ ...({} as Hit<bigint>) });

declare const ranged: RangeResult;
expectType<number>(ranged.n);
expectType<Float64Array>(ranged.offsets);
expectType<IdArray>(ranged.ids);
expectType<Float32Array>(ranged.distances);
expectType<Hit[]>(ranged.row(0));

// Results are read, not written.
declare const found: SearchResult;
expectError((found.n = 1));
expectError((found.ids = new Float64Array(1)));
