import { strict as assert } from 'node:assert';
import { postForEvents } from '../../src/remote/stream.js';
import { fails } from '../lib/support.js';
import { startStream } from '../support/language-model.js';
import { json, serve, type TestServer } from '../support/server.js';

async function all(events: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const event of events) found.push(event);
  return found;
}

describe('remote: postForEvents', () => {
  let server: TestServer | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  it('gives the data of each event, however the bytes are cut', async () => {
    const bytes = Buffer.from('data: one\n\n: a comment\n\ndata: zwölf\ndata: lines\n\n');
    server = await serve((response) => {
      startStream(response);
      void (async () => {
        for (const byte of bytes) {
          response.write(Buffer.from([byte]));
          await new Promise((resolve) => setImmediate(resolve));
        }
        response.end();
      })();
    });
    assert.deepEqual(await all(postForEvents({ baseUrl: server.url }, '/s', { q: 1 })), ['one', 'zwölf\nlines']);
    assert.deepEqual(server.asked[0]?.body, { q: 1 });
  });

  it('tries again until the answer begins', async () => {
    server = await serve((response, _, number) => {
      if (number === 0) json(response, 503, {});
      else startStream(response).end('data: now\n\n');
    });
    assert.deepEqual(await all(postForEvents({ baseUrl: server.url }, '/s', {})), ['now']);
    assert.equal(server.asked.length, 2);
  });

  it('says what came instead of a stream', async () => {
    server = await serve((response) => json(response, 200, { choices: [] }));
    await fails(all(postForEvents({ baseUrl: server.url, retries: 0 }, '/s', {})), {
      code: 'E_REMOTE',
      message: `${server.url}/s did not answer with a stream of events, but with application/json.`,
      expected: 'content-type text/event-stream',
      actual: 'application/json',
    });
  });

  it('fails when the stream breaks, and does not begin anew', async () => {
    server = await serve((response) => {
      startStream(response).write('data: half\n\n');
      setTimeout(() => response.socket?.destroy(), 20);
    });
    const found: string[] = [];
    await assert.rejects(
      async () => {
        for await (const event of postForEvents({ baseUrl: server?.url ?? '' }, '/s', {})) found.push(event);
      },
      { code: 'E_REMOTE' },
    );
    assert.deepEqual(found, ['half']);
    assert.equal(server.asked.length, 1);
  });

  it('fails when the stream falls silent', async () => {
    server = await serve((response) => void startStream(response).write('data: half\n\n'));
    await fails(all(postForEvents({ baseUrl: server.url, timeout: 0.2, retries: 0 }, '/s', {})), {
      code: 'E_REMOTE',
      message: `${server.url}/s did not answer in time.`,
      expected: 'an answer',
      actual: 'none in time',
    });
  });

  it('lives longer than the limit of one wait', async () => {
    server = await serve((response) => {
      startStream(response);
      let left = 5;
      const timer = setInterval(() => {
        if (left-- > 0) response.write('data: x\n\n');
        else {
          clearInterval(timer);
          response.end();
        }
      }, 150);
    });
    assert.equal((await all(postForEvents({ baseUrl: server.url, timeout: 0.5, retries: 0 }, '/s', {}))).length, 5);
  });

  it('refuses an event that never ends', async () => {
    server = await serve((response) => {
      startStream(response).write('data: ');
      const block = 'x'.repeat(1 << 16);
      const fill = (): void => {
        while (response.writable && response.write(block));
        if (response.writable) response.once('drain', fill);
      };
      fill();
    });
    await fails(all(postForEvents({ baseUrl: server.url, retries: 0 }, '/s', {})), {
      code: 'E_REMOTE',
      message: `${server.url}/s did not answer with a stream of events, but with an event without an end.`,
      expected: 'content-type text/event-stream',
      actual: 'an event without an end',
    });
  });

  it('ends at once when its signal aborts, and lets the service know', async () => {
    let left: (() => void) | undefined;
    const gone = new Promise<void>((resolve) => (left = resolve));
    server = await serve((response) => {
      startStream(response).write('data: first\n\n');
      response.once('close', () => left?.());
    });
    const abort = new AbortController();
    await assert.rejects(
      async () => {
        for await (const event of postForEvents({ baseUrl: server?.url ?? '' }, '/s', {}, { signal: abort.signal })) {
          assert.equal(event, 'first');
          abort.abort();
        }
      },
      { code: 'E_ABORTED' },
    );
    await gone;
  });

  it('lets the service know when the loop is left', async () => {
    let left: (() => void) | undefined;
    const gone = new Promise<void>((resolve) => (left = resolve));
    server = await serve((response) => {
      startStream(response).write('data: first\n\n');
      response.once('close', () => left?.());
    });
    for await (const event of postForEvents({ baseUrl: server.url }, '/s', {})) {
      assert.equal(event, 'first');
      break;
    }
    await gone;
  });
});
