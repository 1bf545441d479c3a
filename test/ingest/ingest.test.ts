import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { symlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ingest } from '../../src/ingest/ingest.js';
import type { IngestEvent } from '../../src/ingest/types.js';
import { docx, encode, isError, pdf, readFiles, readOne, refused, run, testFolder, wordParagraph } from './support.js';

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

describe('ingest', () => {
  const folder = testFolder();

  it('makes documents with chunks of all types of files', async () => {
    folder.write('a.pdf', await pdf(['First page.', 'Second page.'], { info: { Title: 'A PDF' } }));
    folder.write('b.html', '<title>A page</title><h1>Head</h1><p>Text.');
    folder.write('c.md', '# Title\n\nText.');
    folder.write('d.docx', await docx(wordParagraph('Word.')));
    folder.write('e.txt', 'Plain text.');
    folder.write('f.csv', 'id,text,n\n1,Row one,7\n2,Row two,8\n');
    folder.write('g.jsonl', '{"id": "x", "text": "Line one"}\n{"text": "Line two"}\n');
    folder.write('README', 'Read me.');
    const { documents, failures, scanned, finished } = await run(folder, '.');
    assert.deepEqual(failures, []);
    const sorted = documents.sort((a, b) => (a.id < b.id ? -1 : 1));
    assert.deepEqual(
      sorted.map(({ id, type, title, text }) => [id, type, title, text]),
      [
        ['README', 'text', 'README', 'Read me.'],
        ['a.pdf', 'pdf', 'A PDF', 'First page.\n\nSecond page.'],
        ['b.html', 'html', 'A page', 'Head\n\nText.'],
        ['c.md', 'markdown', 'Title', 'Title\n\nText.'],
        ['d.docx', 'docx', 'd.docx', 'Word.'],
        ['e.txt', 'text', 'e.txt', 'Plain text.'],
        ['f.csv#1', 'csv', undefined, 'Row one'],
        ['f.csv#2', 'csv', undefined, 'Row two'],
        ['g.jsonl#2', 'jsonl', undefined, 'Line two'],
        ['g.jsonl#x', 'jsonl', undefined, 'Line one'],
      ],
    );
    for (const { text, chunks } of sorted) {
      assert.ok(chunks.length > 0);
      for (const chunk of chunks) assert.equal(chunk.text, text.slice(chunk.start, chunk.end));
    }
    assert.equal(sorted[1].chunks[0].page, 1);
    assert.deepEqual(sorted[3].chunks[0].headings, ['Title']);
    assert.deepEqual(sorted[6].metadata, { n: 7 });
    assert.equal(sorted[6].source, 'f.csv');
    assert.deepEqual([scanned.files, scanned.bytes], [8, finished.bytes]);
    const { seconds, ...counts } = finished;
    assert.ok(seconds > 0);
    assert.deepEqual(counts, {
      kind: 'finished',
      files: 8,
      read: 8,
      unchanged: 0,
      failed: 0,
      documents: 10,
      chunks: 10,
      records: { unchanged: 0, failed: 0 },
      bytes: scanned.bytes,
    });
  });

  it('is the same twice', async () => {
    for (let i = 0; i < 10; i++) folder.write(`${i}.md`, `# Number ${i}\n\n${'Some text. '.repeat(i * 50)}`);
    const [first, second] = await Promise.all([run(folder, '.'), run(folder, '.', { concurrency: 1 })]);
    const byId = (documents: typeof first.documents) => [...documents].sort((a, b) => (a.id < b.id ? -1 : 1));
    assert.deepEqual(byId(first.documents), byId(second.documents));
    assert.deepEqual(
      second.documents.map(({ id }) => id),
      byId(second.documents).map(({ id }) => id),
    );
  });

  it('passes over what is known by its hash', async () => {
    const [a, b] = [folder.write('a.md', 'same'), folder.write('b.md', 'changed')];
    const asked: string[] = [];
    const known = async (id: string): Promise<string | undefined> => {
      asked.push(id);
      return id === 'a.md' ? sha256('same') : sha256('before');
    };
    const { documents, unchanged, finished } = await run(folder, [a, b], { known });
    assert.deepEqual(asked.sort(), ['a.md', 'b.md']);
    assert.deepEqual(unchanged, ['a.md']);
    assert.deepEqual(
      documents.map(({ id, hash }) => [id, hash]),
      [['b.md', sha256('changed')]],
    );
    assert.deepEqual([finished.read, finished.unchanged], [1, 1]);
  });

  it('passes over known records of a file that has changed, and over the whole of one that has not', async () => {
    const line = (id: number, text = `Text ${id}`): string => `${JSON.stringify({ id, text })}\n`;
    const whole = Array.from({ length: 700 }, (_, i) => line(i)).join('');
    folder.write('a.jsonl', whole);
    const first = await run(folder, '.');
    const hashes = new Map(first.documents.map(({ id, hash }) => [id, hash]));
    const last = first.batches.at(-1)!;
    assert.ok(last.last && last.hash === sha256(whole));
    assert.ok(first.batches.slice(0, -1).every((batch) => !batch.last && batch.hash === undefined));
    const known = (id: string): string | undefined => hashes.get(id);

    folder.write('a.jsonl', whole.replace('Text 5"', 'Another 5"') + line(700));
    const second = await run(folder, '.', { known });
    assert.deepEqual(
      second.documents.map(({ id }) => id),
      ['a.jsonl#5', 'a.jsonl#700'],
    );
    assert.equal(second.finished.records.unchanged, 699);

    folder.write('a.jsonl', whole);
    hashes.set('a.jsonl', sha256(whole));
    const third = await run(folder, '.', { known });
    assert.deepEqual(third.unchanged, ['a.jsonl']);
    assert.deepEqual(third.documents, []);
  });

  it('goes on where a run was stopped', async () => {
    for (let i = 0; i < 20; i++) folder.write(`${String(i).padStart(2, '0')}.txt`, `Text ${i}`);
    const store = new Map<string, string>();
    let events = 0;
    for await (const event of ingest(folder.path(), { root: folder.path(), concurrency: 2 })) {
      if (event.kind === 'document') for (const { id, hash } of event.documents) store.set(id, hash!);
      if (++events === 8) break;
    }
    assert.equal(store.size, 7);
    const { unchanged, documents } = await run(folder, '.', { known: (id) => store.get(id) });
    assert.deepEqual(unchanged.sort(), [...store.keys()].sort());
    assert.equal(documents.length, 13);
  });

  it('lets only a few parsed files wait for the consumer', async () => {
    for (let i = 0; i < 30; i++) folder.write(`${i}.txt`, `Text ${i}`);
    let asked = 0;
    let taken = 0;
    const known = (): undefined => {
      asked++;
    };
    for await (const event of ingest(folder.path(), { root: folder.path(), concurrency: 2, known })) {
      if (event.kind !== 'document') continue;
      taken++;
      if (taken <= 3) await sleep(300);
      assert.ok(asked <= taken + 2, `${asked} files were begun when ${taken} were taken`);
    }
    assert.equal(taken, 30);
  });

  it('hands records on before a long file is read to its end', async () => {
    folder.write('a.jsonl', `${JSON.stringify({ text: 'x'.repeat(2000) })}\n`.repeat(3000));
    let first: IngestEvent | undefined;
    for await (const event of ingest(folder.path('a.jsonl'))) {
      if (event.kind !== 'document') continue;
      first = event;
      break;
    }
    assert.ok(first?.kind === 'document');
    assert.equal(first.last, false);
    assert.ok(first.bytes < 3_000_000 && first.documents.length < 600);
  });

  it('stops at a signal: before, while it looks for files, and while it reads', async () => {
    for (let i = 0; i < 30; i++) folder.write(`${i}.txt`, `Text ${i}`);
    const all = async (signal: AbortSignal, abort: (event: IngestEvent) => void = () => undefined): Promise<void> => {
      for await (const event of ingest(folder.path(), { signal, concurrency: 2 })) abort(event);
    };
    const stops = (work: Promise<void>): Promise<void> =>
      assert.rejects(work, (error) => {
        isError(error, 'E_ABORTED', ['Reading the files was aborted.']);
        assert.equal((error as Error).cause, 'enough');
        return true;
      });
    await stops(all(AbortSignal.abort('enough')));
    const scanning = new AbortController();
    const work = all(scanning.signal);
    scanning.abort('enough');
    await stops(work);
    const reading = new AbortController();
    await stops(all(reading.signal, ({ kind }) => kind === 'document' && reading.abort('enough')));
    // While it waits for a file that takes long.
    folder.write('0.html', `${'<b>'.repeat(200_000)}${'</x>'.repeat(200_000)}`);
    const waiting = new AbortController();
    await stops(
      all(waiting.signal, ({ kind }) => kind === 'scanned' && setTimeout(() => waiting.abort('enough'), 1000)),
    );
  });

  it('fails with what known throws', async () => {
    folder.write('a.txt', 'x');
    const work = run(folder, '.', {
      known: () => {
        throw new Error('the store is gone');
      },
    });
    await assert.rejects(work, /the store is gone/);
  });

  it('reads nothing where there is nothing', async () => {
    const { events } = await run(folder, '.');
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['scanned', 'finished'],
    );
  });

  it('tells of a path that leads nowhere, and reads the others', async () => {
    folder.write('a.txt', 'x');
    const { failures, documents, finished } = await run(folder, ['no.txt', 'a.txt', '*.none']);
    assert.deepEqual(
      failures.map(({ file }) => file.split('/').at(-1)),
      ['no.txt', '*.none'],
    );
    isError(failures[0].error, 'E_NOT_FOUND', ['cannot open', 'no.txt: there is no such file or folder']);
    assert.equal(documents.length, 1);
    assert.deepEqual([finished.files, finished.failed], [3, 2]);
  });

  it('cuts chunks as wanted', async () => {
    const { chunks } = await readOne(folder, 'a.txt', 'Some words here. '.repeat(100), {
      chunk: { size: 100, overlap: 0 },
    });
    for (const { text } of chunks) assert.ok(text.length <= 100);
    assert.equal(chunks.map(({ text }) => text).join(' '), 'Some words here. '.repeat(100).trim());
  });

  it('follows links when asked, each file once', async () => {
    folder.write('docs/a.md', 'x');
    symlinkSync('.', folder.path('docs/loop'));
    assert.equal((await run(folder, 'docs', { followLinks: true })).documents.length, 1);
    assert.equal((await run(folder, 'docs')).documents.length, 1);
  });
});

describe('files in any encoding', () => {
  const folder = testFolder();

  it('are text all the same', async () => {
    const text = 'Größere Bücher über süße Äpfel — für 5 €.';
    const utf16 = Buffer.from(`\ufeff${text}`, 'utf16le');
    const documents = await readFiles(folder, {
      'utf8.txt': text,
      'mark.txt': `\ufeff${text}`,
      'utf16.txt': utf16,
      'utf16be.txt': Buffer.from(utf16).swap16(),
      'windows.txt': encode(text, 'windows-1252'),
      'page.html': encode(`<meta charset="windows-1252"><p>${text}`, 'windows-1252'),
    });
    for (const document of documents.values()) assert.equal(document.text, text, document.id);
    assert.deepEqual(documents.get('utf8.txt')!.metadata, {});
    assert.deepEqual(documents.get('utf16.txt')!.metadata, { encoding: 'utf-16le' });
  });

  it('are read in the one that is named', async () => {
    const bytes = Buffer.from([0x83, 0x65, 0x83, 0x58, 0x83, 0x67]);
    assert.equal((await readOne(folder, 'a.txt', bytes, { encoding: 'shift_jis' })).text, 'テスト');
  });

  it('may hold bytes that are no characters, and zeros', async () => {
    const bytes = Buffer.concat([
      Buffer.from('Good text before '),
      Buffer.from([0xc3, 0x28, 0]),
      Buffer.from(` and after. ${'Größe '.repeat(20)}`),
    ]);
    const { text } = await readOne(folder, 'a.txt', bytes);
    assert.match(text, /^Good text before \ufffd\( {2}and after\. Größe/);
  });

  it('may be empty, or blank', async () => {
    const documents = await readFiles(folder, { 'a.txt': '', 'b.md': '', 'c.html': '', 'd.csv': '', 'e.txt': ' \n\n' });
    for (const { text, chunks } of documents.values()) assert.deepEqual([text.trim(), chunks], ['', []]);
    assert.deepEqual((await run(folder, folder.write('a.jsonl', ''))).documents, []);
  });
});

describe('files that are not what they seem', () => {
  const folder = testFolder();

  it('are read as what they begin as', async () => {
    const documents = await readFiles(folder, {
      'paper.txt': await pdf(['A PDF.']),
      letter: await docx(wordParagraph('x')),
      page: '<!doctype html><p>x',
      'code.ts': 'const a = 1;',
      single: '{"text": "a"}',
    });
    assert.deepEqual([...documents.values()].map(({ id, type }) => `${id}: ${type}`).sort(), [
      'code.ts: text',
      'letter: docx',
      'page: html',
      'paper.txt: pdf',
      'single: text',
    ]);
    const { documents: records } = await run(folder, folder.write('records', '{"text": "a"}\n{"text": "b"}\n'));
    assert.deepEqual(
      records.map(({ id, text }) => `${id}: ${text}`),
      ['records#1: a', 'records#2: b'],
    );
  });

  it('are refused with what they are', async () => {
    const convert = 'Convert it to PDF, DOCX, HTML or text first';
    const noise = Buffer.from(Uint8Array.from({ length: 2000 }, (_, i) => (i * 7919) % 256));
    await refused(folder, {
      'a.docx': [
        Buffer.from('d0cf11e0a1b11ae1', 'hex'),
        'E_UNSUPPORTED',
        'old Office file',
        'or a DOCX with a password',
        convert,
      ],
      'a.pdf': [Buffer.from('\x89PNG\r\n', 'latin1'), 'E_UNSUPPORTED', 'the file is a picture', convert],
      'b.pdf': ['<html>Not found', 'E_CORRUPT', 'this is not a PDF'],
      'a.txt': [noise, 'E_UNSUPPORTED', 'the file is not text', 'name its encoding'],
      'b.docx': [await pdf(['']), 'E_UNSUPPORTED', 'the PDF has no text on its 1 page'],
      'c.pdf': [await pdf(['x'], { userPassword: 'secret' }), 'E_UNSUPPORTED', 'protected by a password'],
    });
  });
});

describe('a table without a column for text', () => {
  const folder = testFolder();

  it('is one document', async () => {
    const { text, id, hash, type } = await readOne(folder, 'a.csv', 'name;price\nTea;3\nMilk;2\n');
    assert.deepEqual([text, id, type], ['name: Tea; price: 3\nname: Milk; price: 2', 'a.csv', 'csv']);
    assert.equal(hash, sha256('name;price\nTea;3\nMilk;2\n'));
  });
});
