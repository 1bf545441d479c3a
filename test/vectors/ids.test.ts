import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { readIds } from '../../src/vectors/ids.js';
import { bytesOf, npyDict, npyFile, refuses, suiteFolder } from './support.js';

describe('vectors: lists of ids', () => {
  const file = suiteFolder();
  const write = (name: string, content: string | Uint8Array): string => {
    writeFileSync(file(name), content);
    return file(name);
  };

  it('reads text with one id a line', async () => {
    const path = write('ids.txt', '7\n\n8\n9007199254740991\n');
    assert.deepEqual(await readIds(path, 'number'), Float64Array.of(7, 8, Number.MAX_SAFE_INTEGER));
    assert.deepEqual(await readIds(path, 'bigint'), BigInt64Array.of(7n, 8n, 9007199254740991n));
  });

  it('reads .npy of each integer type', async () => {
    const files: [string, Buffer][] = [
      ['<i8', bytesOf(BigInt64Array.of(1n, 2n))],
      ['<u8', bytesOf(BigUint64Array.of(1n, 2n))],
      ['<i4', bytesOf(Int32Array.of(1, 2))],
      ['<u4', bytesOf(Int32Array.of(1, 2))],
    ];
    for (const [descr, data] of files) {
      const path = write('ids.npy', npyFile(npyDict(descr, '(2,)'), data));
      assert.deepEqual(await readIds(path, 'number'), Float64Array.of(1, 2));
      assert.deepEqual(await readIds(path, 'bigint'), BigInt64Array.of(1n, 2n));
    }
  });

  it('refuses ids that do not fit, at their place', async () => {
    await refuses(readIds(write('ids.txt', '1\n9007199254740992\n'), 'number'), {
      code: 'E_ARGUMENT',
      says: ['ids.txt, line 2', '2^53', '9007199254740992', 'bigint'],
    });
    await refuses(readIds(write('ids.txt', '1\nx\n'), 'bigint'), {
      code: 'E_ARGUMENT',
      says: ['line 2', '2^63', '"x"'],
    });
    const negative = npyFile(npyDict('<i8', '(2,)'), bytesOf(BigInt64Array.of(1n, -5n)));
    await refuses(readIds(write('ids.npy', negative), 'number'), { code: 'E_ARGUMENT', says: ['place 1', '-5'] });
  });

  it('refuses arrays of something else, and cut ones', async () => {
    const floats = npyFile(npyDict('<f4', '(2,)'), new Uint8Array(8));
    await refuses(readIds(write('f.npy', floats), 'number'), {
      code: 'E_UNSUPPORTED',
      says: ['int64', "'<f4'", 'astype'],
    });
    const table = npyFile(npyDict('<i8', '(1, 2)'), new Uint8Array(16));
    await refuses(readIds(write('t.npy', table), 'number'), {
      code: 'E_UNSUPPORTED',
      says: ['one dimension', '(1, 2)'],
    });
    const cut = npyFile(npyDict('<i8', '(999999999999,)'), new Uint8Array(20));
    await refuses(readIds(write('c.npy', cut), 'number'), { code: 'E_CORRUPT', says: ['999999999999 ids', 'found 2'] });
    await refuses(readIds(file('absent.txt'), 'number'), { code: 'E_NOT_FOUND', says: ['absent.txt', 'no such file'] });
  });
});
