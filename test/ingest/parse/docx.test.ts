import { strict as assert } from 'node:assert';
import { parseDocx } from '../../../src/ingest/parse/docx.js';
import { docx, isError, wordParagraph, zip } from '../support.js';

const parse = (bytes: Buffer) => parseDocx('a.docx', bytes);
const style = (id: string): string => `<w:pStyle w:val="${id}"/>`;

async function rejected(bytes: Buffer, code: 'E_CORRUPT' | 'E_RANGE' | 'E_UNSUPPORTED', says: string[]): Promise<void> {
  await assert.rejects(parse(bytes), (error) => {
    isError(error, code, ['a.docx', ...says]);
    return true;
  });
}

describe('a Word document', () => {
  it('gives its paragraphs, with the pieces of a word together', async () => {
    const body =
      '<w:p><w:r><w:t>One wo</w:t></w:r><w:r><w:t>rd &amp; </w:t></w:r><w:r><w:t xml:space="preserve"> more</w:t><w:tab/><w:t>text</w:t><w:br/><w:t>line</w:t></w:r></w:p><w:p/>';
    assert.equal(
      (await parse(await docx(body + wordParagraph('Zürich 速い')))).text,
      'One word & more text\nline\n\nZürich 速い',
    );
  });

  it('has the headings of its styles, in any language, and of outline levels', async () => {
    const styles = `<w:styles xmlns:w="x">
      <w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
      <w:style w:styleId="Own"><w:name w:val="My own"/><w:basedOn w:val="berschrift2"/></w:style>
      <w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>
      <w:style w:styleId="Round"><w:name w:val="Round"/><w:basedOn w:val="Round"/></w:style>
      <w:style w:styleId="T"><w:name w:val="Title"/></w:style></w:styles>`;
    const body = [
      wordParagraph('The Title', style('T')),
      wordParagraph('Part', style('berschrift1')),
      wordParagraph('body', style('Round')),
      wordParagraph('Chapter', style('Own')),
      wordParagraph('Note', '<w:outlineLvl w:val="2"/>'),
      wordParagraph('body', '<w:outlineLvl w:val="9"/>'),
      wordParagraph('Next', style('berschrift1')),
    ];
    const { title, text, sections = [] } = await parse(await docx(body.join(''), { 'word/styles.xml': styles }));
    assert.equal(title, 'The Title');
    assert.equal(text, 'The Title\n\nPart\n\nbody\n\nChapter\n\nNote\n\nbody\n\nNext');
    assert.deepEqual(
      sections.map(({ headings }) => headings.join(' > ')),
      ['Part', 'Part > Chapter', 'Part > Chapter > Note', 'Next'],
    );
    for (const { start, headings } of sections) assert.ok(text.slice(start).startsWith(headings.at(-1)!));
  });

  it('has the headings of Word where it brings no styles', async () => {
    const { sections = [] } = await parse(
      await docx(wordParagraph('A', style('Heading1')) + wordParagraph('B', style('Heading2'))),
    );
    assert.deepEqual(
      sections.map(({ headings }) => headings),
      [['A'], ['A', 'B']],
    );
  });

  it('has lists and tables', async () => {
    const item = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>';
    const cell = (text: string): string => `<w:tc>${wordParagraph(text)}</w:tc>`;
    const body = `${wordParagraph('Before')}${wordParagraph('one', item)}${wordParagraph('two', item)}<w:tbl><w:tr>${cell('a')}${cell('b')}</w:tr><w:tr>${cell('1')}${cell('2')}</w:tr></w:tbl>${wordParagraph('After')}`;
    assert.equal((await parse(await docx(body))).text, 'Before\n\n- one\n- two\na | b\n1 | 2\n\nAfter');
  });

  it('has no deleted text and nothing twice', async () => {
    const body = `<w:p><w:r><w:t>kept</w:t></w:r><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del><w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom>
      <mc:AlternateContent><mc:Choice><w:r><w:t> box</w:t></w:r></mc:Choice><mc:Fallback><w:r><w:t> box</w:t></w:r></mc:Fallback></mc:AlternateContent><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>`;
    assert.equal((await parse(await docx(body))).text, 'kept box');
  });

  it('has its notes at the end, under no heading', async () => {
    const note = (id: string, text: string, type = ''): string =>
      `<w:footnote w:id="${id}" ${type}>${wordParagraph(text)}</w:footnote>`;
    const footnotes = `<w:footnotes xmlns:w="x">${note('0', 'line', 'w:type="separator"')}${note('1', 'The note.')}</w:footnotes>`;
    const { text, sections = [] } = await parse(
      await docx(wordParagraph('Head', style('Heading1')) + wordParagraph('Text'), { 'word/footnotes.xml': footnotes }),
    );
    assert.equal(text, 'Head\n\nText\n\nThe note.');
    assert.deepEqual(sections.at(-1)!.headings, []);
  });

  it('tells what its properties say', async () => {
    const core =
      '<cp:coreProperties><dc:title>Named</dc:title><dc:creator>Me &amp; you</dc:creator><cp:keywords/></cp:coreProperties>';
    const { title, metadata } = await parse(await docx(wordParagraph('x'), { 'docProps/core.xml': core }));
    assert.equal(title, 'Named');
    assert.deepEqual(metadata, { author: 'Me & you' });
  });

  it('may keep its text under another name', async () => {
    const bytes = await zip({
      '_rels/.rels':
        '<Relationships><Relationship Type="http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument" Target="/word/document2.xml"/></Relationships>',
      'word/document2.xml': `<w:document>${wordParagraph('Here.')}</w:document>`,
    });
    assert.equal((await parse(bytes)).text, 'Here.');
  });
});

describe('what is no Word document', () => {
  it('is refused: another archive, a table, slides', async () => {
    await rejected(await zip({ 'a.txt': 'x' }), 'E_UNSUPPORTED', ['not a Word document: expected a DOCX. Unpack it']);
    const table = '<Relationships><Relationship Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>';
    await rejected(await zip({ '_rels/.rels': table, 'xl/workbook.xml': '<x/>' }), 'E_UNSUPPORTED', [
      'not a Word document',
    ]);
  });

  it('is refused: no archive, or one that is cut off', async () => {
    const whole = await docx(wordParagraph('x'));
    for (const bytes of [Buffer.from('PK\x03\x04 nothing'), Buffer.alloc(0), whole.subarray(0, -30)])
      await rejected(bytes, 'E_CORRUPT', ['the file is damaged or cut off', 'save a copy']);
  });

  it('is refused: one whose data is damaged', async () => {
    const bytes = Buffer.from(await docx(wordParagraph('x'.repeat(500))));
    // The first entry's data begins after its 30 bytes of header and its name.
    bytes.fill(0xff, 30 + '_rels/.rels'.length, 60 + '_rels/.rels'.length);
    await rejected(bytes, 'E_CORRUPT', ['the file is damaged or cut off']);
  });

  it('is refused: a zip bomb', async () => {
    const bomb = await docx(`<w:p><w:r><w:t>${' '.repeat(40 * 2 ** 20)}</w:t></w:r></w:p>`);
    assert.ok(bomb.length < 200_000);
    await rejected(bomb, 'E_RANGE', [
      'unpacks to too much (a "zip bomb") in word/document.xml',
      'at most 128 MiB in all and 200 times',
      'found 40.0 MiB',
    ]);
  });

  it('is refused: a zip bomb that lies about its size', async () => {
    const bytes = Buffer.from(await docx(`<w:p>${' '.repeat(40 * 2 ** 20)}</w:p>`));
    const name = Buffer.from('word/document.xml');
    // Its size unpacked stands 24 bytes into its entry of the directory, whose name follows after 46.
    const entry = bytes.lastIndexOf(name) - 46;
    assert.equal(bytes.readUInt32LE(entry), 0x02014b50);
    bytes.writeUInt32LE(1000, entry + 24);
    await rejected(bytes, 'E_CORRUPT', ['too many bytes in the stream. expected 1000']);
  });

  it('is refused: too many files', async () => {
    const bytes = Buffer.from(await docx(wordParagraph('x')));
    // The record at the end of an archive states their number, in two places.
    const end = bytes.lastIndexOf('PK\x05\x06', undefined, 'latin1');
    for (const at of [8, 10]) bytes.writeUInt16LE(10_001, end + at);
    await rejected(bytes, 'E_RANGE', ['the archive holds too many files: expected at most 10000, found 10001']);
  });

  it('does not grow by entities of its own', async () => {
    const laughs = `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><w:document>${wordParagraph('&b; end')}</w:document>`;
    const { text } = await parse(await zip({ 'word/document.xml': laughs }));
    assert.equal(text, '&b; end');
  });
});
