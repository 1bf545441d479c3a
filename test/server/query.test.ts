import { strict as assert } from 'node:assert';
import { connect } from 'node:net';
import type { QueryResult } from '../../src/engine/types.js';
import { DONE, hanging, languageModel, piece, saying, startStream } from '../support/language-model.js';
import { allEvents, body, eventsOf, post, serverSuite, until, type FailureBody } from './support.js';

describe('server: questions', function () {
  this.timeout(60_000);
  const { opened, asking, writing } = serverSuite();

  it('answers a question', async () => {
    const { url, engine } = await asking();
    const response = await post(`${url}/api/query`, { question: 'How long must the dough rise?', k: 2 });
    assert.equal(response.status, 200);
    const result = await body<QueryResult>(response);
    assert.match(result.answer, /two hours/);
    assert.equal(result.sources.length, 2);
    assert.equal(result.metadata.cached, false);
    const again = await body<QueryResult>(
      post(`${url}/api/query`, { question: 'How long must the dough rise?', k: 2 }),
    );
    assert.equal(again.metadata.cached, 'memory');
    // Nothing is lost on the way: what comes is what the engine gives.
    const direct = await engine.query('How long must the dough rise?', { k: 2 });
    const { metadata: _, ...rest } = JSON.parse(JSON.stringify(direct)) as QueryResult;
    const { metadata: __, ...got } = again;
    assert.deepEqual(got, rest);
  });

  it('streams status, sources, the answer and metadata', async () => {
    const { url } = await asking();
    const response = await post(`${url}/api/stream-query`, { question: 'How long must the dough rise?' });
    assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    assert.match(response.headers.get('cache-control') ?? '', /no-cache/);
    const events = await allEvents(response);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['status', 'sources', 'status', 'response_chunk', 'metadata'],
    );
  });

  it('streams pieces as they come, not when all are there', async () => {
    let go: (() => void) | undefined;
    const model = opened.also(
      await languageModel((response) => {
        startStream(response).write(piece('first '));
        go = () => response.end(piece('second') + DONE);
      }),
    );
    const { url } = await asking({ engine: { llm: { model: 'm', baseUrl: model.url } } });
    const texts: string[] = [];
    for await (const event of eventsOf(await post(`${url}/api/stream-query`, { question: 'water' }))) {
      if (event.type !== 'response_chunk') continue;
      texts.push(event.data);
      if (event.data === 'first ') go?.();
    }
    assert.deepEqual(texts, ['first ', 'second', '']);
  });

  it('shows signs of life while a model thinks', async () => {
    let go: (() => void) | undefined;
    const model = opened.also(
      await languageModel((response) => {
        startStream(response).flushHeaders();
        go = () => response.end(piece('done') + DONE);
      }),
    );
    const { url } = await asking({ heartbeat: 0.05, engine: { llm: { model: 'm', baseUrl: model.url } } });
    const response = await post(`${url}/api/stream-query`, { question: 'water' });
    let text = '';
    const decoder = new TextDecoder();
    for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(bytes, { stream: true });
      if (text.split(': still here\n\n').length > 3) go?.();
    }
    assert.match(text, /"is_final":true/);
  });

  it('tells in the stream what failed after it began', async () => {
    const model = opened.also(await languageModel((response) => response.writeHead(400).end('no')));
    const { url } = await asking({ engine: { llm: { model: 'm', baseUrl: model.url } } });
    const events = await allEvents(await post(`${url}/api/stream-query`, { question: 'water' }));
    const last = events.at(-1);
    assert.ok(last?.type === 'error' && last.error.code === 'E_REMOTE');
  });

  for (const path of ['query', 'stream-query']) {
    it(`/api/${path} ends the work when its client goes`, async () => {
      const { script, asked, gone } = hanging();
      const model = opened.also(await languageModel(script));
      const { url, engine } = await asking({ engine: { llm: { model: 'm', baseUrl: model.url } } });
      const abort = new AbortController();
      const response = post(`${url}/api/${path}`, { question: 'water' }, { signal: abort.signal })
        .then((found) => found.text())
        .catch(() => 'aborted');
      await asked;
      abort.abort();
      await gone;
      assert.equal(await response, 'aborted');
      assert.equal(engine.monitor.stats('query_errors'), undefined);
    });
  }

  it('drops a client that does not read, and holds little for it', async () => {
    const model = opened.also(
      await languageModel((response) => {
        startStream(response);
        const text = piece('many words '.repeat(500));
        const fill = (): void => {
          while (response.writable && response.write(text));
          if (response.writable) response.once('drain', fill);
        };
        fill();
      }),
    );
    const { url, server } = await asking({ stall: 0.5, engine: { llm: { model: 'm', baseUrl: model.url } } });
    const question = JSON.stringify({ question: 'water' });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(
      `POST /api/stream-query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${question.length}\r\n\r\n${question}`,
    );
    let most = 0;
    let dropped = false;
    server.app.server.on('connection', () => undefined);
    await until('the client is dropped', async () => {
      const connections = await new Promise<number>((resolve) =>
        server.app.server.getConnections((_, found) => resolve(found)),
      );
      most = Math.max(most, connections);
      dropped = most > 0 && connections === 0;
      return dropped;
    });
    socket.destroy();
  });

  it('refuses what it cannot work on at once, and says when to come again', async () => {
    const waiting: (() => void)[] = [];
    const model = opened.also(
      await languageModel((response, asked, number) => {
        waiting.push(() => void saying('done')(response, asked, number));
      }),
    );
    const { url } = await asking({
      concurrency: 2,
      queue: 3,
      engine: { cache: false, llm: { model: 'm', baseUrl: model.url } },
    });
    const ask = (): Promise<Response> => post(`${url}/api/query`, { question: 'water' });
    const taken = Array.from({ length: 5 }, ask);
    await until('two are worked on', () => waiting.length === 2);
    await until('three wait', async () => {
      const response = await ask();
      if (response.status !== 429) return false;
      assert.equal(response.headers.get('retry-after'), '1');
      assert.equal((await body<FailureBody>(response)).error.code, 'E_OVERLOADED');
      return true;
    });
    const ended = Promise.all(taken);
    let over = false;
    void ended.then(() => (over = true));
    await until('all that were taken in are answered', () => {
      waiting.splice(0).forEach((go) => go());
      return over;
    });
    for (const response of await ended) assert.equal(response.status, 200);
  });

  describe('bad requests', () => {
    const cases: [
      name: string,
      send: (url: string) => Promise<Response>,
      status: number,
      code: string,
      message: RegExp,
    ][] = [
      [
        'no question',
        (url) => post(`${url}/api/query`, {}),
        400,
        'E_ARGUMENT',
        /must have required property 'question'/,
      ],
      ['an empty question', (url) => post(`${url}/api/query`, { question: '' }), 400, 'E_ARGUMENT', /fewer than 1/],
      [
        'a blank question',
        (url) => post(`${url}/api/query`, { question: ' ' }),
        400,
        'E_ARGUMENT',
        /question must be a text that is not empty/,
      ],
      [
        'an option that is none',
        (url) => post(`${url}/api/query`, { question: 'q', topK: 3 }),
        400,
        'E_ARGUMENT',
        /additional properties/,
      ],
      ['k of 0', (url) => post(`${url}/api/query`, { question: 'q', k: 0 }), 400, 'E_ARGUMENT', /k must be >= 1/],
      [
        'a filter that is none',
        (url) => post(`${url}/api/query`, { question: 'q', filter: { $near: 1 } }),
        400,
        'E_ARGUMENT',
        /\$near/,
      ],
      ['no JSON', (url) => post(`${url}/api/query`, '{"question"'), 400, 'FST_ERR_CTP_INVALID_JSON_BODY', /JSON/],
      [
        '__proto__',
        (url) => post(`${url}/api/query`, '{"question":"q","__proto__":{"k":1}}'),
        400,
        'FST_ERR_CTP_INVALID_JSON_BODY',
        /./,
      ],
      [
        'another type',
        (url) => post(`${url}/api/query`, 'q', { headers: { 'content-type': 'text/csv' } }),
        415,
        'FST_ERR_CTP_INVALID_MEDIA_TYPE',
        /Unsupported Media Type/,
      ],
      [
        'a body that is too large',
        (url) => post(`${url}/api/query`, { question: 'q'.repeat(70_000) }),
        413,
        'FST_ERR_CTP_BODY_TOO_LARGE',
        /too large/,
      ],
      ['another path', (url) => fetch(`${url}/api/nothing`), 404, 'E_NOT_FOUND', /There is no GET \/api\/nothing/],
    ];
    for (const [name, send, status, code, message] of cases) {
      it(name, async () => {
        const { url } = await asking();
        const response = await send(url);
        assert.equal(response.status, status);
        const { error } = await body<FailureBody>(response);
        assert.equal(error.code, code);
        assert.match(error.message, message);
      });
    }
  });

  it('does not tell of itself what nobody foresaw', async () => {
    const { url, collection } = await writing();
    const broken = new Error('/secret/path is on fire');
    Object.defineProperty(collection, 'retrieve', { value: () => Promise.reject(broken) });
    const response = await post(`${url}/api/query`, { question: 'water' });
    assert.equal(response.status, 500);
    assert.deepEqual(await body(response), {
      error: { code: 'E_INTERNAL', message: 'The server failed in a way that nobody foresaw. Its log says more.' },
    });
  });
});
