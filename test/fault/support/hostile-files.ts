/** FAISS files that were made to do harm: one lie each. What each of them does to FAISS alone stands beside it. */
import * as file from './faiss-file.js';
import {
  f32,
  flat,
  hnsw,
  i32,
  i64,
  idMap,
  ivf,
  join,
  list,
  mark,
  pq,
  productQuantizer,
  refined,
  sq,
  transformed,
  u8,
} from './faiss-file.js';

export interface Hostile {
  name: string;
  bytes: Buffer;
  /** What importFaiss() says. */
  code: string;
  /** What open() says when the same bytes lie in an envelope, where that is something else. */
  sealed?: string;
  /** FAISS dies while it reads: only the throw-away process can meet it. */
  deadly?: true;
  /** Only the stored vectors are bad, which open() leaves to `untrusted`. */
  values?: true;
  /** Rows and dimensions that the envelope should state; 3 and 2 by default. */
  rows?: number;
  d?: number;
}

const CORRUPT = 'E_CORRUPT';
const UNSUPPORTED = 'E_UNSUPPORTED';
const nested = (kind: string, depth: number): Buffer =>
  join(Array.from({ length: depth }, () => join(mark(kind), file.head(), kind === 'IxPT' ? i32(0) : [])));
const nestedTransforms = (depth: number): Buffer =>
  join(
    mark('IxPT'),
    file.head(),
    i32(1),
    Array.from({ length: depth }, () => join(mark('Viqt'), i64(0), u8(0))),
  );

const GRAPHS: Hostile[] = [
  {
    name: 'a link far outside',
    bytes: hnsw({ links: [1, 99_999_999, -1, -1, 0, 2, -1, -1, 0, 1, -1, -1, -1, -1] }),
    code: CORRUPT,
  }, // SIGSEGV
  {
    name: 'a link to row -7',
    bytes: hnsw({ links: [1, -7, -1, -1, 0, 2, -1, -1, 0, 1, -1, -1, -1, -1] }),
    code: CORRUPT,
  },
  {
    name: 'a gap between links',
    bytes: hnsw({ links: [1, -1, 2, -1, 0, 2, -1, -1, 0, 1, -1, -1, -1, -1] }),
    code: CORRUPT,
  },
  {
    name: 'an upper link to a row without that level',
    bytes: hnsw({ links: [1, 2, -1, -1, 0, 2, -1, -1, 0, 1, -1, -1, 0, -1] }),
    code: CORRUPT,
  },
  { name: 'an entry point outside', bytes: hnsw({ entry: 1_000_000 }), code: CORRUPT }, // SIGSEGV
  { name: 'no entry point, but rows', bytes: hnsw({ entry: -1, top: -1 }), code: CORRUPT },
  { name: 'a top level that no row has', bytes: hnsw({ top: 7 }), code: CORRUPT }, // SIGSEGV
  { name: 'an entry point below the top level', bytes: hnsw({ entry: 0 }), code: CORRUPT },
  { name: 'a row of level 100', bytes: hnsw({ levels: [1, 100, 2] }), code: CORRUPT },
  { name: 'a row of level 0', bytes: hnsw({ levels: [0, 1, 2] }), code: CORRUPT },
  { name: 'offsets outside', bytes: hnsw({ offsets: [0, 1 << 30, 8, 14] }), code: CORRUPT }, // SIGSEGV
  { name: 'offsets that go back', bytes: hnsw({ offsets: [0, 8, 4, 14] }), code: CORRUPT },
  { name: 'a level table that goes back', bytes: hnsw({ cumulative: [0, 4, -6] }), code: CORRUPT },
  { name: 'no level table', bytes: hnsw({ cumulative: [] }), code: CORRUPT },
  { name: 'no chances for levels', bytes: hnsw({ chances: [] }), code: CORRUPT },
  { name: 'a search effort of 2^31 - 1', bytes: hnsw({ efSearch: 2 ** 31 - 1 }), code: CORRUPT }, // bad_alloc in OpenMP: SIGABRT
  { name: 'a graph with 2^32 - 2 rows', bytes: hnsw({ rows: 2 ** 32 - 2 }), code: CORRUPT }, // SIGABRT
  { name: 'a graph without vectors', bytes: hnsw({ storage: mark('null') }), code: CORRUPT }, // SIGSEGV
  { name: 'a graph with too few vectors', bytes: hnsw({ storage: flat({ rows: 1 }) }), code: CORRUPT },
  { name: 'a graph over vectors of another dimension', bytes: hnsw({ storage: flat({ d: 1 }) }), code: CORRUPT },
  { name: 'a graph over lists', bytes: hnsw({ storage: ivf() }), code: UNSUPPORTED },
  { name: 'a PQ graph over flat vectors', bytes: hnsw({ kind: 'IHNp' }), code: CORRUPT, deadly: true }, // SIGSEGV
  { name: 'a PQ storage without its table', bytes: hnsw({ storage: pq() }), code: CORRUPT },
  {
    name: 'NaN in a graph',
    bytes: hnsw({ storage: flat({ values: [0, 1, NaN, 3, 4, 5] }) }),
    code: 'E_NOT_FINITE',
    values: true,
  }, // never returns
  {
    name: '1e30 in a graph',
    bytes: hnsw({ storage: flat({ values: [0, 1, 1e30, 3, 4, 5] }) }),
    code: 'E_NOT_FINITE',
    values: true,
  },
];

const LISTS: Hostile[] = [
  {
    name: 'no lists',
    bytes: ivf({ nlist: 0, quantizer: flat({ rows: 0 }), ids: [], rows: 0 }),
    code: CORRUPT,
    rows: 0,
  },
  { name: '2^40 lists', bytes: ivf({ nlist: 2n ** 40n }), code: 'E_OUT_OF_MEMORY' },
  { name: '2^61 lists', bytes: ivf({ nlist: 2n ** 61n }), code: CORRUPT },
  { name: 'no probes', bytes: ivf({ nprobe: 0 }), code: CORRUPT },
  { name: 'lists without a quantizer', bytes: ivf({ quantizer: mark('null') }), code: CORRUPT }, // SIGSEGV
  { name: 'fewer centroids than lists', bytes: ivf({ quantizer: flat({ rows: 1 }) }), code: CORRUPT },
  { name: 'more centroids than lists', bytes: ivf({ quantizer: flat({ rows: 9 }) }), code: CORRUPT }, // SIGSEGV
  { name: 'a quantizer of another dimension', bytes: ivf({ quantizer: flat({ d: 1, rows: 2 }) }), code: CORRUPT },
  {
    name: 'NaN among the centroids',
    bytes: ivf({ quantizer: flat({ rows: 2, values: [0, 1, NaN, 3] }) }),
    code: 'E_NOT_FINITE',
    values: true,
  }, // SIGABRT
  {
    name: '1e20 among the centroids',
    bytes: ivf({ quantizer: flat({ rows: 2, values: [0, 1, 1e20, 3] }) }),
    code: 'E_NOT_FINITE',
    values: true,
  }, // SIGABRT
  { name: 'fewer entries than rows', bytes: ivf({ ids: [[0], [1]] }), code: CORRUPT },
  { name: 'codes of another size', bytes: ivf({ codeSize: 4 }), code: CORRUPT },
  {
    name: 'codes of size 2^64 - 1',
    bytes: ivf({ codeSize: -1, codeBytes: 0, ids: [[], []], rows: 0 }),
    code: CORRUPT,
    rows: 0,
  },
  { name: 'list sizes that overflow', bytes: ivf({ sizes: [2n ** 62n, 1] }), code: CORRUPT },
  { name: 'lists that are not there', bytes: ivf({ lists: mark('il00') }), code: UNSUPPORTED, sealed: CORRUPT }, // SIGSEGV
  {
    name: 'lists in blocks for whole vectors',
    bytes: ivf({
      lists: [
        mark('ilbl'),
        i64(2),
        i64(-1),
        i64(32),
        i64(1),
        list(i64, [0, 2]),
        list(u8, [1]),
        list(i64, [1]),
        list(u8, [1]),
      ],
    }),
    code: UNSUPPORTED,
  }, // SIGSEGV
  {
    name: 'legacy lists with cut codes',
    bytes: ivf({
      kind: 'IvFL',
      directMap: [],
      lists: [list(i64, [0, 2]), list(i64, [1]), [u8(0), i64(0)], list(u8, [1]), list(u8, [1])],
    }),
    code: CORRUPT,
  }, // SIGSEGV
  {
    name: 'PQ lists with zero parts',
    bytes: ivf({ kind: 'IwPQ', middle: [u8(0), i64(1), productQuantizer({ parts: 0 })] }),
    code: CORRUPT,
    deadly: true,
  }, // SIGFPE
  {
    name: 'PQ lists with another code size',
    bytes: ivf({ kind: 'IwPQ', codeSize: 8, middle: [u8(0), i64(8), productQuantizer()] }),
    code: CORRUPT,
  }, // SIGSEGV
  {
    name: 'PQ lists with cut centroids',
    bytes: ivf({ kind: 'IwPQ', codeSize: 1, middle: [u8(0), i64(1), productQuantizer({ centroids: [1] })] }),
    code: CORRUPT,
  }, // SIGSEGV
];

const CODES: Hostile[] = [
  { name: 'flat with 2^40 rows', bytes: flat({ rows: 2n ** 40n, values: [1, 2] }), code: CORRUPT },
  { name: 'flat with -1 rows', bytes: flat({ rows: -1, values: [] }), code: CORRUPT },
  { name: 'flat with no dimensions', bytes: flat({ d: 0, rows: 5, values: [] }), code: CORRUPT, d: 0, rows: 5 },
  {
    name: 'flat with 2^31 - 1 dimensions',
    bytes: flat({ d: 2 ** 31 - 1, rows: 0, values: [] }),
    code: CORRUPT,
    d: 2 ** 31 - 1,
    rows: 0,
  },
  {
    name: 'an array of 2^39 floats',
    bytes: pq({ centroids: [] }).fill(0xff, 41 + 24 + 3, 41 + 24 + 4),
    code: CORRUPT,
    deadly: true,
  },
  { name: 'a metric that is none', bytes: flat({ metric: 77 }), code: CORRUPT },
  { name: 'NaN in flat', bytes: flat({ values: [0, 1, 2, 3, 4, NaN] }), code: 'E_NOT_FINITE', values: true },
  { name: 'PQ with zero parts', bytes: pq({ parts: 0 }), code: CORRUPT, deadly: true }, // SIGFPE
  { name: 'PQ with zero bits', bytes: pq({ bits: 0, centroids: [1, 2] }), code: CORRUPT },
  { name: 'PQ with 63 bits', bytes: pq({ bits: 63 }), code: CORRUPT },
  { name: 'PQ with parts that do not divide', bytes: pq({ d: 3, parts: 2 }), code: CORRUPT },
  { name: 'PQ with cut codes', bytes: pq({ codes: 1 }), code: CORRUPT }, // SIGSEGV
  { name: 'PQ with cut centroids', bytes: pq({ centroids: [1] }), code: CORRUPT }, // SIGSEGV
  { name: 'PQ with NaN', bytes: pq({ centroids: [0, NaN, 2, 3, 4, 5, 6, 7] }), code: CORRUPT },
  { name: 'PQ with codes up to the end of memory', bytes: pq({ length: 2n ** 64n - 1n }), code: CORRUPT },
  {
    name: 'PQ for another dimension',
    bytes: join(mark('IxPq'), file.head({ d: 200 }), productQuantizer(), list(u8, [1, 2, 3]), [i32(0), u8(0), i32(0)]),
    code: CORRUPT,
    d: 200,
  }, // SIGSEGV
  { name: 'SQ of kind 99', bytes: sq({ type: 99 }), code: CORRUPT },
  { name: 'SQ without its range', bytes: sq({ range: [] }), code: CORRUPT }, // SIGSEGV
  { name: 'SQ with a cut range', bytes: sq({ range: [0, 1] }), code: CORRUPT },
  { name: 'SQ with an endless range', bytes: sq({ range: [0, 0, Infinity, 1] }), code: CORRUPT },
  { name: 'SQ with cut codes', bytes: sq({ codes: 1 }), code: CORRUPT }, // SIGSEGV
  { name: 'not trained, but with rows', bytes: sq({ trained: 0 }), code: CORRUPT },
];

const WRAPPERS: Hostile[] = [
  { name: 'an id map in an id map', bytes: idMap({ inner: idMap() }), code: UNSUPPORTED },
  { name: 'fewer ids than rows', bytes: idMap({ ids: [1] }), code: CORRUPT, sealed: UNSUPPORTED },
  {
    name: 'fewer ids than rows, both ways',
    bytes: idMap({ kind: 'IxM2', ids: [1], inner: flat({ rows: 100_000 }), rows: 100_000 }),
    code: CORRUPT,
  }, // SIGSEGV
  { name: 'two rows with one id', bytes: idMap({ ids: [5, 5, 6] }), code: 'E_EXISTS', sealed: UNSUPPORTED },
  { name: 'a negative id', bytes: idMap({ ids: [1, -2, 3] }), code: 'E_RANGE', sealed: UNSUPPORTED },
  { name: 'an id map around nothing', bytes: idMap({ inner: mark('null') }), code: CORRUPT, sealed: UNSUPPORTED }, // SIGSEGV
  { name: '200,000 id maps in each other', bytes: nested('IxMp', 200_000), code: CORRUPT }, // SIGSEGV
  { name: '200,000 transforms in each other', bytes: nestedTransforms(200_000), code: CORRUPT }, // SIGSEGV
  { name: 'a matrix that is cut', bytes: transformed({ matrix: [1] }), code: CORRUPT }, // SIGSEGV
  { name: 'a matrix of NaN', bytes: transformed({ matrix: [NaN, 0, 0, 1] }), code: CORRUPT },
  {
    name: 'a transform into another dimension',
    bytes: transformed({ out: 50, matrix: new Array<number>(100).fill(1) }),
    code: CORRUPT,
  },
  {
    name: 'a map of dimensions that are not there',
    bytes: transformed({ chain: [mark('RmDT'), list(i32, [0, 1 << 28]), [i32(2), i32(2), u8(1)]] }),
    code: CORRUPT,
  }, // SIGSEGV
  { name: 'more transforms than there are', bytes: transformed({ steps: 1_000_000 }), code: CORRUPT },
  { name: 'refinement with too few rows', bytes: refined({ refine: flat({ rows: 1 }) }), code: CORRUPT }, // SIGSEGV
  { name: 'refinement by a factor of NaN', bytes: refined({ factor: NaN }), code: CORRUPT },
  { name: 'refinement by a factor of 1e12', bytes: refined({ factor: 1e12 }), code: CORRUPT },
  { name: 'refinement by lists', bytes: refined({ refine: ivf() }), code: UNSUPPORTED }, // SIGABRT
  { name: 'a kind that is none', bytes: join(mark('IxXX'), file.head(), f32(1)), code: CORRUPT },
  { name: 'nothing', bytes: mark('null'), code: CORRUPT },
];

export const HOSTILE: readonly Hostile[] = [...GRAPHS, ...LISTS, ...CODES, ...WRAPPERS];

/** Which of them one way of opening is shown: what it is meant to stop. Envelopes in a process of their own take a while. */
export function shownTo(way: string): Hostile[] {
  const inProcess = ['trusted', 'open', 'mapped'].includes(way);
  const everyVector = ['import', 'trusted', 'untrusted'].includes(way);
  return HOSTILE.filter(({ deadly, values }, i) => {
    if (way === 'untrusted') return deadly === true || values === true || i % 4 === 0;
    return !(inProcess && deadly === true) && (everyVector || values !== true);
  });
}

/** The same files without their lie: each must be read, or its siblings prove nothing. */
export const SOUND: Readonly<Record<string, Buffer>> = {
  flat: flat(),
  hnsw: hnsw(),
  ivf: ivf(),
  pq: pq(),
  sq: sq(),
  'id map': idMap(),
  transformed: transformed(),
  refined: refined(),
  'PQ lists': ivf({ kind: 'IwPQ', codeSize: 1, middle: [u8(0), i64(1), productQuantizer()] }),
};

/** Lists that FAISS would map from another file, writable: adding a vector would write into `victim`. */
export function onDisk(victim: string, bytes: number): Buffer {
  const name = Buffer.from(victim);
  const places = [0, 16].map((offset) => [i64(1), i64(1), i64(offset)]);
  const lists = [mark('ilod'), i64(2), i64(8), [i64(2), places], i64(0), [i64(name.length), name], i64(bytes)];
  return ivf({ lists, ids: [[0], [1]], rows: 2 });
}
