import { strict as assert } from 'node:assert';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import Database from 'better-sqlite3';

import { openStore } from '../../../src/store/embedded/open.js';
import { DIM, entry, fails, inFolder, library, MODEL, open, withStore } from '../support.js';

describe('opening a store', () => {
  it('makes one, and finds it again as it was', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'deep', 'er');
      const store = await open(path);
      assert.deepEqual(store.opened, { how: 'created', reason: 'the store is new' });
      assert.deepEqual(store.model, MODEL);
      await store.put(library(20));
      const before = await store.list();
      await store.close();
      assert.deepEqual(readdirSync(path).sort(), ['collection.db', 'index-1.quiver', 'writer.lock']);
      const again = await openStore(path, { readers: 1 });
      assert.deepEqual(again.opened, { how: 'snapshot', reason: 'index-1.quiver is up to date' });
      assert.equal(again.generation, 1);
      assert.deepEqual(again.model, MODEL);
      assert.deepEqual(await again.list(), before);
      await again.close();
    });
  });

  it('has the settings that make the database the truth', async () => {
    await withStore(async (store, folder) => {
      await store.put(library(2));
      const db = new Database(join(folder, 'collection.db'), { readonly: true });
      assert.equal(db.pragma('journal_mode', { simple: true }), 'wal');
      assert.equal(db.pragma('page_size', { simple: true }), 8_192);
      assert.equal(db.pragma('user_version', { simple: true }), 1);
      db.close();
    });
  });

  it('opens an empty one again', async () => {
    await inFolder(async (folder) => {
      await (await open(folder)).close();
      const store = await open(folder);
      assert.equal(store.opened.how, 'created');
      assert.deepEqual((await store.search({ text: 'x', vector: new Float32Array(DIM).fill(1) })).hits, []);
      await store.close();
    });
  });

  it('refuses wrong options', async () => {
    const wrong = { code: 'E_ARGUMENT', expected: /./, actual: /./ } as const;
    await fails(openStore(''), { ...wrong, message: 'folder must be a path, but is "".' });
    await fails(openStore(5 as never), { ...wrong, message: 'folder must be a path, but is 5.' });
    await fails(openStore('x', null as never), { ...wrong, message: 'options must be an object, but is null.' });
    await fails(openStore('x', { model: 'm' as never }), {
      ...wrong,
      message: 'model must be { name, fingerprint, dim }, but is "m".',
    });
    await fails(openStore('x', { model: { ...MODEL, fingerprint: '' } }), {
      ...wrong,
      message: 'model.fingerprint must be a string, but is "".',
    });
    await fails(openStore('x', { model: { ...MODEL, dim: 0 } }), {
      code: 'E_DIMENSION',
      message: 'dim must be an integer from 1 to 65,536, but is 0.',
      expected: 'an integer from 1 to 65,536',
      actual: '0',
    });
    await fails(openStore('x', { readers: 0 }), {
      code: 'E_RANGE',
      message: 'readers must be an integer from 1 to 16, but is 0.',
      expected: 'an integer from 1 to 16',
      actual: '0',
    });
    await inFolder(async (folder) => {
      await fails(open(folder, { index: { type: 'nonsense' } }), {
        code: 'E_FAISS',
        message: /nonsense/,
        expected: /./,
        actual: /./,
      });
      const kinds = "'auto', 'flat', 'hnsw' or another kind that needs no training";
      await fails(open(folder, { index: { type: 'ivf' } }), {
        ...wrong,
        message: `index.type must be ${kinds}, but is "ivf": a store grows from nothing. 'auto' trains by itself when it is time.`,
      });
    });
  });

  it('says what a new store needs', async () => {
    await inFolder(async (folder) => {
      await fails(openStore(folder), {
        code: 'E_ARGUMENT',
        message: `There is no store in ${folder}: to make one, give its model { name, fingerprint, dim }.`,
        expected: 'model',
        actual: 'undefined',
      });
      const none = {
        code: 'E_NOT_FOUND',
        message: `There is no store in ${folder}. Give the path of one, or let it be made.`,
        expected: 'a folder with collection.db',
        actual: folder,
      } as const;
      await fails(open(folder, { create: false }), none);
      await fails(open(folder, { readOnly: true }), none);
      assert.ok(!existsSync(join(folder, 'collection.db')));
      const empty = join(folder, 'empty');
      mkdirSync(empty);
      await fails(open(empty, { create: false }), {
        ...none,
        message: none.message.replace(folder, empty),
        actual: empty,
      });
      assert.deepEqual(readdirSync(empty), [], 'nothing is left in a folder that is no store');
      const absent = join(folder, 'absent');
      for (const options of [{ create: false }, { readOnly: true }]) {
        await fails(open(absent, options), { ...none, message: none.message.replace(folder, absent), actual: absent });
      }
      assert.ok(!existsSync(absent));
    });
  });

  it('refuses another model, and says what to do', async () => {
    await inFolder(async (folder) => {
      await (await open(folder)).close();
      const stored = 'test-model (16 dimensions, fingerprint v1)';
      for (const [change, given] of [
        [{ name: 'other' }, 'other (16 dimensions, fingerprint v1)'],
        [{ fingerprint: 'v2' }, 'test-model (16 dimensions, fingerprint v2)'],
        [{ dim: 8 }, 'test-model (8 dimensions, fingerprint v1)'],
      ] as const) {
        await fails(open(folder, { model: { ...MODEL, ...change } }), {
          code: 'E_MODEL_MISMATCH',
          message:
            `The vectors in ${folder} were made by ${stored}, not ${given}. Open it with the model that made them, or open it ` +
            'without a model and call replaceVectors() to embed its documents with the other one.',
          expected: stored,
          actual: given,
        });
      }
      await (await open(folder)).close(); // and nothing is left locked
    });
  });

  it('has one writer, and names it', async () => {
    await inFolder(async (folder) => {
      const store = await open(folder);
      await fails(open(folder), {
        code: 'E_LOCKED',
        message: new RegExp(
          `^This process \\(pid ${String(process.pid)}\\) has the store in ${folder} open for writing since \\d{4}-.*Z, and there can ` +
            'be one writer\\. Close it there, or open with readOnly: true\\.$',
        ),
        expected: 'no other writer',
        actual: `pid ${String(process.pid)}`,
      });
      rmSync(join(folder, 'writer.json'));
      await fails(open(folder), {
        code: 'E_LOCKED',
        message: `Another process has the store in ${folder} open for writing, and there can be one writer. Close it there, or open with readOnly: true.`,
        expected: 'no other writer',
        actual: 'one',
      });
      await store.close();
      await (await open(folder)).close();
    });
  });

  it('reads beside a writer, and follows it', async () => {
    await withStore(async (writer, folder) => {
      await writer.put([entry('a', { chunks: ['first words'] })]);
      const reader = await open(folder, { readOnly: true });
      assert.equal(reader.readOnly, true);
      assert.equal((await reader.search({ text: 'first' })).hits.length, 1);
      await writer.put([entry('b', { chunks: ['second words'] })]);
      assert.equal(await reader.refresh(), 2);
      assert.equal((await reader.search({ text: 'second' })).hits[0]?.document.id, 'b');
      // Without being told, too.
      await writer.put([entry('b', { chunks: ['third words'] })]);
      await writer.delete(['a']);
      const { hits, generation } = await reader.search({ text: 'words', vector: entry('b', { chunks: [''] }).vectors });
      assert.deepEqual(
        hits.map(({ chunk }) => chunk.text),
        ['third words'],
      );
      assert.equal(generation, 4);
      await reader.close();
    });
  });

  it('changes nothing when it is read-only', async () => {
    await inFolder(async (folder) => {
      await (await open(folder)).close();
      const store = await open(folder, { readOnly: true });
      for (const [call, run] of [
        ['put()', () => store.put([])],
        ['delete()', () => store.delete([])],
        ['compact()', () => store.compact()],
        ['replaceVectors()', () => store.replaceVectors(MODEL, () => Promise.resolve(new Float32Array(0)))],
      ] as const) {
        await fails(run, {
          code: 'E_UNSUPPORTED',
          message: `${call} changes the store, which was opened with readOnly: open it without.`,
          expected: 'a store opened for writing',
          actual: 'readOnly: true',
        });
      }
      await store.close();
    });
  });

  it('refuses databases of others and of other versions', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'collection.db');
      const db = new Database(path);
      db.exec('CREATE TABLE notes (text)');
      db.close();
      await fails(open(folder), {
        code: 'E_CORRUPT',
        message: `${path} is a database of another program, or its header is damaged.`,
        expected: 'application_id 1366717027',
        actual: '0',
      });
      writeFileSync(
        path,
        'These are no pages of a database, but text that is long enough to look like some.'.repeat(40),
      );
      await fails(open(folder), {
        code: 'E_CORRUPT',
        message: `${path}: The database is damaged (file is not a database). Restore a backup, or move the folder away and ingest the documents again.`,
        actual: 'SQLITE_NOTADB',
      });
      rmSync(path);
      await (await open(folder)).close();
      const newer = new Database(path);
      newer.pragma('user_version = 99');
      newer.close();
      await fails(open(folder), {
        code: 'E_VERSION',
        message: `${path} has format 99, and this version of faiss-quiver reads format 1. Use the version that wrote it, or ingest the documents again.`,
        expected: '1',
        actual: '99',
      });
    });
  });

  it('says when the folder cannot be made', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'file');
      writeFileSync(path, '');
      await fails(open(join(path, 'store')), {
        code: 'E_IO',
        message: `${join(path, 'store')} cannot be made: a part of the path is not a folder. Check the path and the rights.`,
        actual: 'ENOTDIR',
      });
    });
  });

  it('can be aborted', async () => {
    await inFolder(async (folder) => {
      const control = new AbortController();
      const opening = open(folder, { signal: control.signal });
      control.abort(new Error('enough'));
      const error = await fails(opening, {
        code: 'E_ABORTED',
        message: 'The call was aborted.',
        expected: 'a signal that is not aborted',
        actual: 'an aborted one',
      });
      assert.equal((error.cause as Error).message, 'enough');
      await (await open(folder)).close();
    });
  });

  it('sweeps what interrupted saves have left', async () => {
    await inFolder(async (folder) => {
      const store = await open(folder);
      await store.put(library(3));
      await store.close();
      mkdirSync(join(folder, 'mine'));
      writeFileSync(join(folder, 'index-7.quiver'), 'stray');
      writeFileSync(join(folder, '.index-7.quiver.12-0.tmp'), 'stray');
      copyFileSync(join(folder, 'collection.db'), join(folder, 'copy.db'));
      await (await open(folder)).close();
      assert.deepEqual(readdirSync(folder).sort(), [
        'collection.db',
        'copy.db',
        'index-1.quiver',
        'mine',
        'writer.lock',
      ]);
    });
  });
});

describe('a closed store', () => {
  it('refuses every call', async () => {
    await inFolder(async (folder) => {
      const store = await open(folder);
      await store.put(library(2));
      await store.close();
      await store.close();
      for (const run of [
        () => store.put([]),
        () => store.delete([]),
        () => store.get('x'),
        () => store.has('x'),
        () => store.hashes(),
        () => store.list(),
        () => store.count(),
        () => store.stats(),
        () => store.search({ text: 'x' }),
        () => store.backup('x'),
        () => store.compact(),
        () => store.verify(),
        () => store.refresh(),
        () => store.ready(),
        () => store.replaceVectors(MODEL, () => Promise.resolve(new Float32Array(0))),
      ]) {
        await fails(run, {
          code: 'E_CLOSED',
          message: 'The store is closed. Open it again.',
          expected: 'an open store',
          actual: 'a closed one',
        });
      }
    });
  });

  it('has let what was under way end', async () => {
    await inFolder(async (folder) => {
      const store = await open(folder);
      await store.put(library(50));
      const results = Promise.all([
        store.put(library(50, 2, 50)),
        store.search({ text: 'river' }),
        store.list(),
        store.delete(['d0']),
      ]);
      await store.close();
      const [put, found, page, gone] = await results;
      assert.equal(put.documents, 50);
      assert.ok(found.hits.length > 0);
      assert.ok(page.documents.length > 0);
      assert.equal(gone.deleted, 1);
      await using again = await open(folder);
      assert.equal((await again.count()).documents, 99);
      assert.equal(again.opened.how, 'snapshot');
    });
  });

  it('leaves a record of the holder only while it lives', async () => {
    await inFolder(async (folder) => {
      const store = await open(folder);
      const holder = JSON.parse(readFileSync(join(folder, 'writer.json'), 'utf8')) as { pid: number };
      assert.equal(holder.pid, process.pid);
      await store.close();
      assert.ok(!existsSync(join(folder, 'writer.json')));
    });
  });
});
