import { strict as assert } from 'node:assert';
import { post } from '../../src/remote/request.js';
import { fails } from '../lib/support.js';
import { json, serve, type TestServer } from '../support/server.js';

describe('remote: post', () => {
  let server: TestServer | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });
  const read = (response: Response): Promise<unknown> => response.json();

  it('sends JSON with the key, and gives what was read', async () => {
    server = await serve((response) => json(response, 200, { fine: true }));
    const service = { baseUrl: `${server.url}/v1/`, apiKey: 'secret' };
    assert.deepEqual(await post(service, '/things', { a: 1 }, read), { fine: true });
    const [asked] = server.asked;
    assert.equal(asked?.path, '/v1/things');
    assert.equal(asked.headers.authorization, 'Bearer secret');
    assert.deepEqual(asked.body, { a: 1 });
  });

  it('tries again when the trouble may pass, and as late as the service asks', async () => {
    server = await serve((response, _, number) => {
      if (number === 0) json(response, 503, {});
      else if (number === 1) json(response, 429, {}, { 'retry-after': '0.2' });
      else if (number === 2) response.socket?.destroy();
      else json(response, 200, 'at last');
    });
    assert.equal(await post({ baseUrl: server.url }, '/x', {}, read), 'at last');
    assert.equal(server.asked.length, 4);
  });

  it('does not ask again for what will not change, and says what the service said', async () => {
    server = await serve((response) => json(response, 401, { error: { message: 'bad key' } }));
    await fails(post({ baseUrl: server.url }, '/x', {}, read), {
      code: 'E_REMOTE',
      message: `${server.url}/x answered 401: bad key. Check the API key.`,
      expected: 'status 200',
      actual: '401',
    });
    assert.equal(server.asked.length, 1);
  });

  it('gives up after the last attempt', async () => {
    server = await serve((response) => response.writeHead(500).end('broken'));
    await fails(post({ baseUrl: server.url, retries: 1 }, '/x', {}, read), {
      code: 'E_REMOTE',
      message: `${server.url}/x answered 500: broken.`,
      expected: 'status 200',
      actual: '500',
    });
    assert.equal(server.asked.length, 2);
  });

  it('says that nobody is there', async () => {
    server = await serve(() => undefined);
    const { url } = server;
    await server.close();
    await fails(post({ baseUrl: url, retries: 0 }, '/x', {}, read), {
      code: 'E_REMOTE',
      message: /cannot be reached: .*ECONNREFUSED.* Is the service running\?/,
      expected: 'an answer',
      actual: /ECONNREFUSED/,
    });
  });

  it('does not wait longer than its limit', async () => {
    server = await serve(() => undefined);
    await fails(post({ baseUrl: server.url, timeout: 0.1, retries: 0 }, '/x', {}, read), {
      code: 'E_REMOTE',
      message: `${server.url}/x did not answer in time.`,
      expected: 'an answer',
      actual: 'none in time',
    });
  });

  it('ends at once when it is aborted: in a request, and between two', async () => {
    const failure = { code: 'E_ABORTED' as const, message: 'The call was aborted.' };
    const more = { expected: 'a signal that is not aborted', actual: 'an aborted one' };
    for (const status of [0, 503]) {
      server = await serve((response) => status > 0 && json(response, status, {}, { 'retry-after': '20' }));
      const abort = new AbortController();
      const call = post({ baseUrl: server.url }, '/x', {}, read, { signal: abort.signal });
      setTimeout(() => abort.abort(), 60);
      await fails(call, { ...failure, ...more });
      await server.close();
    }
  });
});
