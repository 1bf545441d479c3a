import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { Index, type RangeResult, type SearchResult } from '../../lib/index.js';
import { detach, resizableFloats, sharedFloats } from './support/buffers.js';
import { codeOf } from './support/fixture.js';
import { DIM } from './support/kinds.js';
import { Random, seed, trials, vectors } from './support/random.js';

type Input = Float32Array | Float64Array | Uint8Array;

/** A call that is ready to be made: its arrays, and how it starts. */
interface Ready {
  inputs: Input[];
  /** Gives what can be compared. */
  start: (...inputs: never[]) => Promise<unknown>;
}

/** What a caller may do to its arrays as soon as it has its promise. */
const HARMS: Record<string, (input: Input) => void> = {
  transferred: (input) => detach(input),
  'overwritten with NaN, or ones': (input) => input.fill(input instanceof Uint8Array ? 255 : NaN),
  'turned round': (input) => input.reverse(),
};

const ROWS = 500;
const data = vectors(ROWS, DIM, seed);
const first = (n: number): Float32Array => data.slice(0, n * DIM);

async function contents(index: Index): Promise<unknown> {
  const ids = (await index.ids()).sort() as Float64Array;
  const vectorsOf = await index.get(ids);
  await index.close();
  return { ids, vectors: vectorsOf };
}

const found = async (running: Promise<SearchResult | RangeResult>): Promise<unknown> => {
  const { ids, distances } = await running;
  return { ids, distances };
};

/** Under 20, where FAISS would turn to BLAS: how a batch is shared out would show in the last digits. */
const MANY = 15;

/** A write to an index of its own, and then what is in it. */
async function writing<T extends Input[]>(
  type: string,
  inputs: T,
  write: (index: Index, ...inputs: T) => Promise<unknown>,
  { before, after }: { before?: Float32Array; after?: Float32Array } = {},
): Promise<Ready> {
  const index = await Index.create({ dim: DIM, type });
  if (before) await index.add(before);
  const start = async (...given: never[]): Promise<unknown> => {
    await write(index, ...(given as unknown as T));
    if (after) await index.add(after);
    return contents(index);
  };
  return { inputs, start };
}

describe('A10: what becomes of an array after a call does not reach the call', function () {
  this.timeout(60_000);
  let index: Index;
  let snapshot: Uint8Array;
  let plain: Uint8Array;

  before(async () => {
    index = await Index.create({ dim: DIM, type: 'flat' });
    await index.add(data);
    snapshot = await index.toBuffer();
    plain = await index.exportFaiss();
  });
  after(() => index.close());

  const { signal } = new AbortController();
  const CALLS: Record<string, () => Promise<Ready> | Ready> = {
    'search of one': () => ({ inputs: [first(1)], start: (q: Float32Array) => found(index.search(q, 5)) }),
    'search of one, handed over': () => ({
      inputs: [first(1)],
      start: (q: Float32Array) => found(index.search(q, 5_000, { signal })),
    }),
    'search of many': () => ({ inputs: [first(MANY)], start: (q: Float32Array) => found(index.search(q, 5)) }),
    'search among ids': () => ({
      inputs: [first(MANY), Float64Array.of(1, 2, 3, 4, 400)],
      start: (q: Float32Array, ids: Float64Array) => found(index.search(q, 5, { filter: { ids } })),
    }),
    'search by bitmap': () => ({
      inputs: [first(MANY), Uint8Array.of(0b10101010, 0b1)],
      start: (q: Float32Array, bitmap: Uint8Array) => found(index.search(q, 5, { filter: { bitmap } })),
    }),
    range: () => ({ inputs: [first(MANY)], start: (q: Float32Array) => found(index.range(q, 5)) }),
    get: () => ({ inputs: [Float64Array.of(7, 8, 9)], start: (ids: Float64Array) => index.get(ids) }),
    has: () => ({ inputs: [Float64Array.of(7, 8, 9_999)], start: (ids: Float64Array) => index.has(ids) }),
    add: () =>
      writing<[Float32Array, Float64Array]>(
        'Flat',
        [first(100), Float64Array.from({ length: 100 }, (_, i) => 1_000 + i)],
        (to, v, ids) => to.add(v, { ids }),
      ),
    'add to a graph': () => writing('HNSW16,Flat', [first(100)], (to, v) => to.add(v)),
    remove: () => writing('Flat', [Float64Array.of(3, 4)], (to, ids) => to.remove(ids), { before: data }),
    train: () => writing('PQ8x4np', [first(300)], (to, v) => to.train(v), { after: data }),
    fromBuffer: () => ({
      inputs: [Uint8Array.from(snapshot)],
      start: async (bytes: Uint8Array) => contents(await Index.fromBuffer(bytes)),
    }),
    'importFaiss of trusted bytes': () => ({
      inputs: [Uint8Array.from(plain)],
      start: async (bytes: Uint8Array) => contents(await Index.importFaiss(bytes, { trusted: true })),
    }),
    'importFaiss of bytes that a child tries first': () => ({
      inputs: [Uint8Array.from(plain)],
      start: async (bytes: Uint8Array) => contents(await Index.importFaiss(bytes)),
    }),
  };

  for (const [name, ready] of Object.entries(CALLS)) {
    it(`A10 ${name}`, async () => {
      const calm = await ready();
      const wanted = await calm.start(...(calm.inputs as never[]));
      for (const [harm, does] of Object.entries(HARMS)) {
        const { inputs, start } = await ready();
        const running = start(...(inputs as never[]));
        inputs.forEach(does);
        assert.deepEqual(await running, wanted, harm);
      }
    });
  }

  it('A10 memory that is shared or can change its size is refused with E_ARGUMENT', async () => {
    const growable = new (SharedArrayBuffer as unknown as new (bytes: number, more: object) => SharedArrayBuffer)(
      DIM * 4,
      { maxByteLength: DIM * 8 },
    );
    for (const floats of [sharedFloats(DIM), resizableFloats(DIM), new Float32Array(growable)]) {
      const bytes = new Uint8Array(floats.buffer);
      const calls: Record<string, () => unknown> = {
        search: () => index.search(floats, 1),
        searchSync: () => index.searchSync(floats, 1),
        'search by bitmap': () => index.search(first(1), 1, { filter: { bitmap: bytes } }),
        range: () => index.range(floats, 1),
        add: () => index.add(floats),
        'add, as rows': () => index.add([floats]),
        'add ids': () => index.add(first(1), { ids: new Float64Array(floats.buffer, 0, 1) }),
        train: () => index.train(floats),
        fromBuffer: () => Index.fromBuffer(bytes),
        importFaiss: () => Index.importFaiss(bytes),
      };
      for (const [name, call] of Object.entries(calls)) assert.equal(await codeOf(call), 'E_ARGUMENT', name);
    }
    assert.equal(index.count, ROWS);
  });

  it('A10 arrays over 4 MB, which are read over several turns: the answer, or a code, and never a crash', async () => {
    const random = new Random(seed);
    const rows = 40_000; // 5.1 MB
    const large = vectors(rows, DIM, seed + 1);
    const filled = await Index.create({ dim: DIM, type: 'flat' });
    await filled.add(large);
    const bytes = await filled.toBuffer();
    const outcomes = new Set<string>();
    for (let i = 0; i < trials(2); i++) {
      for (const does of Object.values(HARMS)) {
        const target = await Index.create({ dim: DIM, type: 'flat' });
        const calls: ((input: Float32Array | Uint8Array) => Promise<unknown>)[] = [
          (input) => target.add(input as Float32Array),
          (input) => target.train(input as Float32Array),
          (input) => index.search(input as Float32Array, 1),
          async (input) => (await Index.fromBuffer(input as Uint8Array)).close(),
        ];
        for (const [n, call] of calls.entries()) {
          const input = n === 3 ? Uint8Array.from(bytes) : large.slice();
          const running = codeOf(() => call(input));
          for (let turn = random.below(3); turn >= 0; turn--) await nextTurn();
          does(input);
          outcomes.add(await running);
        }
        await target.close();
      }
    }
    await filled.close();
    const wrong = [...outcomes].filter((code) => !['none', 'E_ARGUMENT', 'E_NOT_FINITE', 'E_CORRUPT'].includes(code));
    assert.deepEqual({ seed, wrong }, { seed, wrong: [] });
    assert.ok(outcomes.has('E_ARGUMENT'), [...outcomes].join());
  });
});
