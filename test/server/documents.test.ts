import { strict as assert } from 'node:assert';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import fc from 'fast-check';
import { cleanName } from '../../src/server/uploads.js';
import { allEvents, body, post, serverSuite, type FailureBody } from './support.js';

interface Uploaded {
  ids: string[];
  documents: number;
  chunks: number;
  files: number;
  read: number;
  failed: number;
  failures: { file: string; error: { code: string; message: string } }[];
}

function form(files: Record<string, string | Uint8Array>): FormData {
  const data = new FormData();
  for (const [name, content] of Object.entries(files)) data.append('files', new Blob([content]), name);
  return data;
}

const leftovers = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('quiver-upload-'));

describe('server: documents', function () {
  this.timeout(60_000);
  const { asking, writing } = serverSuite();

  it('takes files, and answers from them', async () => {
    const { url, engine } = await writing();
    const before = leftovers();
    const files = {
      'cats.md': '# Cats\n\nCats sleep for fifteen hours a day.',
      'data.jsonl': '{"id":"a","text":"Owls hunt at night."}\n{"id":"b","text":"Bees make honey."}\n',
    };
    const response = await fetch(`${url}/api/documents`, { method: 'POST', body: form(files) });
    assert.equal(response.status, 200);
    const made = await body<Uploaded>(response);
    assert.deepEqual([made.documents, made.files, made.read, made.failed], [3, 2, 2, 0]);
    assert.deepEqual(made.ids, ['cats.md', 'data.jsonl#a', 'data.jsonl#b']);
    const { answer, sources } = await engine.query('How long do cats sleep?');
    assert.match(answer, /fifteen hours/);
    assert.equal(sources[0]?.file_name, 'cats.md');
    assert.deepEqual(leftovers(), before);
  });

  it('tells how far it is, when asked for events', async () => {
    const { url } = await writing();
    const headers = { accept: 'text/event-stream' };
    const body = form({ 'a.txt': 'Ants carry leaves.', 'b.txt': 'Bears eat berries.' });
    const events = await allEvents<{ type: string; data?: Uploaded; files?: { done: number } }>(
      await fetch(`${url}/api/documents`, { method: 'POST', body, headers }),
    );
    assert.equal(events.at(-1)?.type, 'result');
    assert.equal(events.at(-1)?.data?.documents, 2);
    const progress = events.filter(({ type }) => type === 'progress');
    assert.equal(progress.at(-1)?.files?.done, 2);
  });

  it('says of a file that it cannot be read, and takes the others', async () => {
    const { url } = await writing();
    const before = leftovers();
    const files = { 'good.txt': 'Good text about goats.', 'broken.pdf': '%PDF-1.4 nothing more' };
    const made = await body<Uploaded>(fetch(`${url}/api/documents`, { method: 'POST', body: form(files) }));
    assert.deepEqual([made.read, made.failed, made.documents], [1, 1, 1]);
    assert.equal(made.failures[0]?.file, 'broken.pdf');
    assert.doesNotMatch(JSON.stringify(made.failures), /quiver-upload|upload-\d/);
    assert.deepEqual(leftovers(), before);
  });

  it('replaces what has the same name', async () => {
    const { url, collection } = await writing();
    for (const text of ['Old text of the note.', 'New text of the note.']) {
      await fetch(`${url}/api/documents`, { method: 'POST', body: form({ 'note.txt': text }) });
    }
    assert.equal((await collection.get('note.txt'))?.text, 'New text of the note.');
    assert.equal((await collection.count()).documents, 4);
  });

  it('takes texts as JSON', async () => {
    const { url, collection } = await writing();
    const texts = [{ id: 'x', text: 'Foxes are red.', metadata: { year: 2026 } }, { text: 'Without an id.' }];
    const made = await body<Uploaded>(post(`${url}/api/documents`, { texts }));
    assert.equal(made.documents, 2);
    assert.deepEqual((await collection.get('x'))?.metadata, { year: 2026 });
  });

  it('lists, page by page, and gives one whole', async () => {
    const { url } = await asking();
    const first = await body<{ documents: { id: string }[]; next: string; total: unknown }>(
      fetch(`${url}/api/documents?limit=2`),
    );
    assert.deepEqual(
      first.documents.map(({ id }) => id),
      ['bread', 'penguins'],
    );
    assert.deepEqual(first.total, { documents: 3, chunks: 3 });
    const second = await body<{ documents: { id: string }[]; next?: string }>(
      fetch(`${url}/api/documents?limit=2&after=${first.next}`),
    );
    assert.deepEqual(
      second.documents.map(({ id }) => id),
      ['sqlite'],
    );
    assert.equal(second.next, undefined);
    const one = await body<{ text: string }>(fetch(`${url}/api/document?id=sqlite`));
    assert.match(one.text, /single file/);
  });

  it('deletes, and says what is not there', async () => {
    const { url, collection } = await writing();
    await collection.add({ id: 'a/b #1?', text: 'A name that needs care.' });
    const remove = (id: string): Promise<Response> =>
      fetch(`${url}/api/documents?id=${encodeURIComponent(id)}`, { method: 'DELETE' });
    assert.deepEqual(await body(remove('a/b #1?')), { deleted: 1 });
    const again = await remove('a/b #1?');
    assert.equal(again.status, 404);
    assert.deepEqual((await body<FailureBody>(again)).error, {
      code: 'E_NOT_FOUND',
      message: 'There is no document "a/b #1?". GET /api/documents lists those that there are.',
      expected: 'the id of a document',
      actual: 'a/b #1?',
    });
    assert.equal((await fetch(`${url}/api/document?id=nothing`)).status, 404);
  });

  it('cannot be led outside its folder by the name of a file', async () => {
    const { url, collection } = await writing();
    const names = [
      '../../etc/passwd.txt',
      '/etc/cron.d/x.txt',
      'C:\\windows\\y.txt',
      '..',
      'a\u0000b.txt',
      '\u202Etxt.exe.txt',
      'é'.repeat(400) + '.txt',
    ];
    const data = new FormData();
    for (const [at, name] of names.entries())
      data.append('files', new Blob([`Text number ${at} of a bad name.`]), name);
    const before = leftovers();
    const made = await body<Uploaded>(fetch(`${url}/api/documents`, { method: 'POST', body: data }));
    assert.deepEqual(leftovers(), before);
    for (const id of made.ids) {
      assert.doesNotMatch(id, /[/\\\p{Control}\u202e]/u);
      assert.ok(id.length <= 200);
      assert.ok(await collection.get(id));
    }
    assert.ok(made.ids.includes('passwd.txt') && made.ids.includes('y.txt'));
  });

  it('makes a harmless name of any', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (name) => {
        const clean = cleanName(name);
        assert.ok(clean.length >= 1 && clean.length <= 200);
        assert.doesNotMatch(clean, /[/\\\p{Control}]/u);
        assert.notEqual(clean, '.');
        assert.notEqual(clean, '..');
        assert.equal(cleanName(clean), clean);
      }),
    );
  });

  it('refuses a file that is too large, and leaves nothing behind', async () => {
    const { url, collection } = await writing({ maxFileBytes: 1000 });
    const before = leftovers();
    const response = await fetch(`${url}/api/documents`, {
      method: 'POST',
      body: form({ 'big.txt': 'x'.repeat(2000) }),
    });
    assert.equal(response.status, 413);
    assert.equal((await collection.count()).documents, 3);
    assert.deepEqual(leftovers(), before);
  });

  it('refuses more files than it may take', async () => {
    const { url } = await asking({ maxFiles: 2 });
    const response = await fetch(`${url}/api/documents`, {
      method: 'POST',
      body: form({ 'a.txt': 'a', 'b.txt': 'b', 'c.txt': 'c' }),
    });
    assert.equal(response.status, 413);
  });

  it('leaves nothing behind of an upload that breaks off', async () => {
    const { url } = await asking();
    const before = leftovers();
    const abort = new AbortController();
    const slow = new ReadableStream<Uint8Array>({
      start(controller) {
        const head = '--b\r\ncontent-disposition: form-data; name="files"; filename="a.txt"\r\n\r\nhalf of it';
        controller.enqueue(new TextEncoder().encode(head));
        setTimeout(() => abort.abort(), 200);
      },
    });
    const headers = { 'content-type': 'multipart/form-data; boundary=b' };
    const init = { method: 'POST', body: slow, headers, signal: abort.signal, duplex: 'half' } as RequestInit;
    await assert.rejects(fetch(`${url}/api/documents`, init));
    for (let i = 0; i < 100 && leftovers().length > before.length; i++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(leftovers(), before);
  });

  describe('bad requests', () => {
    const cases: [name: string, send: (url: string) => Promise<Response>, message: RegExp][] = [
      [
        'a form without files',
        (url) => fetch(`${url}/api/documents`, { method: 'POST', body: new FormData() }),
        /at least one file|Multipart|multipart/,
      ],
      [
        'JSON that is something else',
        (url) => post(`${url}/api/documents`, { documents: [] }),
        /Expected files as multipart/,
      ],
      [
        'a text without text',
        (url) => post(`${url}/api/documents`, { texts: [{ id: 'x' }] }),
        /Expected files as multipart/,
      ],
      ['a limit of 0', (url) => fetch(`${url}/api/documents?limit=0`), /limit must be >= 1/],
      ['no id', (url) => fetch(`${url}/api/documents`, { method: 'DELETE' }), /required property 'id'/],
    ];
    for (const [name, send, message] of cases) {
      it(name, async () => {
        const { url } = await asking();
        const response = await send(url);
        assert.equal(response.status, 400);
        assert.match((await body<FailureBody>(response)).error.message, message);
      });
    }
  });
});
