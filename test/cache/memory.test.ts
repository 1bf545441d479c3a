import assert from 'node:assert/strict';
import { AnswerCache } from '../../src/cache/answer-cache.js';
import { until } from '../support/redis.js';
import { answerFor, asAnswer, Caches, keyFor, made } from './support.js';

describe('the cache of answers in memory', () => {
  const caches = new Caches();
  afterEach(() => caches.close());

  it('makes an answer once, and finds it then', async () => {
    const cache = caches.make();
    let makes = 0;
    const make = async () => (makes++, made('a'));
    const first = await cache.find(keyFor('a'), make);
    const second = await cache.find(keyFor('a'), make);
    assert.deepEqual([first.from, second.from, makes], ['made', 'memory', 1]);
    assert.deepEqual(second.value, answerFor('a'));
    assert.deepEqual([first.joined, second.joined], [false, false]);
    assert.ok(second.seconds >= 0);
    const { hits, misses, entries, bytes, redis } = cache.stats();
    assert.deepEqual(
      { hits, misses, entries, bytes, redis },
      {
        hits: { memory: 1, redis: 0 },
        misses: 1,
        entries: 1,
        bytes: Buffer.byteLength(JSON.stringify(answerFor('a'))),
        redis: 'off',
      },
    );
  });

  it('keeps each part of the key apart', async () => {
    const cache = caches.make();
    await cache.put(keyFor('a'), made('a'));
    const others = [
      keyFor('b'),
      keyFor('a', { tenant: 'u' }),
      keyFor('a', { collection: 'd' }),
      keyFor('a', { generation: 2 }),
      keyFor('a', { model: 'n' }),
      keyFor('a', { request: { question: 'a', k: 6 } }),
    ];
    for (const other of others) assert.equal(await cache.get(other), undefined);
    assert.equal((await cache.get(keyFor('a')))?.from, 'memory');
    assert.equal(cache.stats().misses, others.length);
  });

  it('gives each caller a value of its own', async () => {
    const cache = caches.make();
    const first = await cache.find(keyFor('a'), async () => made('a'));
    first.value.text = 'changed';
    first.value.sources.length = 0;
    const second = await cache.get(keyFor('a'));
    assert.deepEqual(second?.value, answerFor('a'));
    second.value.sources[0].id = 'changed';
    assert.deepEqual((await cache.get(keyFor('a')))?.value, answerFor('a'));
  });

  it('does not keep what must not be kept, nor what failed', async () => {
    const cache = caches.make({ negativeTtl: 0 });
    const failure = new Error('the model is away');
    await assert.rejects(
      cache.find(keyFor('a'), async () => Promise.reject(failure)),
      (error) => error === failure,
    );
    await assert.rejects(
      cache.find(keyFor('a'), () => {
        throw failure;
      }),
      (error) => error === failure,
    );
    await cache.find(keyFor('b'), async () => ({ ...made('b'), keep: false }));
    await cache.find(keyFor('c'), async () => ({ ...made('c'), negative: true }));
    await assert.rejects(
      cache.find(keyFor('d'), async () => undefined as never),
      { code: 'E_ARGUMENT' },
    );
    for (const word of ['a', 'b', 'c', 'd']) assert.equal(await cache.get(keyFor(word)), undefined);
  });

  it('forgets after the time to live, and negative answers sooner', async () => {
    const cache = caches.make({ ttl: 3600, negativeTtl: 0.02 });
    await cache.put(keyFor('a'), made('a'));
    await cache.put(keyFor('b'), { ...made('b'), negative: true });
    await until(async () => (await cache.get(keyFor('b'))) === undefined);
    assert.equal((await cache.get(keyFor('a')))?.from, 'memory');
  });

  it('counts negative answers that were found', async () => {
    const cache = caches.make();
    await cache.put(keyFor('a'), { ...made('a'), negative: true });
    await cache.get(keyFor('a'));
    assert.equal(cache.stats().negative, 1);
  });

  it('stays within its bounds, and forgets what was not used for longest', async () => {
    const size = Buffer.byteLength(JSON.stringify(answerFor('0')));
    const byCount = caches.make({ entries: 3 });
    const byBytes = caches.make({ bytes: 3 * size });
    for (const cache of [byCount, byBytes]) {
      for (const word of ['0', '1', '2']) await cache.put(keyFor(word), made(word));
      await cache.get(keyFor('0'));
      await cache.put(keyFor('3'), made('3'));
      assert.equal(cache.stats().entries, 3);
      assert.equal(await cache.get(keyFor('1')), undefined);
      assert.ok(await cache.get(keyFor('0')));
      assert.equal(cache.stats().bytes, 3 * size);
    }
    await byBytes.put(keyFor('0'), { value: { text: 'x'.repeat(4 * size), sources: [] } });
    assert.equal(await byBytes.get(keyFor('0')), undefined);
  });

  it('does not keep what JSON does not bring back, and says so once', async () => {
    const cache = new AnswerCache((value) => value as object, { onWarning: (text) => warnings.push(text) });
    const warnings: string[] = [];
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const poisoned = JSON.parse('{"a":[{"__proto__":{"isAdmin":true}}]}') as object;
    for (const value of [circular, poisoned, { big: 1n }]) {
      const found = await cache.find(keyFor('a'), async () => ({ value }));
      assert.equal(found.value, value);
      assert.equal(await cache.get(keyFor('a')), undefined);
    }
    assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
    assert.equal(warnings.length, 1);
    await cache.close();
  });

  it('does not keep what its own check refuses', async () => {
    const cache = caches.make();
    await cache.put(keyFor('a'), { value: { text: 7 } as never });
    assert.equal(await cache.get(keyFor('a')), undefined);
    assert.equal(caches.warnings.length, 1);
  });

  it('refuses wrong options with what was expected', () => {
    const wrong: [object, string][] = [
      [{ ttl: -1 }, 'E_RANGE'],
      [{ ttl: '1' }, 'E_ARGUMENT'],
      [{ ttl: NaN }, 'E_RANGE'],
      [{ jitter: 2 }, 'E_RANGE'],
      [{ entries: 0 }, 'E_RANGE'],
      [{ bytes: 1.5 }, 'E_RANGE'],
      [{ onWarning: 1 }, 'E_ARGUMENT'],
      [{ prefix: 'a\nb' }, 'E_ARGUMENT'],
      [{ redis: 'redis://localhost' }, 'E_ARGUMENT'],
      [{ redis: 'redis://localhost', secret: 'short' }, 'E_ARGUMENT'],
      [{ redis: 'http://localhost', secret: 'x'.repeat(16) }, 'E_ARGUMENT'],
      [{ redis: 'redis://localhost/?enableOfflineQueue=true', secret: 'x'.repeat(16) }, 'E_ARGUMENT'],
      [{ redis: 'nonsense', secret: 'x'.repeat(16) }, 'E_ARGUMENT'],
      [{ redis: 'redis://localhost/abc', secret: 'x'.repeat(16) }, 'E_ARGUMENT'],
    ];
    for (const [options, code] of wrong) {
      assert.throws(() => new AnswerCache(asAnswer, options), { name: 'QuiverError', code }, JSON.stringify(options));
    }
    assert.throws(() => new AnswerCache(asAnswer, { redis: 'redis://:hunter2@localhost/x', secret: 'x'.repeat(16) }), {
      message: /^(?!.*hunter2)/,
    });
    assert.throws(() => new AnswerCache(asAnswer, { redis: 'redis://localhost' }), { message: /secret/ });
    assert.throws(() => new AnswerCache(undefined as never), { code: 'E_ARGUMENT' });
  });

  it('refuses calls after it was closed', async () => {
    const cache = caches.make();
    await cache.close();
    await cache.close();
    const closed = { code: 'E_CLOSED' };
    await assert.rejects(cache.get(keyFor('a')), closed);
    await assert.rejects(cache.put(keyFor('a'), made('a')), closed);
    await assert.rejects(
      cache.find(keyFor('a'), async () => made('a')),
      closed,
    );
  });

  it('lets a find that runs when it is closed end as without a cache', async () => {
    const cache = caches.make();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const found = cache.find(keyFor('a'), async () => {
      await held;
      return made('a');
    });
    await cache.close();
    release();
    assert.deepEqual((await found).value, answerFor('a'));
    assert.equal(cache.stats().entries, 0);
  });
});
