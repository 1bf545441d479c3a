import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { freePort, needRedis, RedisServer } from '../support/redis.js';
import { repositoryRoot } from '../support/run.js';

/** A process of its own that opens a cache, uses it, closes it, and has to end by itself. */
function runToItsEnd(options: object, body: string): { status: number | null; stdout: string; stderr: string } {
  const module = pathToFileURL(join(repositoryRoot, 'dist/src/cache/answer-cache.js')).href;
  const program = `
    import { AnswerCache } from ${JSON.stringify(module)};
    const cache = new AnswerCache((value) => value, { secret: 'x'.repeat(16), ...${JSON.stringify(options)} });
    const key = { tenant: 't', collection: 'c', generation: 1, model: 'm', request: 'q' };
    const make = async () => ({ value: 'made' });
    ${body}
    console.log('end');`;
  const env: NodeJS.ProcessEnv = { ...process.env };
  delete env.NODE_V8_COVERAGE;
  delete env.NODE_OPTIONS;
  const args = ['--input-type=module', '--eval', program];
  return spawnSync(process.execPath, args, { encoding: 'utf8', env, timeout: 50_000 });
}

function assertEnds(...call: Parameters<typeof runToItsEnd>): void {
  const { status, stdout, stderr } = runToItsEnd(...call);
  assert.deepEqual([status, stdout], [0, 'end\n'], stderr);
}

describe('a process with a cache of answers', () => {
  const use = 'console.assert((await cache.find(key, make)).value === "made"); await cache.close();';
  const ready = 'while (cache.stats().redis !== "ready") await new Promise((r) => setTimeout(r, 5));';

  it('ends when it has used memory only, even without closing', () => {
    assertEnds({}, 'await cache.find(key, make);');
  });

  it('loads neither client nor breaker without Redis', () => {
    const loaded = `const { createRequire } = await import('node:module');
      const names = Object.keys(createRequire(${JSON.stringify(repositoryRoot)}).cache);
      console.assert(!names.some((name) => /ioredis|cockatiel/.test(name)), 'loaded');
      if (names.some((name) => /ioredis|cockatiel/.test(name))) process.exit(1);`;
    assertEnds({}, `${use} ${loaded}`);
  });

  it('ends after close when Redis is not there', async () => {
    assertEnds({ redis: `redis://127.0.0.1:${await freePort()}`, onWarning: undefined }, use);
  });

  it('ends after close at once after it was made', async () => {
    assertEnds({ redis: `redis://127.0.0.1:${await freePort()}` }, 'await cache.close();');
  });

  it('ends after close with Redis, also when that hangs', async function () {
    const server = await RedisServer.start(await needRedis(this));
    try {
      assertEnds({ redis: server.url }, `${ready} ${use}`);
      const stop = `process.kill(${server.pid}, 'SIGSTOP');`;
      assertEnds({ redis: server.url }, `${ready} ${stop} ${use}`);
    } finally {
      server.signal('SIGCONT');
      await server.close();
    }
  });
});
