import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnswerCache } from '../../src/cache/answer-cache.js';
import { nameOf } from '../../src/cache/key.js';
import { freePort, needRedis, RedisServer, until } from '../support/redis.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { answerFor, Caches, keyFor, made, SECRET, type Answer } from './support.js';

/** What the tests allow for coming back without Redis: far more than it takes, far less than a hang. */
const BACK_WITHIN_S = 5;

describe('the cache of answers when Redis fails', () => {
  const caches = new Caches();
  const closing: (() => Promise<void>)[] = [];
  let program: string;
  let words = 0;

  before(async function () {
    program = await needRedis(this);
  });
  afterEach(async () => {
    await caches.close();
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function start(...args: string[]): Promise<RedisServer> {
    const server = await RedisServer.start(program, ...args);
    closing.push(() => server.close());
    return server;
  }

  async function proxied(): Promise<{ server: RedisServer; proxy: TcpProxy }> {
    const server = await start();
    const proxy = await TcpProxy.start(server.port);
    closing.push(() => proxy.close());
    return { server, proxy };
  }

  /** Finds of keys that are new, then of the same again: answers are those of no cache, and none takes long. */
  async function answersAsWithout(cache: AnswerCache<Answer>, count = 20): Promise<void> {
    for (let i = 0; i < count; i++) {
      const word = `word-${words++}`;
      const began = performance.now();
      const found = await cache.find(keyFor(word), async () => made(word));
      assert.ok((performance.now() - began) / 1000 < BACK_WITHIN_S, `${word} took too long`);
      assert.deepEqual([found.from, found.value], ['made', answerFor(word)]);
      const again = await cache.find(keyFor(word), async () => made(word));
      assert.deepEqual([again.from, again.value], ['memory', answerFor(word)]);
    }
  }

  /** A new answer goes to Redis, and another comes from there: each is looked for some times. */
  async function works(cache: AnswerCache<Answer>, url: string): Promise<boolean> {
    const peer = await caches.withRedis(url);
    const [mine, theirs] = [`word-${words++}`, `word-${words++}`];
    await cache.put(keyFor(mine), made(mine));
    await peer.put(keyFor(theirs), made(theirs));
    const comes = async (reader: AnswerCache<Answer>, word: string): Promise<boolean> => {
      for (let tries = 0; tries < 10; tries++, await sleep(10)) {
        const found = await reader.get(keyFor(word));
        if (found === undefined) continue;
        assert.deepEqual(found, { value: answerFor(word), from: 'redis' });
        return true;
      }
      return false;
    };
    const both = (await comes(peer, mine)) && (await comes(cache, theirs));
    await peer.close();
    return both;
  }

  const warnedOf = (pattern: RegExp): number => caches.warnings.filter((text) => pattern.test(text)).length;

  it('absent: connections are refused', async () => {
    const cache = caches.make({ redis: `redis://127.0.0.1:${await freePort()}`, secret: SECRET });
    await answersAsWithout(cache);
    await until(() => warnedOf(/ECONNREFUSED/) > 0);
    await answersAsWithout(cache);
    assert.equal(cache.stats().redis, 'connecting');
    assert.equal(caches.warnings.length, 1);
  });

  it('a host that does not exist', async () => {
    const cache = caches.make({ redis: 'redis://nowhere.invalid', secret: SECRET });
    await answersAsWithout(cache);
    await until(() => caches.warnings.length > 0);
    assert.doesNotMatch(caches.warnings[0], /secret/);
  });

  it('killed while it works, and back again: it heals, and warns anew the next time', async () => {
    const server = await start();
    const cache = await caches.withRedis(server.url);
    await answersAsWithout(cache);
    await server.kill();
    await answersAsWithout(cache);
    await until(() => warnedOf(/ECONNREFUSED|lost|ECONNRESET|closed/) > 0);
    await server.start();
    await until(() => works(cache, server.url));
    // Trouble counts as healed when nothing was heard of it for a second.
    await sleep(1_100);
    await until(() => works(cache, server.url));
    const before = caches.warnings.length;
    await server.kill();
    await answersAsWithout(cache);
    await until(() => caches.warnings.length > before);
  });

  it('stopped: it hangs, and finds come back by the limit of a command', async () => {
    const server = await start();
    const cache = await caches.withRedis(server.url, { commandTimeout: 0.05 });
    server.signal('SIGSTOP');
    await answersAsWithout(cache);
    assert.equal(cache.stats().redis, 'open');
    assert.equal(warnedOf(/no reply within 0.05 seconds/), 1);
    server.signal('SIGCONT');
    await until(() => works(cache, server.url));
    assert.equal(cache.stats().redis, 'ready');
  });

  it('closes within moments while it hangs', async () => {
    const server = await start();
    const cache = await caches.withRedis(server.url, { commandTimeout: 0.05 });
    server.signal('SIGSTOP');
    await answersAsWithout(cache, 2);
    const began = performance.now();
    await cache.close();
    assert.ok((performance.now() - began) / 1000 < BACK_WITHIN_S);
    server.signal('SIGCONT');
  });

  it('replies that come late', async () => {
    const { server, proxy } = await proxied();
    const cache = await caches.withRedis(proxy.url, { commandTimeout: 0.05 });
    proxy.delay(300);
    await answersAsWithout(cache);
    proxy.pass();
    await until(() => works(cache, server.url));
  });

  it('a connection that breaks in the middle of a reply', async () => {
    const { server, proxy } = await proxied();
    const cache = await caches.withRedis(proxy.url);
    const word = `word-${words++}`;
    const key = `quiver:answer:${nameOf(keyFor(word))}`;
    await cache.put(keyFor(word), made(word));
    await until(async () => (await server.client().exists(key)) === 1);
    const reader = await caches.withRedis(proxy.url);
    proxy.reset();
    const found = await reader.find(keyFor(word), async () => made(word));
    assert.deepEqual([found.from, found.value], ['made', answerFor(word)]);
    await answersAsWithout(cache);
    proxy.pass();
    await until(() => works(cache, server.url));
    await until(async () => (await works(reader, server.url)) && reader.stats().redis === 'ready');
  });

  const garbage: [string, Buffer][] = [
    ['that is no protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['of bytes', Buffer.from([0, 255, 13, 10, 36, 0])],
    ['that says more than it sends', Buffer.from('$999999999\r\nabc')],
    ['of another type', Buffer.from(':7\r\n')],
    ['of a list', Buffer.from('*2\r\n$1\r\na\r\n*1\r\n:1\r\n')],
    ['of an error', Buffer.from('-GIBBERISH what\r\n')],
    ['of two replies for one', Buffer.from('$3\r\nabc\r\n$3\r\nabc\r\n')],
  ];
  for (const [what, bytes] of garbage) {
    it(`a reply ${what}`, async () => {
      const { server, proxy } = await proxied();
      const cache = await caches.withRedis(proxy.url, { commandTimeout: 0.05 });
      proxy.replace(() => bytes);
      await answersAsWithout(cache);
      proxy.pass();
      await until(() => works(cache, server.url));
    });
  }

  it('replies that belong to other commands', async () => {
    const { server, proxy } = await proxied();
    const cache = await caches.withRedis(proxy.url);
    // One reply too many: each that follows answers the command before it.
    let sent = false;
    proxy.harm = (part, client) => {
      if (!sent) client.write('$0\r\n\r\n');
      sent = true;
      client.write(part);
    };
    const keys = Array.from({ length: 20 }, () => `word-${words++}`);
    const writer = await caches.withRedis(server.url);
    for (const word of keys) await writer.put(keyFor(word), made(word));
    await until(async () => (await server.client().dbsize()) >= keys.length);
    for (const word of keys) {
      const { value } = await cache.find(keyFor(word), async () => made(word));
      assert.deepEqual(value, answerFor(word));
    }
    await until(() => works(cache, server.url));
  });

  it('a password that is not given, is wrong, and is right', async () => {
    const server = await start('--requirepass', 'hunter2');
    const none = await caches.withRedis(server.url);
    await answersAsWithout(none);
    assert.equal(warnedOf(/NOAUTH/), 1);
    assert.equal(none.stats().redis, 'open');
    const wrong = caches.make({ redis: `redis://:wrong@127.0.0.1:${server.port}`, secret: SECRET });
    await until(() => warnedOf(/WRONGPASS/) > 0);
    await answersAsWithout(wrong);
    const url = `redis://:hunter2@127.0.0.1:${server.port}`;
    const right = await caches.withRedis(url);
    await until(() => works(right, url));
    assert.ok(!caches.warnings.some((text) => text.includes('hunter2') || text.includes('wrong@')));
  });

  it('a value of another type under our key', async () => {
    const server = await start();
    const cache = await caches.withRedis(server.url);
    const word = `word-${words++}`;
    const key = `quiver:answer:${nameOf(keyFor(word))}`;
    await server.client().lpush(key, 'not ours');
    for (let i = 0; i < 10; i++) assert.equal(await cache.get(keyFor(word)), undefined);
    // One key is not the server: it is not left alone for it.
    assert.equal(cache.stats().redis, 'ready');
    assert.equal(warnedOf(/WRONGTYPE/), 1);
    const found = await cache.find(keyFor(word), async () => made(word));
    assert.deepEqual(found.value, answerFor(word));
    await until(async () => (await server.client().type(key)) === 'string');
  });

  it('memory that is full', async () => {
    const server = await start('--maxmemory', '1', '--maxmemory-policy', 'noeviction');
    const cache = await caches.withRedis(server.url);
    await answersAsWithout(cache);
    await until(() => warnedOf(/OOM/) === 1);
    await server.client().config('SET', 'maxmemory', '0');
    await until(() => works(cache, server.url));
    assert.equal(caches.warnings.length, 1);
  });

  it('everything is deleted', async () => {
    const server = await start();
    const cache = await caches.withRedis(server.url);
    await until(() => works(cache, server.url));
    await server.client().flushall();
    await answersAsWithout(cache);
    await until(() => works(cache, server.url));
    assert.deepEqual(caches.warnings, []);
  });

  it('many finds at once while it hangs: no write piles up', async () => {
    const server = await start();
    const cache = await caches.withRedis(server.url, { commandTimeout: 0.05 });
    server.signal('SIGSTOP');
    const finds = Array.from({ length: 300 }, async (_, at) => {
      const word = `hang-${at}`;
      const { value } = await cache.find(keyFor(word), async () => made(word));
      assert.deepEqual(value, answerFor(word));
    });
    await Promise.all(finds);
    server.signal('SIGCONT');
    await until(() => works(cache, server.url));
  });
});
