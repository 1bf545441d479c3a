import { strict as assert } from 'node:assert';
import { existsSync, writeFileSync } from 'node:fs';
import { Collection } from '../../src/collection/collection.js';
import type { CollectionOptions } from '../../src/collection/types.js';
import { CachedEmbedder } from '../../src/embed/cache/cached-embedder.js';
import { HttpEmbedder } from '../../src/embed/http/http-embedder.js';
import { StaticEmbedder } from '../../src/embed/static/embedder.js';
import { fails, suiteFolder } from '../lib/support.js';
import { json, serve, type TestServer } from '../support/server.js';

const TEXTS = Array.from({ length: 40 }, (_, i) => ({
  id: `t${i}`,
  text: `Text ${i} is about lighthouse number ${i}.`,
}));

/** A vector that depends on the text. */
function vectorOf(text: string): number[] {
  return Array.from({ length: 8 }, (_, i) => Math.sin(text.length * (i + 1) + text.charCodeAt(5 % text.length)));
}

describe('collection: the cache of its model', function () {
  this.timeout(60_000);
  const folder = suiteFolder();
  const saved = { ...process.env };
  const open: Collection[] = [];
  let server: TestServer;
  let count = 0;

  before(async () => {
    server = await serve((response, { body }) => {
      const { input } = body as { input: string[] };
      json(response, 200, { data: input.map((text, index) => ({ index, embedding: vectorOf(text) })) });
    });
    process.env.OPENAI_BASE_URL = server.url;
    process.env.OPENAI_API_KEY = 'none';
  });
  after(async () => {
    await server.close();
    process.env = saved;
  });
  beforeEach(() => {
    process.env.QUIVER_CACHE = folder(`cache${++count}`);
    server.asked.length = 0;
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((collection) => collection.close()));
  });

  const start = async (name: string, options: CollectionOptions = {}): Promise<Collection> => {
    const collection = await Collection.open(folder(name), options);
    open.push(collection);
    return collection;
  };
  /** Texts that the service embedded, its opening's question apart. */
  const embedded = (): number =>
    server.asked.flatMap(({ body }) => (body as { input: string[] }).input).filter((text) => text !== 'dimension')
      .length;

  it('has what a service embedded for another collection, and for this one when it is opened again', async () => {
    const first = await start('first', { model: 'openai:m' });
    await first.add(TEXTS);
    assert.equal(embedded(), 40);
    assert.ok(first.embedder instanceof CachedEmbedder);
    assert.ok(existsSync(folder(`cache${count}/embeddings.db`)));
    await first.close();
    const second = await start('second', { model: 'openai:m' });
    await second.add(TEXTS);
    assert.equal(embedded(), 40);
    await second.close();
    const again = await start('first');
    await again.search('lighthouse');
    await again.search('lighthouse');
    assert.equal(embedded(), 41);
    await again.add({ id: 'other', text: TEXTS[3].text });
    assert.equal(embedded(), 41);
  });

  it('has one in setModel() too', async () => {
    const collection = await start('changing');
    await collection.add(TEXTS);
    await collection.setModel('openai:m');
    assert.equal(embedded(), 40);
    await collection.setModel('quiver-static-256');
    assert.ok(collection.embedder instanceof StaticEmbedder);
    await collection.setModel('openai:m');
    assert.equal(embedded(), 40);
  });

  it('has one for the teacher in fit() too', async () => {
    const words = 'harbor storm lamp keeper boat tide rope sail gull rock'.split(' ');
    const many = Array.from({ length: 120 }, (_, i) => ({
      id: `m${i}`,
      text: `The ${words[i % 10]} and the ${words[(i * 7 + 3) % 10]} of place ${i}.`,
    }));
    const asked: number[] = [];
    for (const name of ['fit1', 'fit2']) {
      const collection = await start(name);
      await collection.add(many);
      await collection.fit({ teacher: 'openai:m' });
      asked.push(embedded());
      await collection.close();
    }
    assert.ok((asked[0] ?? 0) >= 120);
    assert.equal(asked[1], asked[0]);
  });

  it('has it elsewhere or not at all, as wanted', async () => {
    const elsewhere = await start('elsewhere', { model: 'openai:m', cache: folder('mine.db') });
    await elsewhere.add(TEXTS);
    assert.ok(existsSync(folder('mine.db')));
    const without = await start('without', { model: 'openai:m', cache: false });
    await without.add(TEXTS);
    assert.ok(without.embedder instanceof HttpEmbedder);
    assert.equal(embedded(), 80);
    const small = await start('small', { cache: true });
    await small.add(TEXTS);
    assert.ok(small.embedder instanceof StaticEmbedder);
    assert.ok(!existsSync(folder(`cache${count}`)));
    for (const cache of ['', 1, null]) {
      const expected = 'true, false or the path of a file';
      const failure = {
        code: 'E_ARGUMENT',
        message: /^cache must be true, false or the path of a file/,
        expected,
      } as const;
      await fails(start('never', { cache: cache as never }), { ...failure, actual: /./ });
    }
    assert.ok(!existsSync(folder('never')));
  });

  it('leaves an embedder of the caller as it is', async () => {
    const embedder = await HttpEmbedder.open({ model: 'm' });
    const collection = await start('given', { model: embedder, cache: true });
    await collection.add(TEXTS);
    assert.equal(collection.embedder, embedder);
    assert.ok(!existsSync(folder(`cache${count}`)));
  });

  it('tells its warnings as the collection does', async () => {
    writeFileSync(folder('file'), '');
    const warnings: string[] = [];
    const onWarning = (message: string): void => void warnings.push(message);
    const collection = await start('warned', { model: 'openai:m', cache: folder('file/x.db'), onWarning });
    await collection.add(TEXTS);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /^The cache of embeddings: /);
    assert.equal((await collection.count()).documents, 40);
  });
});
