import { strict as assert } from 'node:assert';
import { connect } from 'node:net';
import { createServer } from 'node:net';
import fastify from 'fastify';
import { quiver } from '../../src/server/index.js';
import { serve } from '../../src/server/serve.js';
import { DONE, languageModel, piece, startStream } from '../support/language-model.js';
import { body, post, serverSuite, until, type FailureBody } from './support.js';

const KEY = 'a-key-that-nobody-guesses';

describe('server: operation', function () {
  this.timeout(60_000);
  const { opened, shared, asking, writing } = serverSuite();
  const status = async (request: Promise<Response>): Promise<number> => (await request).status;

  describe('access', () => {
    it('asks for a key where there are keys, in either header, and not for health and page', async () => {
      const { url } = await asking({ apiKeys: ['another-key-of-the-server', KEY] });
      const query = (headers: Record<string, string>): Promise<number> =>
        status(post(`${url}/api/query`, { question: 'birds' }, { headers }));
      assert.equal(await query({}), 401);
      assert.equal(await query({ authorization: 'Bearer wrong' }), 401);
      assert.equal(await query({ authorization: KEY }), 401);
      assert.equal(await query({ authorization: `Bearer ${KEY}` }), 200);
      assert.equal(await query({ 'x-api-key': KEY }), 200);
      for (const path of ['/metrics', '/api/performance', '/api/documents', '/api/health', '/api/openapi.json']) {
        assert.equal(await status(fetch(url + path)), 401, path);
      }
      for (const path of ['/', '/page/app.js', '/api/health/live', '/api/health/ready']) {
        assert.equal(await status(fetch(url + path)), 200, path);
      }
    });

    it('refuses before it has read the body', async () => {
      const { url } = await asking({ apiKeys: [KEY] });
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      socket.write(
        'POST /api/documents HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 1000000\r\n\r\n',
      );
      const [answer] = (await new Promise<Buffer[]>((resolve) => socket.once('data', (data) => resolve([data])))) as [
        Buffer,
      ];
      assert.match(answer.toString(), /^HTTP\/1\.1 401 /);
      socket.destroy();
    });

    it('without keys answers to this machine alone: no other host, no page of another origin', async () => {
      const { url } = await asking();
      const raw = async (headers: string): Promise<string> => {
        const socket = connect(Number(new URL(url).port), '127.0.0.1');
        socket.write(`GET /api/documents HTTP/1.1\r\n${headers}\r\nconnection: close\r\n\r\n`);
        let text = '';
        for await (const data of socket) text += String(data);
        return text;
      };
      assert.match(await raw('host: evil.example'), /^HTTP\/1\.1 403[^]*localhost alone/);
      assert.match(await raw('host: localhost\r\norigin: https://evil.example'), /^HTTP\/1\.1 403[^]*other origins/);
      assert.match(await raw('host: localhost\r\norigin: null'), /^HTTP\/1\.1 403/);
      assert.match(await raw('host: localhost:1\r\norigin: http://localhost:1'), /^HTTP\/1\.1 200/);
      assert.match(await raw('host: [::1]:99'), /^HTTP\/1\.1 200/);
    });

    it('answers to origins that are named, and to no others', async () => {
      const { url } = await asking({ cors: ['https://app.example'] });
      const from = (origin: string): Promise<Response> => fetch(`${url}/api/health`, { headers: { origin } });
      const named = await from('https://app.example');
      assert.equal(named.headers.get('access-control-allow-origin'), 'https://app.example');
      assert.equal(await status(from('https://evil.example')), 403);
      assert.equal((await fetch(`${url}/api/health`)).headers.get('access-control-allow-origin'), null);
    });

    it('refuses to listen beyond this machine without a key', async () => {
      const { engine } = await asking();
      await assert.rejects(serve({ engine, host: '0.0.0.0', port: 0 }), {
        code: 'E_ARGUMENT',
        message:
          'Listening on 0.0.0.0 would answer to everybody who can reach this machine: give an API key (QUIVER_API_KEY, or apiKeys), or listen on 127.0.0.1.',
      });
      await assert.rejects(serve({ engine, apiKeys: ['short'] }), {
        code: 'E_ARGUMENT',
        message: /^apiKeys: a key has 5 characters, and one that cannot be guessed has at least 16/,
      });
    });

    it('says who has the port', async () => {
      const { engine } = await asking();
      const other = createServer();
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
      const { port } = other.address() as { port: number };
      await assert.rejects(serve({ engine, port, logLevel: false }), {
        code: 'E_IO',
        message: `Cannot listen on 127.0.0.1, port ${port}: another program listens there. Choose another port, or 0 for any that is free.`,
      });
      other.close();
    });
  });

  it('refuses more requests of one client than it may send in a minute', async () => {
    const { url } = await asking({ rateLimit: 3, apiKeys: [KEY, `${KEY}-2`] });
    const ask = (key: string): Promise<Response> =>
      fetch(`${url}/api/documents`, { headers: { authorization: `Bearer ${key}` } });
    for (let i = 0; i < 3; i++) assert.equal(await status(ask(KEY)), 200);
    const refused = await ask(KEY);
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
    const { error } = await body<FailureBody>(refused);
    assert.equal(error.code, 'E_RATE');
    assert.match(error.message, /^More than 3 requests a minute\. Try again in \d+ s\.$/);
    assert.equal(await status(ask(`${KEY}-2`)), 200);
    assert.equal(await status(fetch(`${url}/api/health/live`)), 200);
  });

  it('sends the headers that keep a page safe', async () => {
    const { url } = await asking();
    const { headers } = await fetch(url);
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'.*script-src 'self'/);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.match(headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/);
    assert.equal(headers.get('x-powered-by'), null);
  });

  it('lives apart from being ready', async () => {
    const { url, collection } = await writing();
    assert.deepEqual(await body(fetch(`${url}/api/health/ready`)), { status: 'ok' });
    await collection.close();
    const response = await fetch(`${url}/api/health/ready`);
    assert.equal(response.status, 503);
    assert.equal((await body<FailureBody>(response)).error.code, 'E_CLOSED');
    assert.equal(await status(fetch(`${url}/api/health/live`)), 200);
  });

  it('reports what it has measured, as JSON and for Prometheus', async () => {
    const { url } = await asking();
    for (let i = 0; i < 2; i++) await post(`${url}/api/query`, { question: 'birds' });
    const report = await body<{
      cache: { hit_rate: number };
      health: { score: number };
      collection: { documents: number };
    }>(fetch(`${url}/api/performance`));
    assert.equal(report.cache.hit_rate, 0.5);
    assert.equal(report.collection.documents, 3);
    const health = await body<{ status: string; score: number; sla: unknown[] }>(fetch(`${url}/api/health`));
    assert.equal(health.status, 'ok');
    assert.equal(health.sla.length, 6);
    const response = await fetch(`${url}/metrics`);
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain/);
    const text = await response.text();
    for (const line of [
      'quiver_queries_total{outcome="success"} 2',
      'quiver_queries_total{outcome="error"} 0',
      'quiver_cache_lookups_total{result="hit"} 1',
      'quiver_query_response_time_seconds_count 2',
      'quiver_retrieval_time_seconds_bucket{le="+Inf"} 1',
      'quiver_documents 3',
      'quiver_up 1',
      `quiver_health_score ${report.health.score}`,
    ]) {
      assert.ok(text.includes(`${line}\n`), line);
    }
  });

  it('describes itself', async () => {
    const { url } = await asking();
    const document = await body<{ openapi: string; paths: Record<string, Record<string, unknown>> }>(
      fetch(`${url}/api/openapi.json`),
    );
    assert.match(document.openapi, /^3\.1/);
    for (const [path, methods] of Object.entries({
      '/api/query': ['post'],
      '/api/stream-query': ['post'],
      '/api/documents': ['get', 'post', 'delete'],
      '/api/health/ready': ['get'],
      '/api/performance': ['get'],
      '/metrics': ['get'],
    })) {
      assert.deepEqual(Object.keys(document.paths[path] ?? {}).sort(), methods.sort(), path);
    }
  });

  it('lets what runs finish when it closes, and takes nothing new', async () => {
    let go: (() => void) | undefined;
    const model = opened.also(
      await languageModel((response) => {
        startStream(response).flushHeaders();
        go = () => response.end(piece('at last') + DONE);
      }),
    );
    const { url, server } = await asking({ engine: { llm: { model: 'm', baseUrl: model.url } } });
    const running = post(`${url}/api/query`, { question: 'water' });
    await until('the question is being answered', () => go !== undefined);
    const closed = server.close();
    await until('nothing new is taken', () =>
      fetch(`${url}/api/health/live`).then(
        ({ status: code }) => code === 503,
        () => true,
      ),
    );
    go?.();
    const { answer } = await body<{ answer: string }>(running);
    assert.equal(answer, 'at last');
    await closed;
  });

  it('ends what does not finish when it closes', async () => {
    let begun = false;
    const model = opened.also(
      await languageModel((response) => {
        startStream(response).write(piece('a'));
        begun = true;
      }),
    );
    const { url, server } = await asking({ drain: 1, engine: { llm: { model: 'm', baseUrl: model.url } } });
    const running = post(`${url}/api/query`, { question: 'water' }).catch(() => 'cut off');
    await until('the question is being answered', () => begun);
    await server.close();
    assert.equal(await running, 'cut off');
  });

  it('mounts into a server that is there, below a prefix, and keeps to itself', async () => {
    const engine = opened.engine(shared());
    const app = opened.also(fastify());
    app.get('/own', () => ({ own: true }));
    await app.register(quiver, { engine, prefix: '/docs', apiKeys: [KEY] });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    assert.deepEqual(await body(fetch(`${url}/own`)), { own: true });
    assert.equal((await fetch(`${url}/own`)).headers.get('content-security-policy'), null);
    assert.equal(await status(post(`${url}/docs/api/query`, { question: 'birds' })), 401);
    const headers = { authorization: `Bearer ${KEY}` };
    assert.equal(await status(post(`${url}/docs/api/query`, { question: 'birds' }, { headers })), 200);
    // As strict here as in a server of its own, though the application around it leaves out what it does not know.
    const unknown = await post(`${url}/docs/api/query`, { question: 'birds', topK: 3 }, { headers });
    assert.equal(unknown.status, 400);
    assert.match(await unknown.text(), /must NOT have additional properties/);
    const page = await fetch(`${url}/docs`);
    assert.equal(page.url, `${url}/docs/`);
    assert.match(await page.text(), /<title>Quiver/);
    assert.equal(await status(fetch(`${url}/docs/page/style.css`)), 200);
  });

  it('refuses wrong options', async () => {
    const { engine } = await asking();
    for (const [options, message] of [
      [{ engine: 7 }, 'engine must be an engine, made by createEngine(), but is 7.'],
      [{ concurrency: 0 }, 'concurrency must be an integer from 1 to 1,024, but is 0.'],
      [{ rateLimit: -1 }, 'rateLimit must be an integer from 1 to 1,000,000, but is -1.'],
      [{ heartbeat: 0 }, 'heartbeat must be above 0 and at most 3600 seconds, but is 0.'],
      [{ apiKeys: 'x' }, 'apiKeys must be an array of texts, but is "x".'],
      [{ port: 70_000 }, 'port must be an integer from 0 to 65,535, but is 70000.'],
    ] as const) {
      const given: object = options;
      await assert.rejects(serve({ engine, port: 0, logLevel: false, ...given }), { message });
    }
  });
});
