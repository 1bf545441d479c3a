import { strict as assert } from 'node:assert';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Collection } from '../../src/collection/collection.js';
import { fails, suiteFolder } from '../lib/support.js';

describe('collection: files of records', function () {
  this.timeout(120_000);
  const folder = suiteFolder();
  let count = 0;
  let collection: Collection;
  let files: string;
  beforeEach(async () => {
    collection = await Collection.open(folder(`c${++count}`));
    files = folder(`files${count}`);
    mkdirSync(files);
  });
  afterEach(() => collection.close());

  const write = (name: string, text: string): void => writeFileSync(join(files, name), text);
  const add = (options = {}) => collection.addFiles(files, { root: files, ...options });
  const ids = async (): Promise<string[]> => {
    const { documents } = await collection.list({ limit: 10_000 });
    return documents.map(({ id }) => id);
  };
  const lines = (from: number, to: number, text = 'The text of number'): string =>
    Array.from(
      { length: to - from },
      (_, i) => `${JSON.stringify({ id: String(from + i), text: `${text} ${from + i}.` })}\n`,
    ).join('');

  for (const [name, all, some] of [
    ['people.csv', 'id,text\na,Ada wrote.\nb,Bob paints.\nc,Cy sings.\n', 'id,text\na,Ada wrote.\nc,Cy dances.\n'],
    [
      'people.jsonl',
      '{"id":"a","text":"Ada wrote."}\n{"id":"b","text":"Bob paints."}\n{"id":"c","text":"Cy sings."}\n',
      '{"id":"a","text":"Ada wrote."}\n{"id":"c","text":"Cy dances."}\n',
    ],
  ] as const) {
    it(`forgets the records that ${name} no longer has, and leaves the unchanged ones alone`, async () => {
      write(name, all);
      assert.equal((await add()).documents, 3);
      write(name, some);
      const { documents, replaced, removed } = await add();
      assert.deepEqual([documents, replaced, removed], [1, 1, 1]);
      assert.deepEqual(await ids(), [`${name}#a`, `${name}#c`]);
      assert.equal((await collection.get(`${name}#c`))?.text, 'Cy dances.');
      const { generation } = collection;
      const again = await add();
      assert.deepEqual([again.documents, again.removed], [0, 0]);
      assert.equal(collection.generation, generation, 'nothing was written');
    });
  }

  it('sees through many batches which records are there', async () => {
    write('many.jsonl', lines(0, 1500));
    assert.equal((await add()).documents, 1500);
    // The first batches are unchanged and the last one is all new: it says nothing of those before.
    write('many.jsonl', lines(0, 1024) + lines(2000, 2100));
    const { documents, removed } = await add();
    assert.deepEqual([documents, removed], [100, 476]);
    assert.equal((await collection.count()).documents, 1124);
    write('many.jsonl', lines(500, 1024) + lines(2000, 2100));
    assert.deepEqual([(await add()).removed, (await collection.count()).documents], [500, 624]);
  });

  it('forgets all of a file that is empty now, or that is one document now', async () => {
    write('a.jsonl', lines(0, 3));
    write('b.csv', 'id,text\n1,One.\n2,Two.\n');
    write('c.csv', 'id,text\n1,One.\n2,Two.\n');
    await add();
    write('a.jsonl', '');
    write('b.csv', 'id,text\n');
    write('c.csv', 'town,people\nBern,140000\n');
    assert.equal((await add()).removed, 7);
    assert.deepEqual(await ids(), ['c.csv']);
  });

  it('removes nothing when a file was not read to its end, or a record of it cannot be read', async () => {
    write('many.jsonl', lines(0, 1500));
    write('table.csv', 'id,text\n1,One.\n2,Two.\n3,Three.\n');
    await add();
    const before = await ids();
    const control = new AbortController();
    write('many.jsonl', lines(0, 1200, 'Another text of'));
    const aborting = add({
      signal: control.signal,
      onProgress: ({ documents }: { documents: number }) => documents > 0 && control.abort(),
    });
    await fails(aborting, { code: 'E_ABORTED', message: /./, expected: /./, actual: /./ });
    assert.deepEqual(await ids(), before);

    write('many.jsonl', `${lines(0, 700)}{"id": "701", \n${lines(702, 1400)}`);
    write('table.csv', 'id,text\n1,One.\n"2,Two.\n');
    const torn = await add();
    assert.deepEqual([torn.removed, torn.failures.length], [0, 2]);
    assert.deepEqual(await ids(), before);

    rmSync(join(files, 'table.csv'));
    write('many.jsonl', lines(0, 1400));
    assert.equal((await add()).removed, 100);
    assert.equal((await ids()).length, 1403, 'a file that is gone is nothing that a run can know of');
  });

  it('leaves documents of others alone that name the file as their source', async () => {
    write('a.jsonl', lines(0, 2));
    await collection.add({ id: 'note', text: 'A note on the file.', source: 'a.jsonl' });
    await add();
    write('a.jsonl', lines(0, 1));
    assert.equal((await add()).removed, 1);
    assert.deepEqual(await ids(), ['a.jsonl#0', 'note']);
  });
});
