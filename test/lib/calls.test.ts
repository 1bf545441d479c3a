import { strict as assert } from 'node:assert';
import { getEventListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { Index, QuiverError, type LongCallOptions, type Progress } from '../../lib/index.js';
import { clustered, counting, fails, indexes, row, suiteFolder, vectors, type Failure } from './support.js';

const dim = 16;
const data = clustered(3000, dim, 31);

const ABORTED: Failure = {
  code: 'E_ABORTED',
  message: 'The call was aborted.',
  expected: /^a (signal|call) that is not aborted$/,
  actual: 'an aborted one',
};

interface Subject {
  index: Index;
  other: Index;
  path: (name: string) => string;
  saved: string;
  bytes: Buffer;
  faiss: Buffer;
}
type Call = (subject: Subject, options: LongCallOptions) => Promise<unknown>;

/** Answered by a reader: an abort ends them at once. */
const READS: Record<string, Call> = {
  'search of one': ({ index }, o) => index.search(row(data, 0, dim), 5, o),
  'search of a batch': ({ index }, o) => index.search(data, 5, o),
  'search with a filter': ({ index }, o) => index.search(row(data, 0, dim), 5, { ...o, filter: { range: [0, 9] } }),
  'search in pieces': ({ index }, o) => index.search(new Float32Array(70_000 * dim), 1, o),
  range: ({ index }, o) => index.range(data, 0.1, o),
  ids: ({ index }, o) => index.ids(o),
  get: ({ index }, o) => index.get([1], o),
  tune: ({ index }, o) => index.tune({ recall: 0.5, ...o }),
};
/** Run one after the other on their index. */
const WRITES: Record<string, Call> = {
  train: ({ index }, o) => index.train(data, o),
  add: ({ index }, o) => index.add(data, o),
  'add over several turns': ({ index }, o) => index.add(new Float32Array(80_000 * dim), o),
  upsert: ({ index }, o) => index.upsert(row(data, 0, dim), { ids: [5], ...o }),
  addFrom: ({ index }, o) => index.addFrom([data], o),
  remove: ({ index }, o) => index.remove([1], o),
  merge: ({ index, other }, o) => index.merge(other, o),
  compact: ({ index }, o) => index.compact(o),
  save: ({ index, path }, o) => index.save(path('aborted.quiver'), o),
  toBuffer: ({ index }, o) => index.toBuffer(o),
  'exportFaiss to a file': ({ index, path }, o) => index.exportFaiss(path('aborted.faiss'), o),
};
/** Make an index, which the caller then has to close. */
const MAKERS: Record<string, Call> = {
  open: ({ saved }, o) => Index.open(saved, o),
  'open of a mapped file': ({ saved }, o) => Index.open(saved, { mmap: true, ...o }),
  fromBuffer: ({ bytes }, o) => Index.fromBuffer(bytes, o),
  importFaiss: ({ faiss }, o) => Index.importFaiss(faiss, { trusted: true, ...o }),
};
const ALL = { ...READS, ...WRITES, ...MAKERS };

describe('lib: calls', () => {
  const { keep, make } = indexes();
  const path = suiteFolder();

  /** A graph with some dead rows, so that there is something to compact. */
  const subject = async (): Promise<Subject> => {
    const index = await make({ dim, type: 'hnsw', M: 8, efConstruction: 40 }, data);
    await index.remove(counting(100));
    const other = await make({ dim, type: 'flat' }, data.subarray(0, 160), counting(10, 9000));
    const saved = path('saved.quiver');
    await index.save(saved);
    const [bytes, faiss] = await Promise.all([index.toBuffer(), index.exportFaiss()]);
    return { index, other, path, saved, bytes, faiss };
  };
  const closing = async (value: unknown): Promise<void> => {
    if (value instanceof Index) await value.close();
  };

  describe('aborted before it begins', () => {
    for (const [name, call] of Object.entries(ALL)) {
      it(`${name} does nothing`, async () => {
        const it = await subject();
        const before = it.index.stats();
        const reason = new Error('why');
        const error = await fails(call(it, { signal: AbortSignal.abort(reason) }), ABORTED);
        assert.equal(error.cause, reason);
        assert.deepEqual(it.index.stats(), before);
        assert.equal(it.other.count, 10);
      });
    }
  });

  describe('aborted when it has ended', () => {
    for (const [name, call] of Object.entries(ALL)) {
      it(`${name} stays, and nothing listens to the signal any more`, async () => {
        const controller = new AbortController();
        const it = await subject();
        const value = await call(it, { signal: controller.signal });
        assert.deepEqual(getEventListeners(controller.signal, 'abort'), []);
        const { generation } = it.index.stats();
        controller.abort();
        await it.index.ready();
        assert.equal(it.index.stats().generation, generation);
        await closing(value);
      });
    }
  });

  describe('aborted right after the call', () => {
    for (const [name, call] of Object.entries({ ...READS, ...MAKERS })) {
      if (name === 'search of one') continue;
      it(`${name} ends at once`, async () => {
        const it = await subject();
        const controller = new AbortController();
        const running = call(it, { signal: controller.signal });
        controller.abort('now');
        const error = await fails(running, ABORTED);
        assert.equal(error.cause, 'now');
        assert.deepEqual(getEventListeners(controller.signal, 'abort'), []);
      });
    }

    it('search of one in a small index has its answer already', async () => {
      const index = await make({ dim, type: 'flat' }, data.subarray(0, 160));
      const controller = new AbortController();
      const running = index.search(row(data, 3, dim), 1, { signal: controller.signal });
      controller.abort();
      assert.equal((await running).row(0)[0]!.id, 3);
    });

    for (const [name, call] of Object.entries(WRITES)) {
      it(`${name} that waits for its turn is not begun`, async () => {
        const it = await subject();
        const count = it.index.count;
        // Writes of one index run in order: this one is still at work when the signal fires.
        const first = it.index.add(clustered(3000, dim, 32), { ids: counting(3000, 100_000) });
        const controller = new AbortController();
        const running = call(it, { signal: controller.signal });
        controller.abort('now');
        const error = await fails(running, {
          ...ABORTED,
          message: /^The (call was aborted\.|merge was aborted after 0 of 10 vectors; .*)$/,
          expected: /./,
          actual: /./,
        });
        assert.equal(error.cause, 'now');
        await first;
        await it.index.ready();
        assert.deepEqual([it.index.count, it.other.count], [count + 3000, 10]);
        assert.ok(!existsSync(path('aborted.quiver')) && !existsSync(path('aborted.faiss')), 'no file is left');
      });
    }
  });

  describe('aborted in the middle', () => {
    /** Aborts at the first word of progress. */
    const atFirstWord = () => {
      const controller = new AbortController();
      return { signal: controller.signal, onProgress: () => controller.abort('in the middle') };
    };

    it('add says how far it came, and that stays', async () => {
      const index = await make({ dim, type: 'hnsw', efConstruction: 200 });
      const error = await fails(index.add(vectors(30_000, dim, 33), atFirstWord()), {
        code: 'E_ABORTED',
        message: /^The add was aborted after \d+ of 30000 vectors; those stay in the index\.$/,
        expected: '30000 vectors',
        actual: /^\d+$/,
      });
      assert.equal(error.cause, 'in the middle');
      assert.equal(index.count, Number(error.actual));
      assert.ok(index.count > 0 && index.count < 30_000);
      const found = await index.search(vectors(30_000, dim, 33).subarray(0, dim), 1);
      assert.deepEqual(found.row(0), [{ id: 0, distance: 0 }]);
      assert.deepEqual((await index.add(row(data, 0, dim))).ids, Float64Array.of(index.count - 1), 'ids count on');
    });

    it('a compaction leaves the index as it was', async () => {
      const index = await make({ dim, type: 'hnsw', efConstruction: 200 }, clustered(20_000, dim, 34));
      await index.remove(counting(200));
      await fails(index.compact(atFirstWord()), ABORTED);
      assert.deepEqual([index.stats().deleted, index.count], [200, 19_800]);
      await index.compact();
      assert.deepEqual([index.stats().deleted, index.count], [0, 19_800]);
    });

    it('a training leaves it untrained', async () => {
      const index = await make({ dim, type: 'ivf', nlist: 1000 });
      await fails(index.train(vectors(60_000, dim, 35), atFirstWord()), ABORTED);
      assert.equal(index.stats().trained, false);
      await index.train(data);
      assert.equal(index.stats().trained, true);
    });

    it('a save leaves no file, or the one that was there', async () => {
      const index = await make({ dim, type: 'flat' });
      const saved = path('kept.quiver');
      await index.add(row(data, 0, dim));
      await index.save(saved);
      for (let i = 0; i < 8; i++) await index.add(new Float32Array(200_000 * dim).fill(i));
      await fails(index.save(saved, atFirstWord()), ABORTED);
      await fails(index.save(path('none.quiver'), atFirstWord()), ABORTED);
      await fails(index.toBuffer(atFirstWord()), ABORTED);
      assert.equal(existsSync(path('none.quiver')), false);
      assert.equal(keep(await Index.open(saved)).count, 1);
    });

    it('a signal with a reason of its own kind hands it on', async () => {
      const index = await make({ dim, type: 'hnsw', efConstruction: 200 });
      const signal = AbortSignal.timeout(1);
      const error = await fails(index.add(vectors(60_000, dim, 36), { signal }), {
        code: 'E_ABORTED',
        message: /aborted/,
      });
      assert.equal((error.cause as DOMException).name, 'TimeoutError');
    });
  });

  describe('progress', () => {
    const LONG = [
      'train',
      'add',
      'add over several turns',
      'addFrom',
      'merge',
      'compact',
      'save',
      'toBuffer',
      'open',
      'fromBuffer',
    ];
    const PHASES = new Set(['add', 'train', 'rebuild', 'merge', 'save', 'open', 'verify']);

    for (const name of LONG) {
      it(`of ${name} only grows, and ends at its total`, async () => {
        const seen: Progress[] = [];
        const it = await subject();
        await closing(await ALL[name]!(it, { onProgress: (progress) => void seen.push(progress) }));
        if (name === 'train') assert.deepEqual(seen, [], 'a graph learns nothing');
        else assert.ok(seen.length > 0);
        for (const [i, { phase, done, total }] of seen.entries()) {
          assert.ok(PHASES.has(phase), phase);
          const before = seen[i - 1];
          if (before?.phase === phase) assert.ok(done > before.done, `${phase}: ${done} after ${before.done}`);
          if (total > 0) assert.ok(done <= total, `${done} of ${total}`);
          const last = seen[i + 1]?.phase !== phase;
          if (last && total > 0) assert.equal(done, total, phase);
        }
      });

      it(`of ${name}: an onProgress that throws ends it with its own error`, async () => {
        if (name === 'train') return;
        for (const thrown of [
          new Error('mine'),
          undefined,
          'text',
          { code: 'E_MINE', message: 'x' },
          new QuiverError('E_RANGE', 'mine'),
        ]) {
          const it = await subject();
          const onProgress = (): never => {
            throw thrown; // eslint-disable-line @typescript-eslint/only-throw-error -- whatever a caller may throw
          };
          const outcome = await ALL[name]!(it, { onProgress }).then(
            () => 'fulfilled',
            (error: unknown) => ({ error }),
          );
          assert.deepEqual(outcome, { error: thrown });
          assert.ok(outcome !== 'fulfilled' && (outcome as { error: unknown }).error === thrown, 'the very one');
          assert.equal((await it.index.search(row(data, 500, dim), 1)).row(0)[0]!.id, 500, 'the index works');
        }
      });
    }

    it('of a training begins at 0', async () => {
      const index = await make({ dim, type: 'ivf' });
      const seen: Progress[] = [];
      await index.train(data, { onProgress: (progress) => void seen.push(progress) });
      assert.deepEqual(
        seen,
        [0, 3000].map((done) => ({ phase: 'train', done, total: 3000 })),
      );
    });
  });

  describe('options that are none are refused by', () => {
    for (const [name, call] of Object.entries(ALL)) {
      it(name, async () => {
        const it = await subject();
        await fails(call(it, { signal: {} as never }), {
          code: 'E_ARGUMENT',
          message: 'signal must be an AbortSignal, but is an Object.',
          expected: 'an AbortSignal',
          actual: 'an Object',
        });
        if (name in WRITES || name in MAKERS) {
          await fails(call(it, { onProgress: 5 as never }), {
            code: 'E_ARGUMENT',
            message: 'onProgress must be a function, but is 5.',
            expected: 'a function',
            actual: '5',
          });
        }
      });
    }

    it('those that take only options', async () => {
      const index = await make({ dim, type: 'flat' });
      const failure = {
        code: 'E_ARGUMENT' as const,
        message: 'options must be an object, but is null.',
        expected: 'an object',
        actual: 'null',
      };
      for (const call of [
        () => index.compact(null as never),
        () => index.ids(null as never),
        () => index.toBuffer(null as never),
        () => index.save(path('x'), null as never),
        () => index.add(data, null as never),
        () => index.search(data, 1, null as never),
        () => index.addFrom([], null as never),
        () => index.tune(null as never),
      ]) {
        await fails(call, failure);
      }
    });
  });

  it('an error has the stack of the call, down to the caller', async () => {
    const index = await make({ dim, type: 'flat' });
    async function whoAsked(): Promise<void> {
      await index.get([5]);
    }
    const error = await fails(whoAsked(), {
      code: 'E_NOT_FOUND',
      message: 'There is no vector with the id 5.',
      expected: /./,
      actual: '5',
    });
    assert.match(error.stack!, /whoAsked/);
  });

  it('one of many calls that share a signal does not end the others', async () => {
    const index = await make({ dim, type: 'flat' }, data);
    const controller = new AbortController();
    const { signal } = controller;
    const asked = counting(20).map((i) => index.search(row(data, i, dim), 1, { signal, exact: true }));
    await assert.rejects(index.get([99_999], { signal }), { code: 'E_NOT_FOUND' });
    for (const [i, found] of (await Promise.all(asked)).entries()) assert.equal(found.row(0)[0]!.id, i);
    assert.deepEqual(getEventListeners(signal, 'abort'), []);
  });
});
