import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { configure, Index, QuiverError, SearchResult } from '../../lib/index.js';
import { detachedBytes, detachedFloats, resizableFloats, sharedFloats } from './support/buffers.js';
import { codeOf } from './support/fixture.js';

const DIM = 4;
const ONE = [1, 0, 0, 0];

const NOT_OBJECTS = [null, 5, 'x', true, Symbol('s'), 7n, () => 1];
const NOT_VECTORS = [
  ...[undefined, null, 5, 'abcd', true, {}, () => 1, Symbol('s'), 3n, new Date(), new Map()],
  ...[
    [],
    [1, 2, 3],
    ['1', '2', '3', '4'],
    [1, 2, 3, null],
    [[1, 2, 3]],
    [[]],
    [null],
    [{}],
    [ONE, null],
    [ONE, 'abcd'],
  ],
  ...[new Array(4), [[1n, 2n, 3n, 4n]], [new Float64Array(4)], new Float32Array(0), new Float32Array(5)],
  ...[new Float64Array(4), new Uint8Array(16), new ArrayBuffer(16), new DataView(new ArrayBuffer(16))],
  ...[[NaN, 0, 0, 0], [[Infinity, 0, 0, 0]], Float32Array.of(1, 2, 3, -Infinity), [1e300, 0, 0, 0], [1e20, 0, 0, 0]],
  ...[sharedFloats(DIM), resizableFloats(DIM), detachedFloats(DIM)],
];
const NOT_IDS = [
  ...[null, 5, 'abc', true, {}, () => 1, Symbol('s'), 3n, new Map([[1, 2]]), new Uint8Array(3), new Float32Array(1)],
  ...[
    [1.5],
    [-1],
    [NaN],
    [Infinity],
    [2 ** 53],
    ['1'],
    [null],
    [undefined],
    [{}],
    [[1]],
    [2n ** 70n],
    [-1n],
    [Symbol('s')],
  ],
  ...[Float64Array.of(0.5), Int32Array.of(-1), new Set([-1]), new Set(['a']), new Array(3)],
  ...[new Float64Array(new SharedArrayBuffer(8))],
];
const NOT_K = [
  null,
  0,
  -1,
  -0.5,
  1.5,
  NaN,
  Infinity,
  -Infinity,
  2 ** 31,
  2 ** 32 + 1,
  2 ** 53,
  '5',
  5n,
  {},
  [],
  [5],
  true,
  () => 5,
];
const NOT_FILTERS = [
  ...[
    null,
    5,
    'x',
    {},
    [],
    { ids: 5 },
    { ids: [-1] },
    { range: [1] },
    { range: [5, 1] },
    { range: [0.5, 1] },
    { range: 'ab' },
  ],
  ...[
    { bitmap: [1] },
    { bitmap: new Float32Array(1) },
    { and: [] },
    { and: 5 },
    { or: [null] },
    { not: null },
    { not: {} },
  ],
  ...[{ ids: [1], range: [0, 1] }, { nor: [] }, deepFilter(100)],
];
const NOT_SEARCHES = [
  ...[...NOT_OBJECTS, { efSearch: 0 }, { efSearch: 1.5 }, { efSearch: '64' }, { efSearch: 2 ** 31 }, { nprobe: 0 }],
  ...[{ nprobe: -1 }, { nprobe: NaN }, { threads: 0 }, { threads: 1e9 }, { exact: 1 }, { exact: 'no' }],
  ...NOT_FILTERS.map((filter) => ({ filter })),
];
const NOT_CALLS = [...NOT_OBJECTS, { signal: {} }, { signal: 'now' }, { signal: 5 }, { signal: AbortSignal.abort() }];
const NOT_LONG_CALLS = [...NOT_CALLS, { onProgress: 'x' }, { onProgress: 5 }, { onProgress: {} }];
const NOT_PATHS = [undefined, null, 5, '', true, {}, [], 'a\0b', Symbol('s'), Buffer.from('a'), new URL('file:///x')];
const NOT_BYTES = [
  ...[
    undefined,
    null,
    5,
    'abc',
    {},
    [1, 2],
    new Float32Array(4),
    new ArrayBuffer(8),
    new Uint8Array(0),
    new Uint8Array(10),
  ],
  ...[Buffer.alloc(5_000), new Uint8Array(new SharedArrayBuffer(5_000)), detachedBytes(99)],
];

function deepFilter(depth: number): unknown {
  let filter: unknown = { ids: [1] };
  for (let i = 0; i < depth; i++) filter = { not: filter };
  return filter;
}

type Calls = (index: Index, folder: string) => [sound: unknown[], hostile: readonly (readonly unknown[])[]];
const without = (list: readonly unknown[], ...out: unknown[]): unknown[] =>
  list.filter((value) => !out.includes(value));

/** For each method: arguments that are sound, and for each of them the values that must be refused in its place. */
const METHODS: Record<string, Calls> = {
  train: () => [
    [ONE, {}],
    [NOT_VECTORS, NOT_LONG_CALLS],
  ],
  add: () => [
    [ONE, {}],
    [NOT_VECTORS, [...NOT_LONG_CALLS, ...NOT_IDS.map((ids) => ({ ids })), { existing: 'maybe' }, { ids: [] }]],
  ],
  upsert: () => [
    [ONE, { ids: [1] }],
    [NOT_VECTORS, [...NOT_LONG_CALLS, undefined, {}, ...NOT_IDS.map((ids) => ({ ids }))]],
  ],
  addFrom: () => [
    [[ONE], {}],
    [
      [
        undefined,
        null,
        5,
        {},
        true,
        () => 1,
        [null],
        [5],
        ['abcd'],
        [{}],
        [{ vectors: 'x' }],
        [{ vectors: ONE, ids: [-1] }],
      ],
      NOT_LONG_CALLS,
    ],
  ],
  remove: () => [
    [[0], {}],
    [[undefined, ...NOT_IDS], NOT_CALLS],
  ],
  has: () => [[[0]], [[undefined, ...NOT_IDS]]],
  get: () => [
    [[0], {}],
    [[undefined, ...NOT_IDS, [12_345]], NOT_CALLS],
  ],
  ids: () => [[{}], [NOT_CALLS]],
  search: () => [
    [ONE, 1, {}],
    [NOT_VECTORS, NOT_K, [...NOT_SEARCHES, ...NOT_CALLS]],
  ],
  searchSync: () => [
    [ONE, 1, {}],
    [NOT_VECTORS, NOT_K, NOT_SEARCHES],
  ],
  range: () => [
    [ONE, 1, {}],
    [
      NOT_VECTORS,
      [undefined, null, NaN, Infinity, -Infinity, 1e300, '1', 1n, {}, [], true],
      [...NOT_CALLS, { nprobe: 0 }, { nprobe: 1.5 }, ...NOT_FILTERS.map((filter) => ({ filter }))],
    ],
  ],
  merge: (index) => [
    [index, {}],
    [[undefined, null, 5, {}, [], Object.create(Index.prototype), index], NOT_LONG_CALLS],
  ],
  compact: () => [[{}], [NOT_LONG_CALLS]],
  save: (_, folder) => [
    [join(folder, 's'), {}],
    [[...NOT_PATHS, folder, join(folder, 'no', 'where')], NOT_LONG_CALLS],
  ],
  exportFaiss: (_, folder) => [
    [join(folder, 'f'), {}],
    [[...without(NOT_PATHS, undefined), folder, join(folder, 'no', 'where')], NOT_LONG_CALLS],
  ],
  toGpu: () => [
    [{}],
    [
      [
        ...without(NOT_LONG_CALLS, undefined),
        ...[[], [-1], [0.5], ['0'], [0, 0], 0, 'all', null].map((devices) => ({ devices })),
        ...['both', 5, null].map((mode) => ({ mode })),
        ...[1, 'yes', null].map((float16) => ({ float16 })),
        { efSearch: 5 },
      ],
    ],
  ],
  toBuffer: () => [[{}], [NOT_LONG_CALLS]],
  tune: () => [
    [{ recall: 0.9 }],
    [
      [
        ...[undefined, ...NOT_OBJECTS, {}, { recall: 0 }, { recall: 2 }, { recall: NaN }, { recall: '1' }],
        ...NOT_K.filter((k) => k !== null).map((k) => ({ recall: 0.9, k })),
        ...NOT_VECTORS.filter((v) => v !== undefined).map((queries) => ({ recall: 0.9, queries })),
        { recall: 0.9, signal: {} },
      ],
    ],
  ],
  reset: () => [[], []],
  stats: () => [[], []],
  share: () => [[], []],
  ready: () => [[], []],
  close: () => [[], []],
};

const STATICS: Record<string, Calls> = {
  create: () => [
    [{ dim: DIM }],
    [
      [
        ...[undefined, ...NOT_OBJECTS, {}, [], { dim: 4, surprise: 1 }],
        ...[0, -1, 1.5, NaN, 65_537, 2 ** 31, '4', null, 4n, {}].map((dim) => ({ dim })),
        ...['x', 5, null, {}, '__proto__', 'toString'].map((metric) => ({ dim: 4, metric })),
        ...['', 5, null, {}, 'NOPE', 'IVF', 'HNSW-5', 'PQ3', 'IVF999999999,Flat', 'IDMap,Flat', 'Flat,'.repeat(99)].map(
          (type) => ({ dim: 4, type }),
        ),
        ...['int', 5, null].map((idType) => ({ dim: 4, idType })),
        ...[0, 1, -5, 1.5, 1e9, '32', null].map((M) => ({ dim: 4, type: 'hnsw', M })),
        ...['efConstruction', 'efSearch', 'nlist', 'nprobe', 'memory'].flatMap((name) =>
          [0, -5, 1.5, NaN, 1e300, '32', null].map((value) => ({ dim: 4, [name]: value })),
        ),
        ...[0, -1, NaN, 101, '2', null].map((metricArg) => ({ dim: 4, metric: 'lp', metricArg })),
        ...[0, -1, 1.1, NaN, '1', null].map((recall) => ({ dim: 4, recall })),
        ...['x', 5, null].map((policy) => ({ dim: 4, policy })),
      ],
    ],
  ],
  open: (_, folder) => [
    [join(folder, 'sound'), {}],
    [
      [...NOT_PATHS, folder, join(folder, 'nowhere'), '/dev/null', '/dev/zero'],
      [...NOT_LONG_CALLS, { mmap: 'yes' }, { mmap: 1 }, { verify: 'no' }, { untrusted: 1 }],
    ],
  ],
  fromBuffer: () => [
    [undefined, {}],
    [NOT_BYTES, NOT_LONG_CALLS],
  ],
  importFaiss: (_, folder) => [
    [undefined, { trusted: true }],
    [
      [
        ...without(NOT_PATHS, undefined).filter((path) => !Buffer.isBuffer(path)),
        folder,
        join(folder, 'nowhere'),
        '/dev/zero',
      ],
      [...NOT_LONG_CALLS, { idType: 'x' }, { metric: 'x' }, { metric: 5 }, { trusted: 'yes' }],
    ],
  ],
  attach: () => [['token'], [[undefined, null, 5, {}, '', 'nonsense', Symbol('s'), '\0', 'x'.repeat(1e5)]]],
  recommend: () => [
    [{ n: 10, dim: 4 }],
    [
      [
        undefined,
        ...NOT_OBJECTS,
        {},
        { n: -1, dim: 4 },
        { n: NaN, dim: 4 },
        { n: 1.5, dim: 4 },
        { n: '1', dim: 4 },
        { n: 10, dim: 0 },
        { n: 10, dim: 4, metric: 'x' },
        { n: 10, dim: 4, memory: -1 },
        { n: 10, dim: 4, recall: 2 },
      ],
    ],
  ],
};

function shown(value: unknown): string {
  if (typeof value === 'symbol' || typeof value === 'function' || typeof value === 'bigint') return String(value);
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${String(value.byteLength)} bytes)`;
  try {
    const text = JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part));
    return (text as string | undefined)?.slice(0, 80) ?? 'undefined';
  } catch {
    return typeof value;
  }
}

describe('A1: every public method refuses hostile arguments with a code', function () {
  this.timeout(120_000);
  let index: Index;
  let folder: string;
  const sound = new Map<string, unknown>();

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'quiver-fault-'));
    index = await Index.create({ dim: DIM, type: 'flat' });
    await index.add([ONE, [0, 1, 0, 0]]);
    await index.save(join(folder, 'sound'));
    sound.set('fromBuffer', await index.toBuffer());
    sound.set('importFaiss', await index.exportFaiss());
  });
  after(async () => {
    await index.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Calls with each hostile value in each place and returns what was not refused by a QuiverError. */
  async function failures(name: string, target: object, calls: Calls): Promise<string[]> {
    const found: string[] = [];
    const method = (target as Record<string, (...args: unknown[]) => unknown>)[name];
    const [given, hostile] = calls(index, folder);
    const usual = given.map((value) => value ?? sound.get(name));
    for (const [place, values] of hostile.entries()) {
      for (const value of values) {
        const args = usual.map((one, i) => (i === place ? value : one));
        const code = await codeOf(() => method.apply(target, args));
        if (!code.startsWith('E_') || code === 'E_INTERNAL')
          found.push(`argument ${String(place + 1)} = ${shown(value)}: ${code}`);
      }
    }
    return found;
  }

  it('A1 the table names every method of Index', () => {
    const own = (target: object): string[] =>
      Object.getOwnPropertyNames(target)
        .filter((name) => typeof Object.getOwnPropertyDescriptor(target, name)?.value === 'function')
        .filter((name) => name !== 'constructor');
    assert.deepEqual(Object.keys(METHODS).sort(), own(Index.prototype).sort());
    assert.deepEqual(Object.keys(STATICS).sort(), own(Index).sort());
  });

  for (const [name, calls] of Object.entries(METHODS)) {
    if (calls(undefined as unknown as Index, '')[1].length === 0) continue;
    it(`A1 index.${name}()`, async () => {
      assert.deepEqual(await failures(name, index, calls), []);
      assert.equal(index.count, 2);
      assert.deepEqual([...(await index.search(ONE, 2)).ids], [0, 1]);
    });
  }
  for (const [name, calls] of Object.entries(STATICS)) {
    it(`A1 Index.${name}()`, async () => assert.deepEqual(await failures(name, Index, calls), []));
  }

  it('A1 configure() and SearchResult.row()', async () => {
    for (const threads of [0, -1, 1.5, NaN, 1025, '2', {}, 2n]) {
      assert.match(await codeOf(() => configure({ threads: threads as number })), /^E_(ARGUMENT|RANGE)$/);
    }
    for (const options of NOT_OBJECTS) {
      assert.match(
        await codeOf(() => configure(options as unknown as { threads: number })),
        /^E_ARGUMENT$/,
        shown(options),
      );
    }
    const result = index.searchSync(ONE, 1);
    assert.ok(result instanceof SearchResult);
    for (const row of [-1, 1, 0.5, NaN, '0', null]) assert.match(await codeOf(() => result.row(row as number)), /^E_/);
  });

  it('A1 methods without their index are E_RECEIVER, on any other receiver', async () => {
    const wrong: string[] = [];
    for (const name of Object.keys(METHODS)) {
      const method = (index as unknown as Record<string, (...args: unknown[]) => unknown>)[name];
      for (const receiver of [undefined, null, 5, {}, Object.create(Index.prototype), new Proxy(index, {})]) {
        const [args] = METHODS[name](index, folder);
        const code = await codeOf(() => Reflect.apply(method, receiver, args));
        if (code !== 'E_RECEIVER') wrong.push(`${name} on ${shown(receiver)}: ${code}`);
      }
    }
    for (const name of ['count', 'closed']) {
      const getter = Object.getOwnPropertyDescriptor(Index.prototype, name)!.get!;
      const code = await codeOf(() => Reflect.apply(getter, {}, []) as unknown);
      if (code !== 'E_RECEIVER') wrong.push(`get ${name}: ${code}`);
    }
    assert.deepEqual(wrong, []);
  });

  it('A1 methods of a closed index are E_CLOSED', async () => {
    const closed = await Index.create({ dim: DIM, type: 'flat' });
    await closed.add(ONE);
    await Promise.all([closed.close(), closed.close()]);
    for (const [name, calls] of Object.entries(METHODS)) {
      if (name === 'close') continue;
      const method = (closed as unknown as Record<string, (...args: unknown[]) => unknown>)[name];
      const [args] = calls(index, folder);
      assert.equal(await codeOf(() => method.apply(closed, args)), 'E_CLOSED', name);
    }
    assert.equal(closed.count, 0);
    assert.equal(await codeOf(() => index.merge(closed)), 'E_CLOSED');
  });

  it('A1 an error says what was expected and what came', async () => {
    await assert.rejects(index.search(ONE, 0), (error: unknown) => {
      assert.ok(error instanceof QuiverError);
      assert.equal(error.code, 'E_RANGE');
      assert.match(error.message, /k must be/);
      assert.ok(error.expected && error.actual);
      return true;
    });
  });
});
