import { strict as assert } from 'node:assert';
import { columnNames, createTableText, readCsv, rowRecord } from '../../../src/ingest/parse/csv.js';
import type { CsvRow } from '../../../src/ingest/parse/csv.js';
import { readJsonl } from '../../../src/ingest/parse/jsonl.js';
import { readByteLines } from '../../../src/ingest/parse/lines.js';
import { recognise } from '../../../src/ingest/parse/records.js';
import type { ParsedRecord } from '../../../src/ingest/parse/records.js';
import { encode, isError } from '../support.js';

async function* pieces(bytes: Buffer, size = 1_000_000): AsyncGenerator<Buffer, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function jsonl(text: string | Buffer, { encoding = 'utf-8', max = 1000, size = 1_000_000 } = {}) {
  const records: ParsedRecord[] = [];
  const errors: [line: number, error: Error][] = [];
  for await (const result of readJsonl('a.jsonl', pieces(Buffer.from(text), size), encoding, max)) {
    if ('error' in result) errors.push([result.line, result.error]);
    else records.push(result.record);
  }
  return { records, errors };
}

describe('lines of bytes', () => {
  it('are the same however the bytes come', async () => {
    const bytes = Buffer.from('one\n\nthree is long\nfour');
    for (let size = 1; size <= bytes.length; size++) {
      const lines: unknown[] = [];
      for await (const { number, bytes: line, length } of readByteLines(pieces(bytes, size), 10))
        lines.push([number, line?.toString(), length]);
      assert.deepEqual(lines, [
        [1, 'one', 3],
        [2, '', 0],
        [3, undefined, 13],
        [4, 'four', 4],
      ]);
    }
  });
});

describe('JSONL', () => {
  it('has ids, titles and texts by the names that data sets give them', async () => {
    const { records } = await jsonl(
      [
        '{"id": 7, "title": "A  title", "text": "The text.", "year": 2020, "tags": ["a", {"b": null}]}',
        '{"_id": "x", "Content": "More.", "metadata": {"lang": "en"}}',
        '{"body": ["one", "two"]}',
      ].join('\n'),
    );
    assert.deepEqual(
      records.map(({ hash, ...rest }) => (assert.match(hash, /^[0-9a-f]{64}$/), rest)),
      [
        { id: '7', title: 'A title', text: 'The text.', metadata: { year: 2020, tags: ['a', { b: null }] } },
        { id: 'x', title: undefined, text: 'More.', metadata: { lang: 'en' } },
        { id: undefined, title: undefined, text: 'one\ntwo', metadata: {} },
      ],
    );
  });

  it('has a text of all fields where none is for it, and of the title where it is empty', async () => {
    const { records } = await jsonl(
      '{"id": 1, "question": "Why?", "answer": "Because.", "ok": true}\n{"title": "Only", "text": ""}\n',
    );
    assert.deepEqual(
      records.map(({ text }) => text),
      ['question: Why?\nanswer: Because.\nok: true', 'Only'],
    );
  });

  it('gives a record the hash of its line', async () => {
    const [a, b, c] = (await jsonl('{"text": "a"}\n{"text": "b"}\n{"text": "a"}')).records;
    assert.equal(a.hash, c.hash);
    assert.notEqual(a.hash, b.hash);
  });

  it('tells each bad line, and reads on', async () => {
    const { records, errors } = await jsonl(
      Buffer.concat([
        Buffer.from('{"text": "good"}\n{"text": \n\n[1, 2]\n"text"\nnull\n'),
        Buffer.from([0x7b, 0xff, 0x7d, 0x0a]),
        Buffer.from(`{"text": "${'x'.repeat(2000)}"}\n{"text": "good again"}\r\n`),
      ]),
    );
    assert.deepEqual(
      records.map(({ text }) => text),
      ['good', 'good again'],
    );
    assert.deepEqual(
      errors.map(([line]) => line),
      [2, 4, 5, 6, 7, 8],
    );
    const says = [
      'a.jsonl, line 2: the line is not JSON (',
      'a.jsonl, line 4: the line is not a record: expected a JSON object, found an array',
      'found a string',
      'found a null',
      'a.jsonl, line 7: the line is not valid UTF-8. If the file is in another encoding, name it with the option encoding',
      'a.jsonl, line 8: the line is too long: expected at most 1000 bytes, found 2012. One record a line is read',
    ];
    errors.forEach(([, error], i) => isError(error, i === 5 ? 'E_RANGE' : 'E_CORRUPT', [says[i]]));
  });

  it('may be in another encoding, and begin with a mark', async () => {
    const text = '{"text": "Größe"}\n{"text": "Zürich"}\n';
    const wanted = ['Größe', 'Zürich'];
    const got = async (bytes: Buffer, encoding: string): Promise<string[]> =>
      (await jsonl(bytes, { encoding, size: 3 })).records.map((record) => record.text);
    assert.deepEqual(await got(Buffer.from(`\ufeff${text}`), 'utf-8'), wanted);
    assert.deepEqual(await got(Buffer.from(`\ufeff${text}`, 'utf16le'), 'utf-16le'), wanted);
    assert.deepEqual(await got(encode(text, 'windows-1252'), 'windows-1252'), wanted);
  });

  it('keeps keys like any other, and no value that is nested without end', async () => {
    const deep = `${'['.repeat(200)}1${']'.repeat(200)}`;
    const { records } = await jsonl(`{"text": "a", "__proto__": {"polluted": 1}, "constructor": 2, "deep": ${deep}}`);
    assert.deepEqual(Object.keys(records[0].metadata), ['__proto__', 'constructor', 'deep']);
    assert.equal(({} as { polluted?: number }).polluted, undefined);
    assert.ok(JSON.stringify(records[0].metadata.deep).length < 200);
  });

  it('has no half characters', async () => {
    const { records } = await jsonl('{"id": "\\u0000a", "title": "b\\ud800", "text": "c\\udfffd\\u0000e"}');
    assert.deepEqual([records[0].id, records[0].title, records[0].text], ['a', 'b\ufffd', 'c\ufffdd e']);
  });
});

async function csv(text: string | Buffer, { encoding = 'utf-8', max = 1000, size = 1_000_000 } = {}) {
  const rows: CsvRow[] = [];
  let failure: [number, Error] | undefined;
  for await (const row of readCsv('a.csv', pieces(Buffer.from(text), size), encoding, max)) {
    if ('error' in row) failure = [row.line, row.error];
    else rows.push(row);
  }
  return { rows, failure };
}

describe('CSV', () => {
  const cells = async (text: string): Promise<string[][]> => (await csv(text)).rows.map((row) => row.cells);

  it('is parted by the sign that it uses', async () => {
    for (const sign of [',', ';', '\t', '|']) {
      const text = `a${sign}"b, ; c"${sign}d\n1${sign}"two\n""lines"""${sign}3\n`;
      assert.deepEqual(await cells(text), [
        ['a', 'b, ; c', 'd'],
        ['1', 'two\n"lines"', '3'],
      ]);
    }
    assert.deepEqual(await cells('only\none\n'), [['only'], ['one']]);
  });

  it('is read however the bytes come, with a mark, and with any line end', async () => {
    for (const size of [1, 2, 7]) {
      const { rows } = await csv('\ufeffid,text\r\n1,é\r\n\r\n2,x', { size });
      assert.deepEqual(rows, [
        { line: 1, cells: ['id', 'text'] },
        { line: 2, cells: ['1', 'é'] },
        { line: 4, cells: ['2', 'x'] },
      ]);
    }
  });

  it('is read in other encodings', async () => {
    const { rows } = await csv(encode('größe;maß\n1;2', 'windows-1252'), { encoding: 'windows-1252' });
    assert.deepEqual(rows[0].cells, ['größe', 'maß']);
  });

  it('may have rows that are too short, too long or quoted by halves', async () => {
    assert.deepEqual(await cells('a,b\n1\n1,2,3\nx "y" z,w\n'), [['a', 'b'], ['1'], ['1', '2', '3'], ['x "y" z', 'w']]);
  });

  it('tells where a row does not end', async () => {
    const { rows, failure } = await csv('a,b\n1,2\n"never closed,3\n4,5\n');
    assert.equal(rows.length, 2);
    isError(failure![1], 'E_CORRUPT', [/^a\.csv, line \d: the table is damaged \(.*[Qq]uote/]);
    const long = await csv(`a,b\n1,2\n"${'x\n'.repeat(1000)}`);
    assert.equal(long.rows.length, 2);
    isError(long.failure![1], 'E_RANGE', [
      'the row is too long: expected at most 1000 bytes, found more. Look for a quotation mark',
    ]);
  });

  it('may be empty', async () => {
    assert.deepEqual(await csv(''), { rows: [], failure: undefined });
  });

  it('has records by the names of its columns, with numbers where they are written as such', async () => {
    const names = columnNames(['ID', 'Text', 'year', '', 'year', 'zip']);
    assert.deepEqual(names, ['ID', 'Text', 'year', 'column_4', 'year_2', 'zip']);
    const result = rowRecord(
      { line: 3, cells: ['7', 'The text.', '2020', '', '-1.5', '007', 'more'] },
      names,
      recognise(names),
    );
    assert.ok('record' in result);
    const { hash, ...record } = result.record;
    assert.match(hash, /^[0-9a-f]{64}$/);
    assert.deepEqual(record, {
      id: '7',
      title: undefined,
      text: 'The text.',
      metadata: { year: 2020, year_2: -1.5, zip: '007', column_7: 'more' },
    });
  });

  it('has a text as a whole: each cell with the name of its column', () => {
    const text = (first: string[], ...rest: string[][]): string => {
      const table = createTableText(first);
      for (const cells of rest) table.add(cells);
      return table.text();
    };
    assert.equal(
      text(['name', 'price'], ['Tea', '3'], ['Milk\nfresh', ''], ['Salt', '1', 'x']),
      'name: Tea; price: 3\nname: Milk fresh\nname: Salt; price: 1; column_3: x',
    );
    assert.equal(text(['1', '2'], ['3', '4']), '1 | 2\n3 | 4');
    assert.equal(text(['name', 'price']), 'name | price');
  });
});
