import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import type { Redis } from 'ioredis';
import { nameOf } from '../../src/cache/key.js';
import { seal } from '../../src/cache/seal.js';
import type { CacheKey } from '../../src/cache/types.js';
import { needRedis, RedisServer, until } from '../support/redis.js';
import { answerFor, Caches, keyFor, made, SECRET } from './support.js';

describe('the cache of answers in Redis', () => {
  const caches = new Caches();
  let server: RedisServer;
  let redis: Redis;

  before(async function () {
    server = await RedisServer.start(await needRedis(this));
    redis = server.client();
  });
  after(async () => server?.close());
  beforeEach(async () => {
    await redis.flushall();
  });
  afterEach(() => caches.close());

  const redisKey = (key: CacheKey): string => `quiver:answer:${nameOf(key)}`;

  /** Answers that are in Redis for certain. */
  async function written(...keys: CacheKey[]): Promise<void> {
    const cache = await caches.withRedis(server.url);
    for (const key of keys) await cache.put(key, made('secret'));
    await until(async () => (await redis.exists(keys.map(redisKey))) === keys.length);
  }

  it('is shared by caches with the same secret', async () => {
    await written(keyFor('a'));
    const other = await caches.withRedis(server.url);
    const found = await other.find(keyFor('a'), async () => assert.fail('it is in Redis'));
    assert.equal(found.from, 'redis');
    assert.deepEqual(found.value, answerFor('secret'));
    assert.equal((await other.get(keyFor('a')))?.from, 'memory');
    assert.deepEqual(other.stats().hits, { memory: 1, redis: 1 });
    assert.deepEqual(caches.warnings, []);
  });

  it('is not shared with another secret, or under another prefix', async () => {
    await written(keyFor('a'));
    const stranger = await caches.withRedis(server.url, { secret: 'another secret of tests' });
    assert.equal(await stranger.get(keyFor('a')), undefined);
    assert.equal(stranger.stats().refused, 1);
    const elsewhere = await caches.withRedis(server.url, { prefix: 'other:' });
    assert.equal(await elsewhere.get(keyFor('a')), undefined);
    assert.equal(elsewhere.stats().refused, 0);
  });

  it('expires there, and negative answers sooner', async () => {
    const cache = await caches.withRedis(server.url, { ttl: 100, negativeTtl: 10 });
    await cache.put(keyFor('a'), made('a'));
    await cache.put(keyFor('b'), { ...made('b'), negative: true });
    await until(async () => (await redis.exists(redisKey(keyFor('a')), redisKey(keyFor('b')))) === 2);
    const [long, short] = [await redis.pttl(redisKey(keyFor('a'))), await redis.pttl(redisKey(keyFor('b')))];
    assert.ok(long > 10_000 && long <= 100_000, String(long));
    assert.ok(short > 0 && short <= 10_000, String(short));
    const other = await caches.withRedis(server.url);
    await other.get(keyFor('b'));
    assert.equal(other.stats().negative, 1);
  });

  it('spreads the ends of answers that were written together', async () => {
    const cache = await caches.withRedis(server.url, { ttl: 1_000, jitter: 0.5 });
    const keys = Array.from({ length: 30 }, (_, at) => keyFor(String(at)));
    for (const key of keys) await cache.put(key, made('a'));
    await until(async () => (await redis.exists(keys.map(redisKey))) === keys.length);
    const left = await Promise.all(keys.map((key) => redis.pttl(redisKey(key))));
    assert.ok(Math.max(...left) <= 1_000_000);
    assert.ok(Math.max(...left) - Math.min(...left) > 100_000, left.join(' '));
  });

  it('takes nothing that is past its time, even when Redis still has it', async () => {
    const cache = await caches.withRedis(server.url);
    const key = redisKey(keyFor('a'));
    const json = JSON.stringify(answerFor('a'));
    await redis.set(key, seal(SECRET, key, { json, negative: false, expires: Date.now() - 1 }));
    assert.equal(await cache.get(keyFor('a')), undefined);
    assert.equal(cache.stats().refused, 0);
  });

  it('asks once for all who wait: 500 cold finds', async () => {
    const cache = await caches.withRedis(server.url);
    let makes = 0;
    const found = await Promise.all(
      Array.from({ length: 500 }, () => cache.find(keyFor('a'), async () => (makes++, made('a')))),
    );
    assert.equal(makes, 1);
    for (const { value } of found) assert.deepEqual(value, answerFor('a'));
  });

  it('serves no value in which bytes were changed', async () => {
    await written(keyFor('a'));
    const key = redisKey(keyFor('a'));
    const good = await redis.getBuffer(key);
    assert.ok(good);
    const reader = await caches.withRedis(server.url);
    const runs = 500;
    for (let run = 0; run < runs; run++) {
      const bad: Buffer = Buffer.from(good);
      for (let flips = randomInt(1, 4); flips > 0; flips--) bad[randomInt(bad.length)] ^= 1 << randomInt(8);
      // Two flips may undo each other.
      if (bad.equals(good)) bad[0] ^= 1;
      await redis.set(key, bad);
      assert.equal(await reader.get(keyFor('a')), undefined);
    }
    assert.equal(reader.stats().refused, runs);
    assert.equal(caches.warnings.length, 1);
    await redis.set(key, good);
    assert.deepEqual((await reader.get(keyFor('a')))?.value, answerFor('secret'));
  });

  it('serves no value that lies under another key, tenant, collection, model or generation', async () => {
    const from = keyFor('a');
    const to = [
      keyFor('b'),
      keyFor('a', { tenant: 'u' }),
      keyFor('a', { generation: 2 }),
      keyFor('a', { generation: 0 }),
      keyFor('a', { model: 'n' }),
      keyFor('a', { collection: 'd' }),
    ];
    await written(from);
    const reader = await caches.withRedis(server.url);
    for (const key of to) {
      await redis.copy(redisKey(from), redisKey(key));
      assert.equal(await reader.get(key), undefined);
      const found = await reader.find(key, async () => made('own'));
      assert.deepEqual(found.value, answerFor('own'));
    }
    assert.equal(reader.stats().refused, 2 * to.length);
  });

  it('refuses noise, values without a schema and such with a __proto__', async () => {
    const reader = await caches.withRedis(server.url);
    const key = redisKey(keyFor('a'));
    const expires = Date.now() + 60_000;
    const bad: Buffer[] = [
      Buffer.alloc(3 * 2 ** 20, 'x'),
      randomBytes(500),
      ...['7', 'null', '{"text":1}', '{', '', '['.repeat(50_000)].map((json) =>
        seal(SECRET, key, { json, negative: false, expires }),
      ),
      ...['{"text":"","sources":[],"__proto__":{"isAdmin":true}}', '{"text":"","sources":[{"\\u005f_proto__":1}]}'].map(
        (json) => seal(SECRET, key, { json, negative: false, expires }),
      ),
    ];
    for (const bytes of bad) {
      await redis.set(key, bytes);
      assert.equal(await reader.get(keyFor('a')), undefined, bytes.toString('latin1', 0, 150));
    }
    assert.equal(reader.stats().refused, bad.length);
    assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
  });

  it('heals a refused value by the next answer', async () => {
    await written(keyFor('a'));
    await redis.set(redisKey(keyFor('a')), 'noise');
    const reader = await caches.withRedis(server.url);
    await reader.find(keyFor('a'), async () => made('new'));
    await until(async () => (await redis.get(redisKey(keyFor('a')))) !== 'noise');
    const other = await caches.withRedis(server.url);
    assert.deepEqual((await other.get(keyFor('a')))?.value, answerFor('new'));
  });

  it('keeps large answers to itself', async () => {
    const cache = await caches.withRedis(server.url);
    const value = { text: 'x'.repeat(2 ** 20), sources: [] };
    await cache.put(keyFor('large'), { value });
    await cache.put(keyFor('a'), made('a'));
    await until(async () => (await redis.exists(redisKey(keyFor('a')))) === 1);
    assert.equal(await redis.exists(redisKey(keyFor('large'))), 0);
    assert.equal((await cache.get(keyFor('large')))?.from, 'memory');
  });

  it('writes what it was given before it closes', async () => {
    const cache = await caches.withRedis(server.url);
    await cache.put(keyFor('a'), made('a'));
    await cache.close();
    assert.equal(await redis.exists(redisKey(keyFor('a'))), 1);
  });
});
