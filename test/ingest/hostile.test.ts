import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, openSync, truncateSync, writeSync, closeSync } from 'node:fs';
import { docx, isError, pdf, pdfStream, rawPdf, refused, run, testFolder, wordParagraph } from './support.js';
import { random } from '../lib/support.js';
import { skip } from '../support/skip.js';

/** Bytes with a few mistakes, the same ones for the same seed: flipped, overwritten, cut out, doubled, cut off. */
function mutated(bytes: Buffer, seed: number): Buffer {
  const next = random(seed);
  const pick = (below: number): number => Math.floor(next() * below);
  let result = Buffer.from(bytes);
  for (let count = 1 + pick(20); count > 0; count--) {
    const [at, length] = [pick(result.length), 1 + pick(200)];
    const kind = pick(6);
    if (kind === 0) result[at] = result[at] ^ (1 << pick(8));
    else if (kind === 1) result.fill(pick(256), at, Math.min(at + length, result.length));
    else if (kind === 2) result = Buffer.concat([result.subarray(0, at), result.subarray(at + length)]);
    else if (kind === 3) result = Buffer.concat([result.subarray(0, at + length), result.subarray(at)]);
    else if (kind === 4) result.write(String(pick(4) === 0 ? -1 : 2 ** pick(33)), at);
    else if (pick(5) === 0) result = Buffer.from(result.subarray(0, Math.max(1, at)));
  }
  return result;
}

describe('hostile files', () => {
  const folder = testFolder();

  it('cost one file each: 50 damaged PDFs among sound ones', async () => {
    const text = 'Some text with “quotes” and é. '.repeat(20);
    const seeds = [
      await pdf([text, text, text], { info: { Title: 'Title' } }, (document, at) =>
        document.outline.addItem(`Part ${at}`),
      ),
      await pdf([text, text], { compress: false }),
    ];
    for (let seed = 0; seed < 50; seed++) folder.write(`${seed}.pdf`, mutated(seeds[seed % 2], seed));
    for (let i = 0; i < 5; i++) folder.write(`sound-${i}.pdf`, seeds[0]);
    const { documents, failures, finished } = await run(folder, '.', { maxSeconds: 20 });
    assert.equal(documents.length + failures.length, 55);
    assert.equal(finished.files, 55);
    const ids = new Set([...documents.map(({ id }) => id), ...failures.map(({ file }) => file)]);
    assert.equal(ids.size, 55);
    for (const { error } of failures) {
      assert.ok(['E_CORRUPT', 'E_UNSUPPORTED', 'E_RANGE', 'E_OUT_OF_MEMORY'].includes(error.code), error.message);
    }
    for (let i = 0; i < 5; i++) assert.ok(documents.some(({ id }) => id === `sound-${i}.pdf`));
  });

  it('cost one file each: damaged Word documents', async () => {
    const sound = await docx(wordParagraph('Some text. '.repeat(200)));
    for (let seed = 0; seed < 25; seed++) folder.write(`${seed}.docx`, mutated(sound, seed));
    const { documents, failures } = await run(folder, '.', { maxSeconds: 20 });
    assert.equal(documents.length + failures.length, 25);
    for (const { error } of failures)
      assert.ok(['E_CORRUPT', 'E_UNSUPPORTED', 'E_RANGE'].includes(error.code), error.message);
  });

  it('run no script and reach nothing outside', async () => {
    const canary = folder.path('canary');
    const script = `require("fs").writeFileSync(${JSON.stringify(canary)}, "")`;
    folder.write(
      'a.html',
      `<script>${script}</script><img src=x onerror='${script}'><iframe src="file:///etc/passwd"></iframe><p>Text.`,
    );
    folder.write('b.md', `<script>${script}</script>\n\nText. ![x](javascript:void)`);
    folder.write('c.md', `---js\n{ "a": ${script} }\n---\nText.`);
    folder.write('d.md', `---\na: !!js/function "function () { ${script} }"\n---\nText.`);
    folder.write(
      'e.pdf',
      rawPdf([
        `<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /Launch /Unix << /F (/usr/bin/touch) /P (${canary}) >> >> /Names << /JavaScript << /Names [(a) << /S /JavaScript /JS (this.saveAs\\("${canary}"\\)) >>] >> >> >>`,
        '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
        '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>',
        pdfStream('', Buffer.from('BT /F 12 Tf 50 700 Td (Text.) Tj ET')),
        '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
      ]),
    );
    folder.write(
      'f.docx',
      await docx(`${wordParagraph('Text.')}<w:altChunk r:id="x"/><w:instrText>INCLUDETEXT "/etc/passwd"</w:instrText>`),
    );
    const { documents, failures } = await run(folder, '.');
    assert.deepEqual(failures, []);
    assert.equal(documents.length, 6);
    for (const { id, text } of documents) {
      assert.match(text, /Text\./, id);
      if (id !== 'c.md' && id !== 'd.md') assert.doesNotMatch(text, /writeFileSync|root:/, id);
    }
    assert.equal(existsSync(canary), false);
  });

  it('take too long: the reader is ended, and the others are read', async () => {
    // Each closing tag is looked for among all that are open.
    folder.write('slow.html', `${'<b>'.repeat(400_000)}${'</x>'.repeat(400_000)}`);
    for (let i = 0; i < 5; i++) folder.write(`${i}.txt`, 'Text.');
    const { documents, failures } = await run(folder, '.', { maxSeconds: 3 });
    assert.equal(documents.length, 5);
    assert.equal(failures.length, 1);
    isError(failures[0].error, 'E_TIMEOUT', [
      'slow.html: the file took too long to read',
      'at most 3 s',
      'Raise maxSeconds',
    ]);
  });

  it('need too much memory: the reader is ended, and the others are read', async () => {
    // Every star may begin an emphasis: each is an object of its own.
    folder.write('large.md', '*a _b '.repeat(4_000_000));
    for (let i = 0; i < 5; i++) folder.write(`${i}.txt`, 'Text.');
    const { documents, failures } = await run(folder, '.', { maxMemory: 64 * 2 ** 20 });
    assert.equal(documents.length, 5);
    assert.equal(failures.length, 1);
    isError(failures[0].error, 'E_OUT_OF_MEMORY', [/^large\.md: the file needs too much memory/, 'at most 64 MiB']);
  });

  it('have a line of 100 MB: it is told by its number, and the rest is read', async () => {
    const path = folder.path('a.jsonl');
    const file = openSync(path, 'w');
    writeSync(file, '{"id": 1, "text": "before"}\n{"id": 2, "text": "');
    const end = 100 * 2 ** 20;
    truncateSync(path, end);
    writeSync(file, '"}\n{"id": 3, "text": "after"}\n', end);
    closeSync(file);
    const { documents, failures, finished } = await run(folder, 'a.jsonl');
    assert.deepEqual(
      documents.map(({ text }) => text),
      ['before', 'after'],
    );
    assert.deepEqual(
      failures.map(({ line }) => line),
      [2],
    );
    isError(failures[0].error, 'E_RANGE', ['a.jsonl, line 2: the line is too long: expected at most 8388608 bytes']);
    assert.deepEqual([finished.read, finished.failed, finished.records.failed], [1, 0, 1]);
  });

  it('are no records at all: reading ends early', async () => {
    await refused(folder, {
      'a.jsonl': [
        'no record\n'.repeat(100_000),
        'E_CORRUPT',
        'none of the first 100 lines is a record, so the rest was not read',
        'a.jsonl, line 100: the line is not JSON',
      ],
    });
  });

  it('are larger than allowed', async () => {
    const tooLarge = 'the file is too large: expected at most 1,000 bytes, found 1,400. Raise maxBytes';
    await refused(
      folder,
      {
        'a.txt': ['x'.repeat(1400), 'E_RANGE', tooLarge],
        'a.jsonl': ['{"text": "x"}\n'.repeat(100), 'E_RANGE', tooLarge],
        'a.csv': [`text\n${'x'.repeat(1395)}`, 'E_RANGE', tooLarge],
      },
      { maxBytes: 1000 },
    );
    const huge = folder.path('huge.txt');
    closeSync(openSync(huge, 'w'));
    truncateSync(huge, 2 ** 40);
    const { failures } = await run(folder, 'huge.txt');
    isError(failures[0].error, 'E_RANGE', ['huge.txt: the file is too large: expected at most 67,108,864 bytes']);
  });

  it('are no files: a folder, a pipe, a device', async function () {
    mkdirSync(folder.path('x.pdf'));
    folder.write('x.pdf/inside.txt', 'Text.');
    assert.deepEqual(
      (await run(folder, 'x.pdf')).documents.map(({ id }) => id),
      ['x.pdf/inside.txt'],
    );
    const { failures } = await run(folder, '/dev/null');
    isError(failures[0].error, 'E_IO', [
      '/dev/null: cannot be read: expected a regular file, found a pipe, socket or device',
    ]);
    try {
      execFileSync('mkfifo', [folder.path('pipe.txt')]);
    } catch {
      skip(this, 'mkfifo is not there to make a pipe');
    }
    const pipe = await run(folder, 'pipe.txt');
    isError(pipe.failures[0].error, 'E_IO', ['pipe.txt: cannot be read: expected a regular file, found a pipe']);
  });

  it('may not be read', async function () {
    if (process.getuid?.() === 0) skip(this, 'root may read every file');
    chmodSync(folder.write('a.txt', 'x'), 0);
    const { failures } = await run(folder, 'a.txt');
    isError(failures[0].error, 'E_IO', ['cannot open a.txt: permission denied']);
  });
});
