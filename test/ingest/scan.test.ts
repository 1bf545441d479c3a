import { strict as assert } from 'node:assert';
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { checkIngestOptions } from '../../src/ingest/options.js';
import { idOf, scan } from '../../src/ingest/scan.js';
import type { IngestOptions } from '../../src/ingest/types.js';
import { isError, testFolder } from './support.js';

describe('which files are read', () => {
  const folder = testFolder();
  const find = async (paths: string | readonly string[], options: IngestOptions = {}) => {
    const full = [paths].flat().map((path) => folder.path(path));
    return scan(full, checkIngestOptions({ root: folder.path(), ...options }));
  };
  const ids = async (paths: string | readonly string[], options: IngestOptions = {}): Promise<string[]> => {
    const { files, missing } = await find(paths, options);
    assert.deepEqual(missing, []);
    return files.map(({ id }) => id);
  };

  it('are those of a folder that are documents, in the order of their names', async () => {
    for (const name of [
      'b.md',
      'a/z.PDF',
      'a/README',
      'a/LICENSE-MIT',
      'Changelog',
      'code.ts',
      'a/data.json',
      'B.txt',
      'photo.png',
    ])
      folder.write(name, 'x');
    assert.deepEqual(await ids('.'), ['B.txt', 'Changelog', 'a/LICENSE-MIT', 'a/README', 'a/z.PDF', 'b.md']);
    assert.deepEqual(await ids('a/'), ['a/LICENSE-MIT', 'a/README', 'a/z.PDF']);
  });

  it('are any file that is named, once each, in the order of the names', async () => {
    for (const name of ['code.ts', 'a.md', '.env']) folder.write(name, 'x');
    assert.deepEqual(await ids(['code.ts', '.env', 'a.md', './code.ts', '.']), ['code.ts', '.env', 'a.md']);
  });

  it('are those that a glob matches, sorted', async () => {
    for (const name of ['b.ts', 'a.ts', 'x/c.ts', 'x/d.md']) folder.write(name, 'x');
    assert.deepEqual(await ids('*.ts'), ['a.ts', 'b.ts']);
    assert.deepEqual(await ids('**/*.ts'), ['a.ts', 'b.ts', 'x/c.ts']);
    assert.deepEqual(await ids('x/*.{ts,md}'), ['x/c.ts', 'x/d.md']);
  });

  it('are not taken for globs when they are there', async () => {
    for (const name of ['[a].md', 'a.md', 'b {1}/c.md']) folder.write(name, 'x');
    assert.deepEqual(await ids('[a].md'), ['[a].md']);
    assert.deepEqual(await ids('b {1}'), ['b {1}/c.md']);
    assert.deepEqual(await ids('b {1}/*.md'), ['b {1}/c.md']);
  });

  it('are not in node_modules and not hidden, unless one begins there or says so', async () => {
    for (const name of ['a.md', 'node_modules/p/b.md', '.git/c.md', '.d.md', 'node_modules/p/node_modules/q/e.md'])
      folder.write(name, 'x');
    assert.deepEqual(await ids('.'), ['a.md']);
    assert.deepEqual(await ids('**/*.md'), ['a.md']);
    assert.deepEqual(await ids('node_modules'), ['node_modules/p/b.md']);
    assert.deepEqual(await ids('node_modules/*/*.md'), ['node_modules/p/b.md']);
    assert.deepEqual(await ids('.', { exclude: [] }), [
      'a.md',
      'node_modules/p/b.md',
      'node_modules/p/node_modules/q/e.md',
    ]);
    assert.deepEqual(await ids('.', { hidden: true }), ['.d.md', '.git/c.md', 'a.md']);
  });

  it('are those of include and not those of exclude', async () => {
    for (const name of ['a.md', 'b.ts', 'drafts/c.md', 'd.txt']) folder.write(name, 'x');
    assert.deepEqual(await ids('.', { include: ['**/*.{md,ts}'] }), ['a.md', 'b.ts', 'drafts/c.md']);
    assert.deepEqual(await ids('.', { exclude: ['drafts', '**/*.txt'] }), ['a.md']);
  });

  it('are not those that links lead to, unless asked, and then each once and without end', async () => {
    folder.write('docs/a.md', 'x');
    folder.write('outside/b.md', 'x');
    symlinkSync('..', folder.path('docs/loop'));
    symlinkSync('../outside', folder.path('docs/out'));
    symlinkSync('a.md', folder.path('docs/0.md'));
    symlinkSync('nowhere', folder.path('docs/broken.md'));
    assert.deepEqual(await ids('docs'), ['docs/a.md']);
    const followed = await ids('docs', { followLinks: true });
    assert.equal(followed.length, 2);
    assert.ok(followed.includes('docs/a.md'));
  });

  it('include a link that is named itself', async () => {
    folder.write('a.md', 'x');
    symlinkSync('a.md', folder.path('link.md'));
    assert.deepEqual(await ids('link.md'), ['link.md']);
  });

  it('do not include folders that look like files', async () => {
    mkdirSync(folder.path('x.pdf'));
    folder.write('x.pdf/a.md', 'x');
    assert.deepEqual(await ids('.'), ['x.pdf/a.md']);
    assert.deepEqual(await ids('x.pdf'), ['x.pdf/a.md']);
  });

  it('may be none', async () => {
    mkdirSync(folder.path('empty'));
    assert.deepEqual(await ids('empty'), []);
  });

  it('are missing, and told, where there is no such file and no match', async () => {
    const { files, missing } = await find(['no.md', '*.none', 'a.md/b']);
    assert.deepEqual(files, []);
    isError(missing[0]?.error, 'E_NOT_FOUND', ['cannot open', 'no.md', 'there is no such file or folder']);
    isError(missing[1]?.error, 'E_NOT_FOUND', ['*.none', 'no file matches', 'options hidden and exclude']);
    assert.deepEqual(missing.map(({ id }) => id)[0], 'no.md');
  });

  it('come with their sizes', async () => {
    folder.write('a.md', 'four');
    assert.deepEqual((await find('.')).files, [{ id: 'a.md', path: folder.path('a.md'), size: 4 }]);
  });

  it('leave out a folder that may not be read', async function () {
    folder.write('shut/a.md', 'x');
    folder.write('b.md', 'x');
    chmodSync(folder.path('shut'), 0);
    try {
      const found = await ids('.');
      // Root may read everything.
      assert.deepEqual(found, process.getuid?.() === 0 ? ['b.md', 'shut/a.md'] : ['b.md']);
    } finally {
      chmodSync(folder.path('shut'), 0o700);
    }
  });
});

describe('the id of a document', () => {
  it('is its path below the root, or all of it outside', () => {
    assert.equal(idOf('/data/docs/a b.md', '/data'), 'docs/a b.md');
    assert.equal(idOf('/data/..a.md', '/data'), '..a.md');
    assert.equal(idOf('/other/a.md', '/data'), '/other/a.md');
    assert.equal(idOf('/database/a.md', '/data'), '/database/a.md');
    assert.equal(idOf('/data', '/data'), '/data');
  });
});
