import { strict as assert } from 'node:assert';
import { sniff, typeByName } from '../../src/ingest/detect.js';

describe('the type of a file', () => {
  it('is told by its extension, whatever its case', () => {
    const types = [
      'a.pdf',
      'B.PDF',
      'c.htm',
      'd.xhtml',
      'e.Markdown',
      'f.rst',
      'g.docx',
      'h.tsv',
      'i.ndjson',
      'x/y.z/j.txt',
    ];
    assert.deepEqual(types.map(typeByName), [
      'pdf',
      'pdf',
      'html',
      'html',
      'markdown',
      'text',
      'docx',
      'csv',
      'jsonl',
      'text',
    ]);
  });

  it('is not told by other names', () => {
    for (const name of ['README', 'a.unknown', '.md', 'pdf', '']) assert.equal(typeByName(name), undefined, name);
  });

  const of = (text: string): object => sniff(Buffer.from(text, 'latin1'));

  it('is told by how it begins', () => {
    assert.deepEqual(of('%PDF-1.7\n'), { type: 'pdf' });
    assert.deepEqual(of('\n\nsome bytes before %PDF-1.4'), { type: 'pdf' });
    assert.deepEqual(of('PK\x03\x04...'), { type: 'docx' });
    assert.deepEqual(of('  <!DOCTYPE html><p>'), { type: 'html' });
    assert.deepEqual(of('<?xml version="1.0"?>\n<!-- a comment -->\n<html>'), { type: 'html' });
    assert.deepEqual(of('{"id": 1}\n{"id": 2}\n'), { type: 'jsonl' });
  });

  it('is nothing in particular for text', () => {
    for (const text of [
      '',
      'Some text',
      '{ not json }\n',
      '{\n "pretty": 1\n}\n',
      '<p>a fragment',
      'PKZIP is a program',
    ])
      assert.deepEqual(of(text), {}, text);
  });

  it('is something that cannot be read', () => {
    for (const [head, what] of [
      ['\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', /old Office file.*or a DOCX with a password/],
      ['\x1f\x8b\x08', /gzip/],
      ['\x89PNG\r\n', /a picture/],
      ['\xff\xd8\xff\xe0', /a picture/],
      ['\x7fELF', /a program/],
      ['SQLite format 3\0', /a SQLite database/],
      ['{\\rtf1', /an RTF file/],
    ] as const) {
      assert.match(sniff(Buffer.from(head, 'latin1')).foreign ?? '', what);
    }
  });
});
