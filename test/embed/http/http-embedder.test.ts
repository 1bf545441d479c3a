import { strict as assert } from 'node:assert';
import { HttpEmbedder } from '../../../src/embed/http/http-embedder.js';
import { fails } from '../../lib/support.js';
import { json, serve, type TestServer } from '../../support/server.js';

/** Vectors that say which text they are of: its length, and its first letter. */
function vectorsOf(texts: readonly string[]): { index: number; embedding: number[] }[] {
  return texts.map((text, index) => ({ index, embedding: [text.length, text.charCodeAt(0), 0, 0] }));
}

describe('embed: http', () => {
  let server: TestServer | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  const start = async (answer?: (texts: string[], number: number) => unknown): Promise<TestServer> =>
    (server = await serve((response, { body }, number) => {
      const { input } = body as { input: string[] };
      json(response, 200, answer?.(input, number) ?? { data: vectorsOf(input).reverse() });
    }));

  it('learns the dimension, keeps the order, and gives vectors of length 1', async () => {
    const { url, asked } = await start();
    const embedder = await HttpEmbedder.open({
      model: 'm',
      baseUrl: `${url}/v1`,
      apiKey: 'k',
      batch: 3,
      concurrency: 2,
    });
    assert.equal(embedder.dim, 4);
    const texts = Array.from({ length: 10 }, (_, i) => 'x'.repeat(i));
    const steps: number[] = [];
    const vectors = await embedder.embed(texts, { onProgress: ({ done }) => steps.push(done) });
    texts.forEach((text, i) => {
      const wanted = [text.length || 1, (text || ' ').charCodeAt(0), 0, 0];
      const length = Math.hypot(...wanted);
      wanted.forEach((value, j) => assert.ok(Math.abs(vectors[i * 4 + j] - value / length) < 1e-6));
    });
    assert.equal(asked.length, 1 + 4);
    assert.deepEqual(asked[1]?.body, { model: 'm', input: [' ', 'x', 'xx'], encoding_format: 'float' });
    assert.equal(steps.at(-1), 10);
    assert.equal((await embedder.embed([])).length, 0);
  });

  it('puts prompts before texts, and asks for dimensions', async () => {
    const { url, asked } = await start();
    const prompts = { query: 'query: ', document: 'passage: ' };
    const embedder = await HttpEmbedder.open({ model: 'm', baseUrl: url, dimensions: 4, prompts });
    await embedder.embed(['a'], { input: 'query' });
    await embedder.embed(['a']);
    const bodies = asked.map(({ body }) => body as { input: string[]; dimensions: number });
    assert.deepEqual([bodies[1]?.input, bodies[2]?.input], [['query: a'], ['passage: a']]);
    assert.ok(bodies.every(({ dimensions }) => dimensions === 4));
  });

  it('has another fingerprint for another model, place or prompt', async () => {
    const { url } = await start();
    const open = async (more: object): Promise<string> =>
      (await HttpEmbedder.open({ model: 'm', baseUrl: url, ...more })).fingerprint;
    const prints = [await open({}), await open({ model: 'n' }), await open({ prompts: { query: 'q' } })];
    assert.equal(new Set(prints).size, 3);
    assert.equal(await open({}), prints[0]);
  });

  const refused: [string, (texts: string[], number: number) => unknown, RegExp][] = [
    ['too few vectors', (_, n) => (n === 0 ? undefined : { data: [] }), /the number of vectors differs/],
    ['no vectors at all', (_, n) => (n === 0 ? undefined : { nothing: 1 }), /the number of vectors differs/],
    [
      'a vector without numbers',
      (t, n) => (n === 0 ? undefined : { data: t.map(() => ({ embedding: ['a'] })) }),
      /no number/,
    ],
    ['a missing vector', (t, n) => (n === 0 ? undefined : { data: t.map(() => ({})) }), /a vector is missing/],
    [
      'an index twice',
      (t, n) => (n === 0 ? undefined : { data: t.map(() => ({ index: 0, embedding: [1, 0, 0, 0] })) }),
      /indexes do not count/,
    ],
  ];
  for (const [name, answer, message] of refused) {
    it(`refuses ${name}`, async () => {
      const { url } = await start(answer);
      const embedder = await HttpEmbedder.open({ model: 'm', baseUrl: url, retries: 0 });
      await fails(embedder.embed(['a', 'b']), {
        code: 'E_REMOTE',
        message,
        expected: /one vector a text/,
        actual: /./,
      });
    });
  }

  it('refuses vectors of another length than before', async () => {
    const { url } = await start((texts, n) =>
      n === 0 ? undefined : { data: texts.map(() => ({ embedding: [1, 2] })) },
    );
    const embedder = await HttpEmbedder.open({ model: 'm', baseUrl: url });
    await fails(embedder.embed(['a']), {
      code: 'E_DIMENSION',
      message: 'The service’s vectors changed their length. Is m another model now?'.replace('’', "'"),
      expected: '4',
      actual: '2',
    });
  });

  it('says what is missing', async () => {
    const { OPENAI_BASE_URL: saved } = process.env;
    delete process.env.OPENAI_BASE_URL;
    try {
      await fails(HttpEmbedder.open({ model: '' }), {
        code: 'E_ARGUMENT',
        message: 'model must be the name of a model, but is "".',
        expected: 'the name of a model',
        actual: '""',
      });
      const expected = 'a URL such as http://127.0.0.1:8080/v1 (or OPENAI_BASE_URL)';
      await fails(HttpEmbedder.open({ model: 'm' }), {
        code: 'E_ARGUMENT',
        message: `baseUrl must be ${expected}, but is undefined.`,
        expected,
        actual: 'undefined',
      });
    } finally {
      if (saved !== undefined) process.env.OPENAI_BASE_URL = saved;
    }
  });

  it('ends with its signal and with close()', async () => {
    server = await serve((response, { body }, number) => {
      if (number === 0) json(response, 200, { data: vectorsOf((body as { input: string[] }).input) });
    });
    const embedder = await HttpEmbedder.open({ model: 'm', baseUrl: server.url });
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 30);
    await fails(embedder.embed(['a'], { signal: abort.signal }), {
      code: 'E_ABORTED',
      message: 'The call was aborted.',
      expected: 'a signal that is not aborted',
      actual: 'an aborted one',
    });
    const open = embedder.embed(['a']);
    const ended = assert.rejects(open);
    await embedder.close();
    await ended;
    await fails(embedder.embed(['a']), {
      code: 'E_CLOSED',
      message: 'The embedder is closed.',
      expected: 'an open embedder',
      actual: 'a closed one',
    });
  });
});
