import { strict as assert } from 'node:assert';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { needShared } from '../support/skip.js';
import { childEnv, ended, quiver, quiverError, quiverJson, start, suiteFolder } from './support.js';

interface Added {
  made: boolean;
  model: string;
  files: number;
  read: number;
  unchanged: number;
  documents: number;
  failed: number;
  failures: { file: string; code: string; message: string }[];
  holds: { documents: number; chunks: number };
}

interface FoundHit {
  document: string;
  score: number;
  cosine?: number;
  bm25?: number;
  text: string;
  snippet: string;
  headings?: string[];
}

const TEXTS: Record<string, string> = {
  'harbor.md':
    '# The harbor\n\nThe lighthouse keeper lights the lamp at dusk. Fishing boats come home before the storm.\n',
  'bread.md': '# Bread\n\n## Dough\n\nKnead the dough for ten minutes, then let it rise until it has doubled.\n',
  'deep/stars.txt': 'Neutron stars are what is left of heavy stars. A spoonful weighs as much as a mountain.\n',
  'people.csv':
    'id,name,text\n1,Ada,"Ada wrote the first program for the analytical engine."\n2,Grace,"Grace found a moth in the relay."\n',
};

describe('quiver add, ask, search, list, info, remove, export', () => {
  const file = suiteFolder();
  const at = (name: string): string => file(name);

  before(() => {
    for (const [name, text] of Object.entries(TEXTS)) {
      mkdirSync(dirname(file(`docs/${name}`)), { recursive: true });
      writeFileSync(file(`docs/${name}`), text);
    }
    process.env.QUIVER_HOME = file('home');
  });
  after(() => delete process.env.QUIVER_HOME);

  const addDocs = (collection: string, ...more: string[]) =>
    quiverJson<Added>('add', collection, at('docs'), '--root', at('docs'), ...more);

  it('reads files, and next time only what has changed', async () => {
    const first = await addDocs('notes');
    assert.deepEqual([first.made, first.files, first.read, first.failed], [true, 4, 4, 0]);
    assert.deepEqual([first.model, first.holds.documents], ['quiver-static-256', 5]);
    assert.ok(existsSync(file('home/collections/notes/collection.db')));
    const again = await addDocs('notes');
    // A file of records is read again, and then each of its records is found unchanged.
    assert.deepEqual([again.made, again.documents, again.unchanged, again.holds.documents], [false, 0, 3, 5]);
    const forced = await addDocs('notes', '--force');
    assert.deepEqual([forced.read, forced.holds.documents], [4, 5]);
  });

  it('keeps vectors of an ONNX model for the next time, and with --no-cache neither reads nor writes them', async function () {
    const model = needShared(this, 'models/all-MiniLM-L6-v2-int8');
    process.env.QUIVER_CACHE = file('cache');
    try {
      const kept = file('cache/embeddings.db');
      const add = (collection: string, ...more: string[]) =>
        addDocs(file(`onnx/${collection}`), '--model', model, ...more);
      assert.equal((await add('anew', '--no-cache')).holds.documents, 5);
      assert.ok(!existsSync(kept));
      assert.equal((await add('kept')).holds.documents, 5);
      assert.ok(existsSync(kept));
      // Whoever opens this file says on stderr that it is damaged, and moves it away.
      writeFileSync(kept, 'no database '.repeat(1_000));
      const damaged = readFileSync(kept);
      assert.equal((await add('again', '--no-cache')).holds.documents, 5);
      assert.deepEqual(readFileSync(kept), damaged);
    } finally {
      delete process.env.QUIVER_CACHE;
    }
  });

  it('answers with the sentence and its source, as text and as JSON', async () => {
    const { code, stdout, stderr } = await quiver('ask', 'notes', 'How long do I knead the dough?');
    assert.equal(code, 0);
    assert.match(stdout, /Knead the dough for ten minutes.*\[1\]\n\n\[1\] bread\.md, Bread\n$/s);
    assert.match(stderr, /embed .*, retrieve .*, answer .*; from \d passages/);
    const asked = await quiverJson<{ found: boolean; answer: string; sources: { number: number; document: string }[] }>(
      'ask',
      'notes',
      'What does a spoonful of a neutron star weigh?',
    );
    assert.ok(asked.found);
    assert.match(asked.answer, /as much as a mountain/);
    assert.deepEqual(asked.sources[0]?.document, 'deep/stars.txt');
  });

  it('says so when nothing answers', async () => {
    const { code, stdout } = await quiver('ask', 'notes', 'zygote quorum bazooka', '--mode', 'keyword');
    assert.deepEqual([code, stdout], [0, 'Nothing that was found answers this.\n']);
  });

  it('finds passages by words, by meaning and by both, within a filter', async () => {
    const hits = async (...args: string[]): Promise<FoundHit[]> =>
      (await quiverJson<{ hits: FoundHit[] }>('search', 'notes', ...args)).hits;
    const hybrid = await hits('lighthouse', '-k', '3');
    assert.deepEqual([hybrid.length, hybrid[0]?.document], [3, 'harbor.md']);
    assert.ok((hybrid[0]?.bm25 ?? 0) > 0 && (hybrid[0]?.cosine ?? 0) > 0);
    const words = await hits('lighthouse', '--mode', 'keyword');
    assert.deepEqual(
      words.map(({ document }) => document),
      ['harbor.md'],
    );
    const meaning = await hits('ships in bad weather', '--mode', 'vector', '-k', '1');
    assert.equal(meaning[0]?.document, 'harbor.md');
    const csv = await hits('lighthouse', '--filter', '{"$type":"csv"}');
    assert.deepEqual(new Set(csv.map(({ document }) => document)), new Set(['people.csv#1', 'people.csv#2']));
    const text = await quiver('search', 'notes', 'lighthouse', '-k', '1');
    assert.match(text.stdout, /^ 1 {2}harbor\.md, The harbor {2}[\d.]+\n {4}.*lighthouse keeper/);
    assert.match(text.stderr, /1 passages in/);
  });

  it('lists documents page by page, and the collections', async () => {
    interface Page {
      documents: number;
      page: { id: string }[];
      next?: string;
    }
    const first = await quiverJson<Page>('list', 'notes', '-n', '2');
    assert.deepEqual([first.documents, first.page.map(({ id }) => id)], [5, ['bread.md', 'deep/stars.txt']]);
    const second = await quiverJson<Page>('list', 'notes', '--after', first.next ?? '', '-n', '10');
    assert.deepEqual(
      second.page.map(({ id }) => id),
      ['harbor.md', 'people.csv#1', 'people.csv#2'],
    );
    const all = await quiverJson<{ collections: { name: string; documents: number }[] }>('list');
    assert.deepEqual(
      all.collections.map(({ name, documents }) => [name, documents]),
      [['notes', 5]],
    );
    assert.match((await quiver('list')).stdout, /notes +5 +\d+ +quiver-static-256/);
  });

  it('says what a collection holds, and checks it', async () => {
    const info = await quiverJson<{ documents: number; opened: { how: string }; problems: string[] }>(
      'info',
      'notes',
      '--verify',
    );
    assert.deepEqual([info.documents, info.opened.how, info.problems], [5, 'snapshot', []]);
    assert.match((await quiver('info', 'notes')).stdout, /^model +quiver-static-256, 256 dimensions$/m);
  });

  it('exports what it can read again', async () => {
    const { stdout } = await quiver('export', 'notes');
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: string; chunks?: unknown });
    assert.equal(lines.length, 5);
    assert.equal(lines[0]?.chunks, undefined);
    await quiverJson('export', 'notes', '-o', at('all.jsonl'), '--chunks');
    const written = readFileSync(file('all.jsonl'), 'utf8').trim().split('\n');
    assert.ok((JSON.parse(written[0] ?? '') as { chunks: unknown[] }).chunks.length > 0);
    const copy = await quiverJson<Added>('add', at('copy'), at('all.jsonl'));
    assert.equal(copy.holds.documents, 5);
    const asked = await quiverJson<{ answer: string }>('ask', at('copy'), 'How long do I knead the dough?');
    assert.match(asked.answer, /ten minutes/);
  });

  it('removes documents by id, by file and by filter; nothing when one is not there', async () => {
    await addDocs(at('less'));
    const error = await quiverError(1, 'remove', at('less'), 'bread.md', 'nothing.md');
    assert.equal(error.code, 'E_NOT_FOUND');
    assert.match(error.message, /has no document 'nothing\.md'; nothing was removed/);
    const removed = async (...args: string[]): Promise<number[]> => {
      const { removed: n, holds } = await quiverJson<{ removed: number; holds: { documents: number } }>(
        'remove',
        at('less'),
        ...args,
      );
      return [n, holds.documents];
    };
    assert.deepEqual(await removed('bread.md'), [1, 4]);
    assert.deepEqual(await removed('people.csv'), [2, 2]);
    assert.deepEqual(await removed('--filter', '{"$type":"markdown"}'), [1, 1]);
    assert.match(
      (await quiverError(2, 'remove', at('less'))).message,
      /Which documents\? Expected ids, files, or a --filter/,
    );
  });

  it('reports a bad file and reads the others; fails where nothing could be read', async () => {
    mkdirSync(file('mixed'), { recursive: true });
    writeFileSync(file('mixed/good.md'), 'All is well.');
    writeFileSync(file('mixed/bad.pdf'), '%PDF-1.7 and then nothing');
    const mixed = await quiverJson<Added>('add', at('mixture'), at('mixed'));
    assert.deepEqual([mixed.read, mixed.failed, mixed.failures[0]?.code], [1, 1, 'E_CORRUPT']);
    const text = await quiver('add', at('mixture'), at('mixed'));
    assert.match(text.stdout, /^2 files: 0 read, 1 unchanged, 1 failed;.*\n {2}.*bad\.pdf: /);
    assert.equal((await quiver('add', at('mixture'), at('mixed/bad.pdf'))).code, 1);
  });

  it('says what to do where there is no collection, and which there are', async () => {
    for (const args of [
      ['ask', 'nowhere', 'x'],
      ['info', 'nowhere'],
      ['remove', 'nowhere', 'x'],
      ['export', 'nowhere'],
    ]) {
      const error = await quiverError(1, ...args);
      assert.equal(error.code, 'E_NOT_FOUND');
      assert.match(error.message, /no collection nowhere .*There is notes\. Make one: quiver add nowhere/);
    }
    assert.ok(!existsSync(file('home/collections/nowhere')));
  });

  it('refuses another model than the collection was made with', async () => {
    const error = await quiverError(1, 'add', 'notes', at('docs'), '--model', at('no-model'));
    assert.equal(error.code, 'E_NOT_FOUND');
  });

  it('refuses a filter that is no JSON object', async () => {
    for (const filter of ['x', '[1]', 'null']) {
      const error = await quiverError(2, 'list', 'notes', '--filter', filter);
      assert.match(error.message, /--filter: expected a JSON object/);
    }
  });

  it('stops at Ctrl-C with what was read so far on disk', async () => {
    const lines = Array.from({ length: 60_000 }, (_, i) =>
      JSON.stringify({ id: String(i), text: `Entry ${i}. `.repeat(30) }),
    );
    writeFileSync(file('long.jsonl'), lines.join('\n'));
    const child = start(['add', at('long'), at('long.jsonl')], childEnv());
    setTimeout(() => child.kill('SIGINT'), 2500);
    const { code, stderr } = await ended(child);
    assert.equal(code, 130, stderr);
    const info = await quiverJson<{ documents: number; problems: string[] }>('info', at('long'), '--verify');
    assert.deepEqual(info.problems, []);
    assert.ok(info.documents < 60_000);
  });
});
