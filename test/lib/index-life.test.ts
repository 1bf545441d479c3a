import { strict as assert } from 'node:assert';
import { Index } from '../../lib/index.js';
import { clustered, counting, fails, indexes, row, suiteFolder, vectors, type Failure } from './support.js';

const dim = 8;
const one = vectors(1, dim, 1);

/** Arguments for each method of an index: all of them, as the first test makes sure. */
const CALLS: Record<string, (other: Index, path: (name: string) => string) => unknown[]> = {
  train: () => [vectors(10, dim, 1)],
  add: () => [one],
  upsert: () => [one, { ids: [1] }],
  addFrom: () => [[one]],
  remove: () => [[1]],
  reset: () => [],
  merge: (other) => [other],
  compact: () => [],
  has: () => [[1]],
  ids: () => [],
  get: () => [[0]],
  search: () => [one, 1],
  searchSync: () => [one, 1],
  range: () => [one, 1],
  tune: () => [{ recall: 0.9 }],
  save: (_, path) => [path('a.quiver')],
  toBuffer: () => [],
  exportFaiss: () => [],
  toGpu: () => [],
  share: () => [],
  ready: () => [],
  stats: () => [],
};
/** These work on a closed index, too. */
const LAST = ['close', Symbol.dispose, Symbol.asyncDispose];
const GETTERS = ['count', 'closed'];
const SYNC = new Set<string | symbol>(['searchSync', 'share', 'stats', Symbol.dispose]);

const CLOSED: Failure = {
  code: 'E_CLOSED',
  message: 'The index is closed.',
  expected: 'an open index',
  actual: 'a closed one',
};

type Method = (this: unknown, ...args: unknown[]) => unknown;
const methodOf = (name: string | symbol): Method =>
  (Index.prototype as unknown as Record<string | symbol, Method>)[name];

/** The call fails with this, by its promise where it is one that gives a promise. */
async function refuses(name: string | symbol, self: unknown, args: unknown[], failure: Failure): Promise<void> {
  let promise: unknown;
  const start = (): unknown => (promise = methodOf(name).apply(self, args));
  if (!SYNC.has(name)) {
    assert.doesNotThrow(start, `${String(name)} rejects and does not throw`);
    assert.ok(promise instanceof Promise, String(name));
  }
  await fails(SYNC.has(name) ? start : (promise as Promise<unknown>), failure);
}

describe('lib: the life of an Index', () => {
  const { keep, make } = indexes();
  const path = suiteFolder();

  it('the tests below know every method', () => {
    const all = Reflect.ownKeys(Index.prototype).filter((name) => name !== 'constructor');
    assert.deepEqual(new Set(all), new Set([...Object.keys(CALLS), ...LAST, ...GETTERS]));
  });

  it('is not made by new', async () => {
    const Constructor = Index as unknown as new (options?: unknown) => Index;
    for (const make of [() => new Constructor(), () => new Constructor({ dim: 3 })]) {
      await fails(make, {
        code: 'E_ARGUMENT',
        message:
          'An index is not made by new: use await Index.create({ dim }), Index.open(path) or Index.attach(token).',
        expected: 'Index.create()',
        actual: 'new Index()',
      });
    }
  });

  describe('closed', () => {
    for (const [name, args] of Object.entries(CALLS)) {
      it(`${name} is refused`, async () => {
        const index = await make({ dim, type: 'flat' }, vectors(20, dim, 2));
        const other = await make({ dim, type: 'flat' });
        await index.close();
        await refuses(name, index, args(other, path), CLOSED);
      });
    }

    it('knows that it is, and holds nothing', async () => {
      const index = await make({ dim, type: 'flat' }, vectors(20, dim, 2));
      assert.deepEqual([index.closed, index.count], [false, 20]);
      const closing = index.close();
      assert.deepEqual([index.closed, index.count], [true, 0], 'from the call on');
      await closing;
      assert.deepEqual(
        [index.closed, index.count, index.dim, index.metric, index.idType],
        [true, 0, dim, 'l2', 'number'],
      );
    });

    it('may be closed again, in any way', async () => {
      const index = await make({ dim, type: 'flat' }, vectors(20, dim, 2));
      await Promise.all([index.close(), index.close()]);
      await index.close();
      index[Symbol.dispose]();
      await index[Symbol.asyncDispose]();
      assert.equal(index.closed, true);
    });

    it('refuses what is called while it closes', async () => {
      const index = await make({ dim, type: 'flat' }, vectors(20, dim, 2));
      const closing = index.close();
      await fails(index.search(one, 1), CLOSED);
      await fails(() => index.stats(), CLOSED);
      await closing;
    });
  });

  describe('close', () => {
    it('waits for every call that was made before, and all of them succeed', async () => {
      const data = clustered(4000, dim, 3);
      const index = await make({ dim, type: 'flat' }, data);
      const done: string[] = [];
      const note = async <T>(name: string, call: Promise<T>): Promise<T> => {
        const value = await call;
        done.push(name);
        return value;
      };
      const singles = counting(40).map((i) => index.search(row(data, i, dim), 3));
      const calls = [
        note('search', index.search(data, 10)),
        note('range', index.range(data.subarray(0, 80), 0.1)),
        note('ids', index.ids()),
        note('has', index.has([1])),
        note('get', index.get(counting(4000))),
        note('add', index.add(vectors(10, dim, 4))),
        note('large add', index.add(vectors(200_000, dim, 5))),
        note('remove', index.remove([1])),
        note('save', index.save(path('waits.quiver'))),
        note('toBuffer', index.toBuffer()),
        note('exportFaiss', index.exportFaiss()),
        note('compact', index.compact()),
      ] as const;
      await note('close', index.close());
      assert.equal(done.length, calls.length + 1);
      assert.equal(done.at(-1), 'close');
      const found = await calls[0];
      // The remove came after the search, but need not have run after it.
      for (let i = 2; i < 4000; i++) assert.equal(found.row(i)[0].id, i);
      assert.equal((await calls[6]).added, 200_000, 'one that is copied over several turns, too');
      for (const [i, single] of singles.entries()) if (i !== 1) assert.equal((await single).row(0)[0].id, i);
      const again = keep(await Index.open(path('waits.quiver')));
      assert.equal(again.count, 4000 + 10 + 200_000 - 1);
    });

    it('waits for a training and for calls that fail', async () => {
      const index = await make({ dim, type: 'ivf' });
      const training = index.train(clustered(3000, dim, 6));
      const failing = fails(index.get([5]), {
        code: 'E_NOT_FOUND',
        message: 'There is no vector with the id 5.',
        expected: 'an id in the index',
        actual: '5',
      });
      await index.close();
      await Promise.all([training, failing]);
    });

    it('does not wait for a source: addFrom ends before its next batch', async () => {
      const index = await make({ dim, type: 'flat' });
      let ended = false;
      async function* source(): AsyncGenerator<Float32Array> {
        try {
          yield one;
          await index.close();
          yield one;
        } finally {
          ended = true;
        }
      }
      await fails(index.addFrom(source()), CLOSED);
      assert.equal(ended, true);
    });

    it('does not wait for a merge or a tuning: they end before their next step', async () => {
      const data = clustered(40_000, 16, 7);
      const one = await make({ dim: 16, type: 'flat' });
      const two = await make({ dim: 16, type: 'flat' }, data);
      let closing: Promise<void> | undefined;
      const merging = one.merge(two, { onProgress: () => (closing ??= one.close()) });
      await fails(merging, CLOSED);
      await closing;
      assert.ok(two.count > 0 && two.count < 40_000, `${two.count} stayed`);
      const lists = await make({ dim: 16, type: 'ivf', nlist: 256 }, data);
      const tuning = fails(lists.tune({ recall: 1 }), CLOSED);
      await new Promise((resolve) => setImmediate(resolve));
      await lists.close();
      await tuning;
    });

    it('ends a move between tiers', async () => {
      const index = await make({ dim, type: 'auto', policy: 'guide' });
      await index.add(clustered(12_000, dim, 8));
      assert.equal(index.stats().auto!.rebuilding, true);
      await index.close();
      assert.equal(index.closed, true);
    });

    it('`using` starts it and `await using` waits for it', async () => {
      let first: Index;
      {
        using index = await Index.create({ dim, type: 'flat' });
        first = index;
        assert.equal(index.closed, false);
      }
      assert.equal(first.closed, true);
      let second: Index;
      let found: Promise<unknown>;
      {
        await using index = await Index.create({ dim, type: 'flat' });
        await index.add(vectors(5000, dim, 9));
        second = index;
        found = index.search(vectors(100, dim, 10), 5);
      }
      assert.equal(second.closed, true);
      await found;
    });
  });

  describe('a method without its index', () => {
    const receivers: [string, unknown, string][] = [
      ['nothing', undefined, 'undefined'],
      ['null', null, 'object'],
      ['a string', 'index', 'string'],
      ['an object', {}, 'object'],
      ['the prototype', Index.prototype, 'object'],
      ['an heir of the prototype', Object.create(Index.prototype), 'object'],
    ];
    const failure = (actual: string): Failure => ({
      code: 'E_RECEIVER',
      message: 'The method was called without its index: use index.method(), or bind it.',
      expected: 'an Index as `this`',
      actual,
    });
    for (const name of [...Object.keys(CALLS), ...LAST]) {
      it(`${String(name)} is refused`, async () => {
        const other = await make({ dim, type: 'flat' });
        for (const [, self, actual] of receivers) {
          const args = typeof name === 'string' ? (CALLS[name]?.(other, path) ?? []) : [];
          await refuses(name, self, args, failure(actual));
        }
      });
    }

    for (const name of GETTERS) {
      it(`${name} is refused`, async () => {
        const { get } = Object.getOwnPropertyDescriptor(Index.prototype, name)!;
        for (const [, self, actual] of receivers) await fails(() => get!.call(self), failure(actual));
      });
    }

    it('a bound one works', async () => {
      const index = await make({ dim, type: 'flat' }, one);
      const search = index.search.bind(index);
      assert.equal((await search(one, 1)).row(0)[0].id, 0);
    });
  });

  describe('stats', () => {
    it('of a flat index: what it holds, and nothing of graphs or lists', async () => {
      const index = await make({ dim, type: 'flat', metric: 'cosine', idType: 'bigint' });
      const empty = index.stats();
      assert.deepEqual(empty, {
        dim,
        metric: 'cosine',
        idType: 'bigint',
        factory: 'Flat',
        kind: 'Flat',
        count: 0,
        deleted: 0,
        trained: true,
        bytes: 0,
        derivedBytes: 0,
        mapped: false,
        generation: empty.generation,
      });
      await index.add(vectors(100, dim, 11));
      const full = index.stats();
      assert.deepEqual([full.count, full.bytes], [100, 100 * dim * 4]);
      assert.ok(full.generation > empty.generation);
    });

    it('of a graph and of lists: their parameters', async () => {
      const graph = await make({ dim, type: 'hnsw', M: 12, efConstruction: 30, efSearch: 20 }, vectors(100, dim, 12));
      const { kind, factory, M, efConstruction, efSearch, nlist } = graph.stats();
      assert.deepEqual(
        [kind, factory, M, efConstruction, efSearch, nlist],
        ['HNSW', 'HNSW12,Flat', 12, 30, 20, undefined],
      );
      const lists = await make({ dim, type: 'ivf', nlist: 4, nprobe: 3 }, vectors(400, dim, 13));
      const of = lists.stats();
      assert.deepEqual([of.kind, of.factory, of.nlist, of.nprobe, of.M], ['IVF', 'IVF4,Flat', 4, 3, undefined]);
    });

    it('counts the removed until they are swept', async () => {
      const index = await make({ dim, type: 'hnsw' }, vectors(100, dim, 14));
      const before = index.stats().generation;
      await index.remove([1, 2, 3]);
      const { count, deleted, generation } = index.stats();
      assert.deepEqual([count, deleted], [97, 3]);
      assert.ok(generation > before);
      await index.compact();
      assert.equal(index.stats().deleted, 0);
    });
  });

  describe('ready', () => {
    it('comes when compaction has ended, and at once where there is nothing to wait for', async () => {
      const index = await make({ dim, type: 'hnsw', M: 8, efConstruction: 40 }, clustered(1500, dim, 15));
      await index.ready();
      await index.remove(counting(600));
      await index.ready();
      assert.deepEqual([index.stats().deleted, index.count], [0, 900]);
    });

    it('comes also when the index is closed meanwhile', async () => {
      const index = await make({ dim, type: 'auto', policy: 'guide' });
      await index.add(clustered(12_000, dim, 16));
      const ready = index.ready();
      await index.close();
      await ready;
    });
  });
});
