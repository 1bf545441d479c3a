import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { openVectors } from '../../src/vectors/open.js';
import { readWhole, refuses, suiteFolder } from './support.js';

describe('vectors: .jsonl', () => {
  const file = suiteFolder();
  const write = (text: string | Uint8Array, name = 'a.jsonl'): string => {
    writeFileSync(file(name), text);
    return file(name);
  };

  it('reads arrays', async () => {
    const { source, numbers } = await readWhole(write('[1, 2.5]\n[3, -4e2]\n'));
    assert.deepEqual([source.format, source.dim, source.count, source.hasIds], ['jsonl', 2, undefined, false]);
    assert.deepEqual(numbers, [1, 2.5, 3, -400]);
  });

  it('reads objects with ids, as vector or embedding', async () => {
    const { source, numbers, ids } = await readWhole(
      write('{"id": 7, "vector": [1, 2]}\n{"embedding": [3, 4], "id": "9007199254740991", "text": "x"}'),
    );
    assert.equal(source.hasIds, true);
    assert.deepEqual(numbers, [1, 2, 3, 4]);
    assert.deepEqual(ids, [7, Number.MAX_SAFE_INTEGER]);
  });

  it('reads ids as bigint', async () => {
    const path = write('{"id": "9223372036854775807", "vector": [1]}\n{"id": 3, "vector": [2]}\n');
    assert.deepEqual((await readWhole(path, { idType: 'bigint' })).ids, [9223372036854775807n, 3n]);
    await refuses(readWhole(path), { code: 'E_ARGUMENT', says: ['line 1', '2^53', '9223372036854775807', 'bigint'] });
  });

  it('skips blank lines and a byte order mark, and takes any line ending', async () => {
    const { numbers } = await readWhole(write('\ufeff\r\n[1]\r\n\r\n  \n[2]\r\n[3]'));
    assert.deepEqual(numbers, [1, 2, 3]);
  });

  it('reads lines longer than a chunk, in batches with a limit', async () => {
    const row = JSON.stringify(Array.from({ length: 20_000 }, (_, i) => i / 7));
    const path = write(`${row}\n`.repeat(5));
    const { rows, source } = await readWhole(path, { batchBytes: 160_000, limit: 3 });
    assert.equal(source.dim, 20_000);
    assert.deepEqual(rows, [2, 1]);
  });

  it('reads gzipped files', async () => {
    assert.deepEqual((await readWhole(write(gzipSync('[1,2]\n[3,4]'), 'a.jsonl.gz'))).numbers, [1, 2, 3, 4]);
  });

  const REFUSED: [name: string, text: string, code: 'E_CORRUPT' | 'E_DIMENSION' | 'E_ARGUMENT', says: string[]][] = [
    ['an empty file', '\n\n', 'E_CORRUPT', ['no vectors']],
    ['a line that is not JSON', '[1]\n[2\n', 'E_CORRUPT', ['line 2', 'not JSON']],
    ['a line without a vector', '[1]\n\n{"id": 3}\n', 'E_CORRUPT', ['line 3', '"vector" or "embedding"', '{"id": 3}']],
    ['a value that is not a number', '[1, 2]\n[3, "4"]\n', 'E_CORRUPT', ['line 2', 'place 1', 'a number', '"4"']],
    ['null', '[1, null]\n', 'E_CORRUPT', ['line 1', 'found null']],
    ['vectors of different sizes', '[1, 2]\n[3]\n', 'E_DIMENSION', ['line 2', '2 numbers as in the first', 'found 1']],
    ['a vector of nothing', '[]\n', 'E_DIMENSION', ['line 1', '1 to 65536']],
    ['one array around all', '[[1, 2], [3, 4]]\n', 'E_CORRUPT', ['line 1', 'place 0', '[1,2]']],
    [
      'an id that is missing',
      '{"id": 1, "vector": [1]}\n[2]\n',
      'E_CORRUPT',
      ['line 2', 'an id as in the first vector', 'found none'],
    ],
    [
      'an id too many',
      '[1]\n{"id": 1, "vector": [1]}\n',
      'E_CORRUPT',
      ['line 2', 'no id as in the first vector', 'the id 1'],
    ],
    ['an id that is text', '{"id": "a7", "vector": [1]}\n', 'E_ARGUMENT', ['line 1', 'an integer', '"a7"']],
    ['an id with a fraction', '{"id": 1.5, "vector": [1]}\n', 'E_ARGUMENT', ['line 1', '1.5']],
    ['an id below zero', '{"id": -1, "vector": [1]}\n', 'E_ARGUMENT', ['line 1', '-1']],
  ];
  for (const [name, text, code, says] of REFUSED) {
    it(`refuses ${name}`, async () => {
      const path = write(text);
      await refuses(readWhole(path), { code, says: [path, ...says] });
    });
  }

  it('refuses text that is not UTF-8, and a line without end', async () => {
    await refuses(openVectors(write(Buffer.from([0x5b, 0xff, 0x5d]))), {
      code: 'E_CORRUPT',
      says: ['line 1', 'UTF-8'],
    });
    const endless = write(Buffer.alloc(17 * 1024 * 1024, '1,'));
    await refuses(openVectors(endless), { code: 'E_CORRUPT', says: ['line 1', 'too long', 'One vector a line'] });
  });
});
