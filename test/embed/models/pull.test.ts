import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderOf, modelsHome } from '../../../src/embed/models/home.js';
import { pullModel } from '../../../src/embed/models/pull.js';
import { DEFAULT_MODEL, findModel, MODELS, type KnownModel } from '../../../src/embed/models/registry.js';
import { OnnxEmbedder } from '../../../src/embed/onnx/onnx-embedder.js';
import { fails, suiteFolder } from '../../lib/support.js';
import { serve, type TestServer } from '../../support/server.js';
import { needShared } from '../../support/skip.js';

describe('embed: models from the hub', () => {
  const folder = suiteFolder();
  const { QUIVER_MODELS: saved } = process.env;
  let server: TestServer | undefined;
  before(() => (process.env.QUIVER_MODELS = folder('models')));
  after(() => {
    if (saved === undefined) delete process.env.QUIVER_MODELS;
    else process.env.QUIVER_MODELS = saved;
  });
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  /** MiniLM's real files, behind a real server with the hub's layout. */
  async function hub(model: string): Promise<KnownModel> {
    const files = ['model.onnx', 'tokenizer.json'].map((file) => ({ file, content: readFileSync(join(model, file)) }));
    server = await serve((response, { path }) => {
      const found = files.find(({ file }) => path.endsWith(`/${file}`));
      response.writeHead(found === undefined ? 404 : 200).end(found?.content);
    });
    const known = findModel('minilm');
    assert.ok(known?.remote !== undefined);
    return {
      ...known,
      remote: {
        ...known.remote,
        files: files.map(({ file, content }) => {
          const sha256 = createHash('sha256').update(content).digest('hex');
          return { path: file, file, bytes: content.length, sha256 };
        }),
      },
    };
  }

  it('lays a model down so that it can be opened, with the settings that are known of it', async function () {
    const shared = needShared(this, 'models', 'all-MiniLM-L6-v2-int8');
    const model = await hub(shared);
    const steps: [number, number][] = [];
    const pulled = await pullModel(model, {
      hub: server!.url,
      onProgress: ({ done, total }) => steps.push([done, total]),
    });
    assert.deepEqual(
      [pulled.name, pulled.fetched, pulled.folder],
      ['all-MiniLM-L6-v2', 2, folderOf('all-MiniLM-L6-v2')],
    );
    assert.deepEqual(steps.at(-1), [pulled.bytes, pulled.bytes]);
    const { revision } = model.remote!;
    assert.equal(server!.asked[0]?.path, `/sentence-transformers/all-MiniLM-L6-v2/resolve/${revision}/model.onnx`);
    const [fetched, original] = await Promise.all([OnnxEmbedder.open(pulled.folder), OnnxEmbedder.open(shared)]);
    assert.equal(fetched.model, 'all-MiniLM-L6-v2');
    assert.deepEqual(await fetched.embed(['one text']), await original.embed(['one text']));
    await Promise.all([fetched.close(), original.close()]);
    assert.equal((await pullModel(model, { hub: server!.url })).fetched, 0);
  });

  it('refuses other bytes than those that are pinned', async function () {
    await hub(needShared(this, 'models', 'all-MiniLM-L6-v2-int8'));
    await fails(pullModel('all-mpnet-base-v2', { hub: server!.url, retries: 0 }), {
      code: 'E_REMOTE',
      message: /could not be fetched whole/,
      expected: '435826548 bytes',
      actual: /bytes$/,
    });
  });

  it('says which models there are', async () => {
    await fails(pullModel('nonesuch'), {
      code: 'E_NOT_FOUND',
      message:
        /^There is no model named nonesuch\. Known are quiver-static-256, all-MiniLM-L6-v2, .*; or give a folder\.$/,
      expected: /all-mpnet-base-v2/,
      actual: 'nonesuch',
    });
    await fails(pullModel('default'), {
      code: 'E_ARGUMENT',
      message: 'quiver-static-256 comes with the package: there is nothing to pull.',
      expected: 'a model from the hub',
      actual: 'quiver-static-256',
    });
  });

  it('knows the models of the guide by its names for them', () => {
    const names = ['all-MiniLM-L6-v2', 'all-mpnet-base-v2', 'multi-qa-MiniLM-L6', 'multilingual-MiniLM'];
    assert.ok(names.every((name) => findModel(name)?.remote !== undefined));
    assert.equal(findModel('ALL-minilm-l6-V2')?.dim, 384);
    assert.equal(findModel('other'), undefined);
    assert.equal(findModel(DEFAULT_MODEL)?.maxTokens, undefined, 'it takes texts of any length');
    for (const { remote, maxTokens } of MODELS) {
      assert.equal(maxTokens === undefined, remote === undefined);
      for (const { sha256, bytes } of remote?.files ?? []) assert.ok(/^[0-9a-f]{64}$/.test(sha256) && bytes > 0);
    }
  });

  it('keeps models where it is told to', () => {
    assert.equal(modelsHome(), folder('models'));
    assert.equal(folderOf('mine'), join(folder('models'), 'mine'));
    delete process.env.QUIVER_MODELS;
    const { QUIVER_CACHE: cache } = process.env;
    try {
      process.env.QUIVER_CACHE = '/somewhere';
      assert.equal(modelsHome(), '/somewhere/models');
      delete process.env.QUIVER_CACHE;
      assert.match(modelsHome(), /\.cache\/faiss-quiver\/models$/);
      assert.match(folderOf(DEFAULT_MODEL), /models\/quiver-static-256$/);
    } finally {
      if (cache !== undefined) process.env.QUIVER_CACHE = cache;
      process.env.QUIVER_MODELS = folder('models');
    }
  });
});
