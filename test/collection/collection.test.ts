import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Collection } from '../../src/collection/collection.js';
import { embedText } from '../../src/collection/embed-text.js';
import type { CollectionOptions } from '../../src/collection/types.js';
import { openModel } from '../../src/embed/models/open.js';
import { fails, suiteFolder } from '../lib/support.js';

const TEXTS = [
  {
    id: 'penguins',
    title: 'Penguins',
    text: 'Penguins are birds of the southern seas. They cannot fly, but they swim well.',
  },
  {
    id: 'bread',
    title: 'Bread',
    text: 'Bread is baked from flour, water and yeast. The dough must rise for two hours before baking.',
  },
  {
    id: 'sqlite',
    title: 'SQLite',
    text: 'SQLite keeps a whole database in a single file. It needs no server.',
    metadata: { kind: 'software' },
  },
];

describe('collection', function () {
  this.timeout(120_000);
  const folder = suiteFolder();
  const open: Collection[] = [];
  let count = 0;
  const fresh = async (options: CollectionOptions = {}): Promise<Collection> => reopen(folder(`c${count++}`), options);
  const reopen = async (path: string, options: CollectionOptions = {}): Promise<Collection> => {
    const collection = await Collection.open(path, options);
    open.push(collection);
    return collection;
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map((collection) => collection.close()));
  });

  it('works in a script that was given on the command line', () => {
    const script = `import { Collection } from ${JSON.stringify(new URL('../../src/rag.js', import.meta.url).href)};
      const collection = await Collection.open(${JSON.stringify(folder('script'))});
      await collection.add({ text: 'Dogs bark at night.' });
      console.log((await collection.search('who barks?')).hits.length);
      await collection.close();`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    assert.equal(stdout, '1\n', stderr);
  });

  it('finds texts by what they mean and by their words, and answers from them', async () => {
    const collection = await fresh();
    const added = await collection.add(TEXTS);
    assert.deepEqual(added, { ids: ['penguins', 'bread', 'sqlite'], documents: 3, chunks: 3, replaced: 0 });
    for (const mode of ['hybrid', 'vector', 'keyword'] as const) {
      const { hits } = await collection.search('a database without a server', { mode });
      assert.equal(hits[0]?.document.id, 'sqlite', mode);
    }
    const filtered = await collection.search('birds', { filter: { kind: 'software' } });
    assert.deepEqual(
      filtered.hits.map(({ document }) => document.id),
      ['sqlite'],
    );
    const { answer, sources, timings } = await collection.ask('How long must the dough rise?');
    assert.equal(answer.found, true);
    assert.match(answer.text, /two hours before baking\. \[\d\]/);
    assert.equal(sources[0]?.hit.document.id, 'bread');
    assert.ok(timings.total >= timings.retrieve);
    assert.equal((await collection.ask('What does a quantum sandwich cost in Lisbon?')).answer.found, false);
  });

  it('keeps everything from one open to the next, and knows its model', async () => {
    const first = await fresh();
    await first.add(TEXTS);
    await first.close();
    const again = await reopen(first.folder);
    assert.deepEqual(await again.count(), { documents: 3, chunks: 3 });
    assert.equal((await again.get('bread'))?.title, 'Bread');
    assert.equal((await again.search('penguin')).hits[0]?.document.id, 'penguins');
    assert.equal(await again.delete(['bread', 'nothing']), 1);
    assert.deepEqual(
      (await again.list()).documents.map(({ id }) => id),
      ['penguins', 'sqlite'],
    );
    const all = [];
    for await (const document of again.documents()) all.push(document.id);
    assert.deepEqual(all, ['penguins', 'sqlite']);
  });

  it('reads files, leaves out what it cannot read and what has not changed, and forgets records that are gone', async () => {
    const files = folder(`files${count++}`);
    mkdirSync(files);
    writeFileSync(join(files, 'guide.md'), '# Guide\n\n## Install\n\nRun the installer, then restart the machine.\n');
    writeFileSync(
      join(files, 'people.jsonl'),
      '{"id":"a","text":"Ada wrote programs."}\n{"id":"b","text":"Bob paints walls."}\n',
    );
    writeFileSync(join(files, 'broken.pdf'), 'this is no PDF');
    const collection = await fresh();
    const steps: number[] = [];
    const first = await collection.addFiles(files, { root: files, onProgress: ({ done }) => steps.push(done) });
    assert.deepEqual([first.files, first.read, first.failed, first.documents], [3, 2, 1, 3]);
    assert.match(first.failures[0]?.file ?? '', /broken\.pdf$/);
    assert.ok(steps.length >= 3);
    const hit = (await collection.search('restart after the installation')).hits[0];
    assert.deepEqual([hit?.document.id, hit?.chunk.headings], ['guide.md', ['Guide']]);

    const second = await collection.addFiles(files, { root: files });
    // A file of records is read again, and its records are known.
    assert.deepEqual([second.read, second.documents, second.unchanged], [1, 0, 1]);
    writeFileSync(join(files, 'people.jsonl'), '{"id":"a","text":"Ada wrote the first programs."}\n');
    const third = await collection.addFiles(files, { root: files });
    assert.deepEqual([third.read, third.documents, third.replaced, third.removed], [1, 1, 1, 1]);
    assert.deepEqual((await collection.list()).documents.map(({ id }) => id).sort(), ['guide.md', 'people.jsonl#a']);
  });

  it('refuses another model than its own, and takes it when told to', async () => {
    const base = await openModel();
    /** The real model with another name: to the collection another model. */
    const renamed = Object.assign(Object.create(base) as typeof base, { model: 'renamed', fingerprint: 'other' });
    renamed.embed = (texts, options) => base.embed(texts, options);
    const collection = await fresh();
    await collection.add(TEXTS);
    await collection.close();
    await fails(Collection.open(collection.folder, { model: renamed }), {
      code: 'E_MODEL_MISMATCH',
      message: /quiver-static-256.*renamed/s,
      expected: /quiver-static-256/,
      actual: /renamed/,
    });
    const again = await reopen(collection.folder);
    assert.deepEqual(await again.setModel(renamed), { chunks: 3 });
    assert.equal((await again.search('baking')).hits[0]?.document.id, 'bread');
    await base.close();
  });

  it('fits the small model to its texts, and goes on with it after the next open', async () => {
    const collection = await fresh();
    const words = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta'];
    await collection.add(
      Array.from({ length: 160 }, (_, i) => ({
        id: String(i),
        text: `The ${words[i % 8]} module of part ${i} reads ${words[(i * 3) % 8]} and writes ${words[(i * 5) % 8]}.`,
      })),
    );
    const teacher = await openModel();
    const report = await collection.fit({ teacher });
    await teacher.close();
    assert.equal(report.chunks, 160);
    assert.equal(report.model, 'quiver-static-256-fitted');
    assert.ok(report.agreement.after > 0 && report.texts.learned > 100);
    const before = (await collection.search('alpha module')).hits.map(({ document }) => document.id);
    await collection.close();
    const again = await reopen(collection.folder);
    assert.equal(again.embedder.model, 'quiver-static-256-fitted');
    assert.deepEqual(
      (await again.search('alpha module')).hits.map(({ document }) => document.id),
      before,
    );
    await again.close();
    rmSync(join(collection.folder, 'models'), { recursive: true });
    await fails(Collection.open(collection.folder), {
      code: 'E_NOT_FOUND',
      message: /^The collection was made with quiver-static-256-fitted\. There is no model named/,
      expected: 'quiver-static-256-fitted',
      actual: 'no such model',
    });
  });

  it('says what is wrong with its arguments', async () => {
    const collection = await fresh();
    const text = 'a text that is not empty';
    await fails(collection.search(' '), {
      code: 'E_ARGUMENT',
      message: `query must be ${text}, but is " ".`,
      expected: text,
      actual: '" "',
    });
    await fails(collection.add([{ text: 5 as never }]), {
      code: 'E_ARGUMENT',
      message: 'documents[0].text must be a string, but is 5.',
      expected: 'a string',
      actual: '5',
    });
    await fails(collection.add([null as never]), {
      code: 'E_ARGUMENT',
      message: 'documents[0] must be an object with a text, but is null.',
      expected: 'an object with a text',
      actual: 'null',
    });
    await fails(collection.fit({} as never), {
      code: 'E_ARGUMENT',
      message: 'teacher must be the name of a model, or an embedder, but is undefined.',
      expected: 'the name of a model, or an embedder',
      actual: 'undefined',
    });
    await fails(Collection.open(folder('none'), { create: false }), {
      code: 'E_NOT_FOUND',
      message: /none/,
      expected: /./,
      actual: /./,
    });
  });

  it('gives a model title and headings once', () => {
    assert.equal(embedText({ text: 'x y', title: 'T', headings: ['T', 'H'] }), 'T. H\nx y');
    assert.equal(embedText({ text: 'T is', title: 'T' }), 'T is');
    assert.equal(embedText({ text: 'x' }), 'x');
  });
});
