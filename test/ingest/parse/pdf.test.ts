import { strict as assert } from 'node:assert';
import { deflateSync } from 'node:zlib';
import { chunkText } from '../../../src/ingest/chunk.js';
import { checkIngestOptions } from '../../../src/ingest/options.js';
import { joinPages, outlineSections } from '../../../src/ingest/parse/pdf-text.js';
import { parsePdf } from '../../../src/ingest/parse/pdf.js';
import type { IngestOptions } from '../../../src/ingest/types.js';
import { isError, pdf, pdfStream, rawPdf } from '../support.js';

const parse = (bytes: Uint8Array, options: IngestOptions = {}) =>
  parsePdf('a.pdf', bytes, checkIngestOptions(options).read);

/** One page whose content is this. */
function page(content: Buffer, dictionary = ''): Buffer {
  return rawPdf([
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>',
    pdfStream(dictionary, content),
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ]);
}

const write = (text: string): string => `BT /F 12 Tf 50 700 Td (${text}) Tj ET`;

describe('a PDF', () => {
  it('gives its text page by page', async () => {
    const texts = [
      'The first page has some words.',
      'The second one is about Zürich — and “quotes”.',
      'The third ends.',
    ];
    const { text, pages = [], metadata } = await parse(await pdf(texts));
    assert.equal(text, texts.join('\n\n'));
    assert.deepEqual(pages, [0, texts[0].length + 2, texts[0].length + texts[1].length + 4]);
    assert.deepEqual(metadata, { pages: 3 });
    for (const { start, page: number } of chunkText(text, { pages, size: 40, overlap: 0 }))
      assert.equal(number, pages.filter((from) => from <= start).length);
  });

  it('tells its title, its author and its outline', async () => {
    const bytes = await pdf(
      ['Introduction\nWhat it is about.', 'Methods\nHow it was done.', 'Sampling\nMore of it.'],
      { info: { Title: 'A Study', Author: 'A. Nobody' } },
      (document, at) => {
        if (at === 0) document.outline.addItem('Introduction');
        if (at === 1) document.outline.addItem('Methods');
        if (at === 2) document.outline.addItem('Not on the page');
      },
    );
    const { title, metadata, text, sections = [] } = await parse(bytes);
    assert.equal(title, 'A Study');
    assert.deepEqual(metadata, { pages: 3, author: 'A. Nobody' });
    assert.deepEqual(
      sections.map(({ start, headings }) => [text.slice(start, start + 7), ...headings]),
      [
        ['Introdu', 'Introduction'],
        ['Methods', 'Methods'],
        ['Samplin', 'Not on the page'],
      ],
    );
  });

  it('has no title where only a program named it', async () => {
    for (const name of ['Microsoft Word - draft3.doc', 'untitled', 'thesis.dvi'])
      assert.equal((await parse(await pdf(['Text.'], { info: { Title: name } }))).title, undefined);
  });

  it('is read without a password where only changing it needs one', async () => {
    const bytes = await pdf(['Free to read.'], { ownerPassword: 'secret', pdfVersion: '1.7' });
    assert.equal((await parse(bytes)).text, 'Free to read.');
  });

  it('is refused where reading it needs a password', async () => {
    const bytes = await pdf(['Not free.'], { userPassword: 'secret', pdfVersion: '1.7' });
    await assert.rejects(parse(bytes), (error) => {
      isError(error, 'E_UNSUPPORTED', ['a.pdf: the PDF is protected by a password. Save a copy without one']);
      return true;
    });
  });

  it('is refused where it is no PDF, or only a piece of one', async () => {
    const whole = await pdf(['Some text.']);
    for (const bytes of [Buffer.alloc(0), Buffer.from('not a PDF'), whole.subarray(0, 60), Buffer.alloc(1000)]) {
      await assert.rejects(parse(bytes), (error) => {
        isError(error, 'E_CORRUPT', ['a.pdf: this is not a PDF, or it is damaged. Open it in a viewer']);
        return true;
      });
    }
  });

  it('is read as far as it goes when its table of contents is gone', async () => {
    const whole = await pdf(['Some text that is still there.'], { compress: false });
    assert.equal((await parse(whole.subarray(0, whole.lastIndexOf('xref\n')))).text, 'Some text that is still there.');
  });

  it('is refused where it holds only pictures', async () => {
    const bytes = await pdf(['', ''], {}, (document) => document.rect(10, 10, 100, 100).fill('red'));
    await assert.rejects(parse(bytes), (error) => {
      isError(error, 'E_UNSUPPORTED', ['the PDF has no text on its 2 pages', 'Recognise its text (OCR) first']);
      return true;
    });
  });

  it('is refused where it has more pages than allowed', async () => {
    await assert.rejects(parse(await pdf(['a', 'b', 'c']), { maxPages: 2 }), (error) => {
      isError(error, 'E_RANGE', ['the PDF has too many pages: expected at most 2, found 3', 'Raise maxPages']);
      return true;
    });
  });

  it('may have pages that cannot be read beside others', async () => {
    const bytes = rawPdf([
      '<< /Type /Catalog /Pages 2 0 R >>',
      '<< /Type /Pages /Kids [3 0 R 6 0 R] /Count 2 >>',
      '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>',
      pdfStream('', Buffer.from(write('Sound.'))),
      '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
      '(not a page)',
    ]);
    const { text, pages, metadata } = await parse(bytes);
    assert.equal(text, 'Sound.');
    assert.deepEqual(pages, [0, 6]);
    assert.deepEqual(metadata, { pages: 2, unreadablePages: 1 });
  });

  it('does not run what it asks to run', async () => {
    const { text } = await parse(
      rawPdf([
        '<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert\\(1\\); this.exportDataObject\\({cName: "x"}\\)) /Next << /S /Launch /F (/bin/sh) >> >> >>',
        '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
        '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> /AA << /O << /S /URI /URI (http://127.0.0.1:9/) >> >> >>',
        pdfStream('', Buffer.from(write('Harmless.'))),
        '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
      ]),
    );
    assert.equal(text, 'Harmless.');
  });

  it('ends where it needs more memory than it may have, and the next one is read', async () => {
    const spaces = deflateSync(Buffer.alloc(70 * 2 ** 20, ' '));
    const bomb = page(deflateSync(spaces), '/Filter [/FlateDecode /FlateDecode]');
    assert.ok(bomb.length < 100_000);
    await assert.rejects(parse(bomb, { maxMemory: 64 * 2 ** 20 }), (error) => {
      isError(error, 'E_OUT_OF_MEMORY', ['the PDF needs too much memory: expected at most 64 MiB', 'Raise maxMemory']);
      return true;
    });
    assert.equal(
      (await parse(page(Buffer.from(write('Still here.'))), { maxMemory: 64 * 2 ** 20 })).text,
      'Still here.',
    );
  });

  it('may point back to itself', async () => {
    const loops = [
      ['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [2 0 R] /Count 5 >>'],
      [
        '<< /Type /Catalog /Pages 2 0 R >>',
        '<< /Type /Pages /Parent 3 0 R /Kids [3 0 R] /Count 2 >>',
        '<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 2 >>',
      ],
      ['1 0 R', '2 0 R'],
    ];
    for (const objects of loops) {
      await assert.rejects(parse(rawPdf(objects)), (error) => {
        isError(error, 'E_CORRUPT', ['a.pdf']);
        return true;
      });
    }
    const tables = rawPdf(['<< /Type /Catalog >>'], '/Prev 0');
    await assert.rejects(
      parse(Buffer.from(tables.toString('latin1').replace('/Prev 0', `/Prev ${tables.indexOf('xref\n')}`), 'latin1')),
    );
  });

  it('may have an outline that goes round in a circle', async () => {
    const bytes = rawPdf([
      '<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R >>',
      '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
      '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>',
      pdfStream('', Buffer.from(write('Text.'))),
      '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
      '<< /Type /Outlines /First 7 0 R /Last 8 0 R >>',
      '<< /Title (One) /Parent 6 0 R /Next 8 0 R /First 8 0 R /Dest [3 0 R /Fit] >>',
      '<< /Title (Two) /Parent 6 0 R /Next 7 0 R /First 7 0 R /A << /S /GoTo /D [3 0 R /Fit] >> >>',
    ]);
    const { sections = [] } = await parse(bytes);
    assert.deepEqual(
      sections.map(({ headings }) => headings),
      [['One'], ['One', 'Two']],
    );
  });

  it('may nest its pages deeper than any stack', async () => {
    const depth = 20_000;
    const nodes = Array.from(
      { length: depth },
      (_, i) => `<< /Type /Pages /Parent ${i + 1} 0 R /Kids [${i + 3} 0 R] /Count 1 >>`,
    );
    const bytes = rawPdf(['<< /Type /Catalog /Pages 2 0 R >>', ...nodes, '<< /Type /Page /MediaBox [0 0 9 9] >>']);
    await assert.rejects(parse(bytes), (error) => {
      isError(error, /** whether the engine gives up or overflows */ (error as { code: 'E_CORRUPT' }).code, ['a.pdf']);
      return true;
    });
  });
});

describe('the pages of a PDF as one text', () => {
  it('are joined within a sentence, and parted after one', () => {
    assert.deepEqual(joinPages(['A sentence that goes', 'on here.', '', 'A new one.']), {
      text: 'A sentence that goes\non here.\n\nA new one.',
      starts: [0, 21, 29, 31],
    });
  });

  it('have words together that were parted at the end of a line', () => {
    assert.equal(joinPages(['an exam\ufffeple of\r\nsoft hy\ufffephens']).text, 'an example of\nsoft hyphens');
  });

  it('have paragraphs where a line ends a sentence early', () => {
    const full = 'This line is as long as the others are, up to the margin';
    assert.equal(
      joinPages([[full, full, 'and ends here.', full, full, `${full}.`, full].join('\n')]).text,
      `${full}\n${full}\nand ends here.\n\n${full}\n${full}\n${full}.\n${full}`,
    );
  });

  it('have sections where the titles of the outline stand, with their numbers', () => {
    const text = 'Contents\nMethods 2\n1 Methods\nWe did.\n1.1 It’s  early\nSo.\n(Results).';
    const sections = outlineSections(
      text,
      [0, 19],
      [
        { level: 1, title: 'Methods', page: 1 },
        { level: 2, title: "It's early", page: 1 },
        { level: 1, title: 'Results', page: 1 },
        { level: 1, title: 'Nowhere', page: 9 },
      ],
    );
    assert.deepEqual(
      sections.map(({ start, headings }) => [start, headings.join(' > ')]),
      [
        [19, 'Methods'],
        [19, 'Results'],
        [37, "Methods > It's early"],
      ],
    );
  });
});
