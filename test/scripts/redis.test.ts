import assert from 'node:assert/strict';
import { join } from 'node:path';
import { fakePath, scriptModule, setEnvironment, temporaryFolder } from './support.js';

describe('the Redis server of the tests', () => {
  interface Module {
    redisServer(options?: { install?: boolean }): Promise<string>;
  }

  let folder = '';
  let remove = (): void => {};
  let restore = (): void => {};

  beforeEach(() => {
    ({ folder, remove } = temporaryFolder());
  });
  afterEach(() => {
    restore();
    remove();
  });

  it('is the one on PATH where there is one', async () => {
    const bin = fakePath(folder, [], { 'redis-server': 'exit 0' });
    restore = setEnvironment({ PATH: bin, QUIVER_CACHE: join(folder, 'cache') });
    const { redisServer } = await scriptModule<Module>('lib/redis.mjs');
    assert.equal(await redisServer(), join(bin, 'redis-server'));
  });

  it('is not fetched by who only looks', async () => {
    restore = setEnvironment({ PATH: fakePath(folder, []), QUIVER_CACHE: join(folder, 'cache') });
    const { redisServer } = await scriptModule<Module>('lib/redis.mjs');
    await assert.rejects(redisServer({ install: false }), {
      name: 'SupplyError',
      message: /setup.mjs --test fetches it/,
    });
  });

  it('says what is missing where packages cannot be had', async () => {
    const bin = fakePath(folder, ['apt-get', 'dpkg-deb']);
    restore = setEnvironment({ PATH: bin, QUIVER_CACHE: join(folder, 'cache') });
    const { redisServer } = await scriptModule<Module>('lib/redis.mjs');
    await assert.rejects(redisServer(), { name: 'SupplyError', message: /redis-tools/ });
  });
});
