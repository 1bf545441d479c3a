import { strict as assert } from 'node:assert';
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { OnnxEmbedder, type OnnxOptions } from '../../../src/embed/onnx/onnx-embedder.js';
import { fails, suiteFolder } from '../../lib/support.js';
import { needShared } from '../../support/skip.js';

interface Reference {
  text: string;
  embedding: number[];
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

describe('embed: onnx, with MiniLM', () => {
  const folder = suiteFolder();
  let model: string;
  let references: Reference[];
  let embedder: OnnxEmbedder;
  const texts = (): string[] => references.map(({ text }) => text);

  before(async function () {
    model = needShared(this, 'models', 'all-MiniLM-L6-v2-int8');
    references = readFileSync(join(model, 'reference.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Reference);
    embedder = await OnnxEmbedder.open(model, { sessions: 2 });
  });
  after(() => embedder?.close());

  /** The model's folder with some of its files changed; the weights are only linked. */
  const variant = (name: string, change: (path: string) => void): string => {
    const path = folder(name);
    mkdirSync(path);
    cpSync(model, path, { recursive: true, filter: (file) => !/\.(onnx|jsonl)$/.test(file) });
    symlinkSync(join(model, 'model.onnx'), join(path, 'model.onnx'));
    change(path);
    return path;
  };

  it('gives the reference vectors, batched or alone', async () => {
    const together = await embedder.embed(texts());
    const { dim } = embedder;
    assert.equal(dim, 384);
    for (const [at, { text, embedding }] of references.entries()) {
      const row = together.subarray(at * dim, (at + 1) * dim);
      assert.ok(cosine(row, embedding) >= 0.99, `${text.slice(0, 40)}: ${cosine(row, embedding)}`);
      assert.ok(Math.abs(cosine(row, row) - 1) < 1e-5);
    }
    const alone = await embedder.embed([references[3].text], { input: 'query' });
    assert.ok(cosine(alone, references[3].embedding) >= 0.99);
  });

  it('joins calls that come together, and reports progress', async () => {
    const some = texts().slice(0, 24);
    const whole = await embedder.embed(some);
    const single = await Promise.all(some.map((text) => embedder.embed([text])));
    single.forEach((vector, at) => assert.ok(cosine(vector, whole.subarray(at * 384, (at + 1) * 384)) > 0.99));
    const steps: number[] = [];
    await embedder.embed(
      Array.from({ length: 200 }, (_, i) => `text number ${i}`),
      {
        onProgress: ({ phase, done, total }) => {
          assert.deepEqual([phase, total], ['embed', 200]);
          steps.push(done);
        },
      },
    );
    assert.deepEqual(
      steps,
      [...steps].sort((a, b) => a - b),
    );
    assert.equal(steps.at(-1), 200);
  });

  it('takes no text, the empty text, lone surrogates and very long text', async () => {
    assert.equal((await embedder.embed([])).length, 0);
    const vectors = await embedder.embed(['', '\ud800 half', 'word '.repeat(50_000)]);
    assert.ok(vectors.every((value) => Number.isFinite(value)));
  });

  it('ends with its signal, and goes on for others', async () => {
    const abort = new AbortController();
    const many = Array.from({ length: 400 }, (_, i) => `a sentence that is number ${i}`);
    const long = embedder.embed(many, { signal: abort.signal });
    const other = embedder.embed(['somebody else']);
    setTimeout(() => abort.abort(new Error('enough')), 20);
    const failure = {
      code: 'E_ABORTED' as const,
      message: 'The call was aborted.',
      expected: 'a signal that is not aborted',
      actual: 'an aborted one',
    };
    await fails(long, failure);
    assert.equal((await other).length, 384);
    await fails(embedder.embed(['late'], { signal: abort.signal }), failure);
  });

  it('rejects with what the progress callback throws', async () => {
    const broken = () => {
      throw new Error('my own');
    };
    await assert.rejects(embedder.embed(['a'], { onProgress: broken }), /my own/);
  });

  it('survives the death of its processes', async () => {
    await embedder.embed(['warm']);
    const work = embedder.embed(texts());
    await new Promise((resolve) => setTimeout(resolve, 30));
    for (const pid of embedder.pids) process.kill(pid, 'SIGKILL');
    assert.equal((await work).length, references.length * 384);
  });

  it('refuses what is no list of texts', async () => {
    await fails(embedder.embed('text' as never), {
      code: 'E_ARGUMENT',
      message: 'texts must be an array of strings, but is "text".',
      expected: 'an array of strings',
      actual: '"text"',
    });
    await fails(embedder.embed(['a', 5 as never]), {
      code: 'E_ARGUMENT',
      message: 'texts[1] must be a string, but is 5.',
      expected: 'a string',
      actual: '5',
    });
    await fails(embedder.embed(['a'], { input: 'question' as never }), {
      code: 'E_ARGUMENT',
      message: "input must be 'query' or 'document', but is \"question\".",
      expected: "'query' or 'document'",
      actual: '"question"',
    });
  });

  it('rejects calls once it is closed', async () => {
    const own = await OnnxEmbedder.open(model, { sessions: 1 });
    const running = own.embed(texts());
    const closed = { code: 'E_CLOSED' as const, message: 'The embedder is closed.' };
    const failure = { ...closed, expected: 'an open embedder', actual: 'a closed one' };
    const ended = fails(running, failure);
    await own.close();
    await ended;
    await own.close();
    await fails(own.embed(['a']), failure);
  });

  it('falls back to the CPU with a warning where there is no CUDA', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const own = await OnnxEmbedder.open(model, { device: 'cuda', sessions: 1 });
    const vector = await own.embed([references[0].text]);
    assert.ok(cosine(vector, references[0].embedding) >= 0.99);
    assert.match((await warned).message, /no CUDA, so the model runs on the CPU/);
    await own.close();
  });

  it('reads pooling, limit and prompts from the folder', async () => {
    const cls = variant('cls', (path) => {
      const modes = { word_embedding_dimension: 384, pooling_mode_cls_token: true, pooling_mode_mean_tokens: false };
      writeFileSync(join(path, '1_Pooling', 'config.json'), JSON.stringify(modes));
      const prompts = { prompts: { query: 'query: ', passage: 'passage: ' } };
      writeFileSync(join(path, 'config_sentence_transformers.json'), JSON.stringify(prompts));
      writeFileSync(join(path, 'sentence_bert_config.json'), JSON.stringify({ max_seq_length: 8 }));
    });
    const own = await OnnxEmbedder.open(cls, { sessions: 1, name: 'mine' });
    assert.equal(own.model, 'mine');
    assert.notEqual(own.fingerprint, embedder.fingerprint);
    const long = 'one two three four five six seven eight nine ten';
    const [first, same, query] = [
      await own.embed([long]),
      await own.embed([`${long} eleven`]),
      await own.embed([long], { input: 'query' }),
    ];
    assert.ok(cosine(first, same) > 0.9999, 'what is beyond the limit does not count');
    assert.ok(cosine(first, query) < 0.9999, 'the prompt counts');
    await own.close();
  });

  const options: [string, OnnxOptions, string][] = [
    ['device', { device: 'tpu' as never }, `device must be 'cpu' or 'cuda', but is "tpu".`],
    ['sessions', { sessions: 0 }, 'sessions must be an integer from 1 to 64, but is 0.'],
    ['threads', { threads: 1.5 }, 'threads must be an integer from 1 to 256, but is 1.5.'],
    ['batchTokens', { batchTokens: -1 }, 'batchTokens must be an integer from 1 to 1,048,576, but is -1.'],
  ];
  for (const [name, wrong, message] of options) {
    it(`refuses a wrong ${name}`, async () => {
      await assert.rejects(OnnxEmbedder.open(model, wrong), { name: 'QuiverError', message });
    });
  }

  const broken: [string, (path: string) => void, RegExp, string][] = [
    [
      'no weights',
      (path) => rmSync(join(path, 'model.onnx')),
      /has no model\.onnx, so it is not a sentence-transformers/,
      'E_NOT_FOUND',
    ],
    ['no tokenizer', (path) => rmSync(join(path, 'tokenizer.json')), /has no tokenizer\.json/, 'E_NOT_FOUND'],
    ['no config', (path) => rmSync(join(path, 'config.json')), /has no config\.json/, 'E_NOT_FOUND'],
    [
      'a config that is not JSON',
      (path) => writeFileSync(join(path, 'config.json'), '{'),
      /is not JSON. Get the model anew/,
      'E_CORRUPT',
    ],
    [
      'no dimension',
      (path) => {
        rmSync(join(path, '1_Pooling'), { recursive: true });
        writeFileSync(join(path, 'config.json'), '{}');
      },
      /has no hidden_size/,
      'E_NOT_FOUND',
    ],
    [
      'two poolings at once',
      (path) =>
        writeFileSync(
          join(path, '1_Pooling', 'config.json'),
          '{"pooling_mode_cls_token":true,"pooling_mode_max_tokens":true}',
        ),
      /pools its tokens in a way that is not known/,
      'E_UNSUPPORTED',
    ],
    [
      'damaged weights',
      (path) => {
        rmSync(join(path, 'model.onnx'));
        writeFileSync(join(path, 'model.onnx'), 'no model');
      },
      /ONNX Runtime cannot load/,
      'E_CORRUPT',
    ],
  ];
  for (const [name, change, message, code] of broken) {
    it(`refuses a folder with ${name}`, async () => {
      await assert.rejects(OnnxEmbedder.open(variant(name.replaceAll(' ', '-'), change)), { code, message });
    });
  }

  it('refuses a folder that is not there', async () => {
    await assert.rejects(OnnxEmbedder.open(folder('none')), { code: 'E_NOT_FOUND', message: /has no such folder/ });
  });
});
