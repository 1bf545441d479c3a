import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Made } from '../../src/cache/types.js';
import { answerFor, Caches, keyFor, made, type Answer } from './support.js';

/** Work that ends when the test says so. */
class Work {
  count = 0;
  signal: AbortSignal | undefined;
  finish: (made: Made<Answer>) => void = () => undefined;
  fail: (error: Error) => void = () => undefined;

  readonly make = (signal: AbortSignal): Promise<Made<Answer>> => {
    this.count++;
    this.signal = signal;
    return new Promise((resolve, reject) => {
      this.finish = resolve;
      this.fail = reject;
    });
  };

  async begun(): Promise<void> {
    while (this.count === 0) await nextTurn();
  }
}

describe('callers who want the same answer at the same time', () => {
  const caches = new Caches();
  afterEach(() => caches.close());

  it('wait for one make: 500 cold finds', async () => {
    const cache = caches.make();
    const work = new Work();
    const finds = Array.from({ length: 500 }, () => cache.find(keyFor('a'), work.make));
    await work.begun();
    work.finish(made('a'));
    const found = await Promise.all(finds);
    assert.equal(work.count, 1);
    for (const { value, from } of found) {
      assert.equal(from, 'made');
      assert.deepEqual(value, answerFor('a'));
    }
    assert.equal(found.filter(({ joined }) => joined).length, 499);
    assert.equal(new Set(found.map(({ value }) => value)).size, 500);
    const { misses, joined } = cache.stats();
    assert.deepEqual({ misses, joined }, { misses: 1, joined: 499 });
  });

  it('get the failure, and the next one tries again', async () => {
    const cache = caches.make();
    const work = new Work();
    const finds = Array.from({ length: 20 }, () => cache.find(keyFor('a'), work.make));
    const settled = Promise.allSettled(finds);
    await work.begun();
    const failure = new Error('no');
    work.fail(failure);
    for (const result of await settled) assert.equal(result.status === 'rejected' && result.reason, failure);
    const again = await cache.find(keyFor('a'), async () => made('a'));
    assert.equal(again.from, 'made');
  });

  it('leave by an abort without disturbing the others', async () => {
    const cache = caches.make();
    const work = new Work();
    const leaver = new AbortController();
    const leaving = cache.find(keyFor('a'), work.make, { signal: leaver.signal });
    const staying = cache.find(keyFor('a'), work.make, { signal: new AbortController().signal });
    const patient = cache.find(keyFor('a'), work.make);
    await work.begun();
    leaver.abort(new Error('gone'));
    await assert.rejects(leaving, { code: 'E_ABORTED', cause: new Error('gone') });
    assert.equal(work.signal?.aborted, false);
    work.finish(made('a'));
    assert.deepEqual((await staying).value, answerFor('a'));
    assert.deepEqual((await patient).value, answerFor('a'));
    assert.equal(work.count, 1);
  });

  it('stop the work when the last one is gone, and what it brings then is not kept', async () => {
    const cache = caches.make();
    const work = new Work();
    const stops = [new AbortController(), new AbortController()];
    const finds = stops.map(({ signal }) => cache.find(keyFor('a'), work.make, { signal }));
    const settled = Promise.allSettled(finds);
    await work.begun();
    stops[0].abort();
    assert.equal(work.signal?.aborted, false);
    stops[1].abort();
    assert.equal(work.signal?.aborted, true);
    for (const result of await settled) assert.equal(result.status, 'rejected');
    // Another asks before the old work has ended: it gets work of its own, and keeps it.
    const next = new Work();
    const found = cache.find(keyFor('a'), next.make);
    await next.begun();
    work.finish(made('old'));
    await nextTurn();
    assert.equal(await cache.get(keyFor('a')), undefined);
    const joining = cache.find(keyFor('a'), next.make);
    next.finish(made('a'));
    assert.deepEqual((await found).value, answerFor('a'));
    assert.equal((await joining).joined, true);
    assert.deepEqual((await cache.get(keyFor('a')))?.value, answerFor('a'));
  });

  it('may share one signal', async () => {
    const cache = caches.make();
    const work = new Work();
    const stop = new AbortController();
    const finds = Array.from({ length: 30 }, () => cache.find(keyFor('a'), work.make, { signal: stop.signal }));
    const settled = Promise.allSettled(finds);
    await work.begun();
    stop.abort();
    for (const result of await settled) {
      assert.equal(result.status === 'rejected' && (result.reason as { code: string }).code, 'E_ABORTED');
    }
    assert.equal(work.signal?.aborted, true);
    work.fail(new Error('stopped'));
    await nextTurn();
  });

  it('do not begin with a signal that has fired', async () => {
    const cache = caches.make();
    const work = new Work();
    const find = cache.find(keyFor('a'), work.make, { signal: AbortSignal.abort() });
    await assert.rejects(find, { code: 'E_ABORTED' });
    assert.equal(work.count, 0);
  });

  it('wait apart for other keys', async () => {
    const cache = caches.make();
    const finds = ['a', 'b', 'a', 'b'].map((word) => cache.find(keyFor(word), async () => made(word)));
    const found = await Promise.all(finds);
    assert.deepEqual(
      found.map(({ joined }) => joined),
      [false, false, true, true],
    );
    assert.deepEqual(found[3].value, answerFor('b'));
  });
});
