import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { openVectors } from '../../src/vectors/open.js';
import { skip } from '../support/skip.js';
import { bytesOf, npyDict, npyFile, readWhole, refuses, suiteFolder } from './support.js';

const SIX = Float32Array.of(1, 2, 3, 4, 5.5, -6);

describe('vectors: .npy', () => {
  const file = suiteFolder();
  const write = (name: string, content: Uint8Array): string => {
    writeFileSync(file(name), content);
    return file(name);
  };

  it('reads float32 rows with dim and count from the header', async () => {
    const path = write('f4.npy', npyFile(npyDict('<f4', '(2, 3)'), bytesOf(SIX)));
    const { source, numbers } = await readWhole(path);
    assert.deepEqual([source.format, source.dim, source.count, source.hasIds], ['npy', 3, 2, false]);
    assert.deepEqual(numbers, [...SIX]);
  });

  it('reads float64, uint8 and int8 as float32', async () => {
    const f8 = write('f8.npy', npyFile(npyDict('<f8', '(2, 3)'), bytesOf(Float64Array.from(SIX))));
    assert.deepEqual((await readWhole(f8)).numbers, [...SIX]);
    const u1 = write('u1.npy', npyFile(npyDict('|u1', '(2, 2)'), Buffer.from([0, 1, 200, 255])));
    assert.deepEqual((await readWhole(u1)).numbers, [0, 1, 200, 255]);
    const i1 = write('i1.npy', npyFile(npyDict('|i1', '(2, 2)'), Buffer.from([0, 1, 200, 255])));
    assert.deepEqual((await readWhole(i1)).numbers, [0, 1, -56, -1]);
  });

  it('takes one dimension as one vector, and header versions 2 and 3', async () => {
    for (const version of [1, 2, 3]) {
      const path = write(`one${version}.npy`, npyFile(npyDict('<f4', '(6,)'), bytesOf(SIX), version));
      const { source, numbers } = await readWhole(path);
      assert.deepEqual([source.dim, source.count], [6, 1]);
      assert.deepEqual(numbers, [...SIX]);
    }
  });

  it('reads in batches, stops at the limit, and reads again', async () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => i);
    const path = write('many.npy', npyFile(npyDict('<f4', '(500, 2)'), bytesOf(values)));
    const inBatches = await readWhole(path, { batchBytes: 8 * 120 });
    assert.deepEqual(inBatches.rows, [120, 120, 120, 120, 20]);
    assert.deepEqual(inBatches.numbers, [...values]);
    assert.deepEqual((await readWhole(path, { limit: 3 })).numbers, [0, 1, 2, 3, 4, 5]);
    const source = await openVectors(path);
    for (let round = 0; round < 2; round++) {
      for await (const { vectors } of source.read()) assert.equal(vectors.length, 1000);
    }
  });

  it('reads an empty array, an empty file is refused', async () => {
    const none = write('none.npy', npyFile(npyDict('<f4', '(0, 3)'), new Uint8Array()));
    assert.deepEqual((await readWhole(none)).numbers, []);
    await refuses(openVectors(write('zero.npy', new Uint8Array())), {
      code: 'E_CORRUPT',
      says: ['zero.npy, byte 0', 'an empty file'],
    });
  });

  it('reads gzipped files, also under a wrong name', async () => {
    const whole = npyFile(npyDict('<f4', '(2, 3)'), bytesOf(SIX));
    assert.deepEqual((await readWhole(write('f4.npy.gz', gzipSync(whole)))).numbers, [...SIX]);
    assert.deepEqual((await readWhole(write('noname', gzipSync(whole)))).numbers, [...SIX]);
  });

  it('refuses a size that does not fit the header', async () => {
    const whole = npyFile(npyDict('<f4', '(2, 3)'), bytesOf(SIX));
    const size = whole.length;
    await refuses(openVectors(write('short.npy', whole.subarray(0, size - 1))), {
      code: 'E_CORRUPT',
      says: ['short.npy, byte 151', 'cut off'],
      expected: /^152 bytes \(128 of header \+ 2 vectors x 12 bytes/,
      actual: /^151 bytes$/,
    });
    await refuses(openVectors(write('long.npy', Buffer.concat([whole, Buffer.from('x')]))), {
      code: 'E_CORRUPT',
      says: ['long.npy, byte 152', 'more behind the vectors'],
      actual: /^153 bytes$/,
    });
    await refuses(readWhole(write('short.npy.gz', gzipSync(whole.subarray(0, size - 1)))), {
      code: 'E_CORRUPT',
      says: ['byte 151', '2 vectors', '11 bytes of the last one'],
    });
    await refuses(readWhole(write('long.npy.gz', gzipSync(Buffer.concat([whole, Buffer.from('x')])))), {
      code: 'E_CORRUPT',
      says: ['byte 152', 'more in it than'],
    });
  });

  it('refuses a gzip stream that is cut off', async () => {
    const values = Float32Array.from({ length: 20_000 }, (_, i) => Math.sin(i));
    const whole = gzipSync(npyFile(npyDict('<f4', '(10000, 2)'), bytesOf(values)));
    const path = write('half.npy.gz', whole.subarray(0, whole.length / 2));
    await refuses(readWhole(path), { code: 'E_CORRUPT', says: ['half.npy.gz, byte ', 'gzip', 'cut off'] });
  });

  const REFUSED: [
    name: string,
    file: Buffer,
    code: 'E_CORRUPT' | 'E_UNSUPPORTED' | 'E_DIMENSION' | 'E_VERSION',
    says: string[],
  ][] = [
    [
      'big-endian',
      npyFile(npyDict('>f4', '(2, 3)'), bytesOf(SIX)),
      'E_UNSUPPORTED',
      ["'>f4'", 'float32 (<f4)', "astype('<f4')"],
    ],
    [
      'column order',
      npyFile(npyDict('<f4', '(2, 3)', 'True'), bytesOf(SIX)),
      'E_UNSUPPORTED',
      ['by columns', 'ascontiguousarray'],
    ],
    [
      'three dimensions',
      npyFile(npyDict('<f4', '(1, 2, 3)'), bytesOf(SIX)),
      'E_DIMENSION',
      ['(1, 2, 3)', '(n, dim)', 'reshape'],
    ],
    ['no dimension', npyFile(npyDict('<f4', '()'), bytesOf(SIX.subarray(0, 1))), 'E_DIMENSION', ['found ()']],
    ['vectors of nothing', npyFile(npyDict('<f4', '(3, 0)'), new Uint8Array()), 'E_CORRUPT', ['1 to 65536', 'found 0']],
    ['vectors too long', npyFile(npyDict('<f4', '(1, 65537)'), new Uint8Array()), 'E_CORRUPT', ['1 to 65536', '65537']],
    [
      'fields',
      npyFile("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", bytesOf(SIX)),
      'E_UNSUPPORTED',
      ['list of fields'],
    ],
    [
      'a damaged header',
      npyFile("{'descr': '<f4', 'fortran'", bytesOf(SIX)),
      'E_CORRUPT',
      ['byte 10', 'cannot be read'],
    ],
    [
      'a cut header',
      npyFile(npyDict('<f4', '(2, 3)'), bytesOf(SIX)).subarray(0, 40),
      'E_CORRUPT',
      ['byte 10', 'header is cut off'],
    ],
    [
      'another version',
      npyFile(npyDict('<f4', '(2, 3)'), bytesOf(SIX), 9),
      'E_VERSION',
      ['byte 6', '1, 2 or 3', 'found 9'],
    ],
    ['another file', Buffer.from('this is not numpy'), 'E_CORRUPT', ['byte 0', 'NUMPY']],
  ];
  for (const [name, content, code, says] of REFUSED) {
    it(`refuses ${name}`, async () => {
      const path = write('bad.npy', content);
      await refuses(openVectors(path), { code, says: [path, ...says] });
    });
  }

  it('stops when it is aborted', async () => {
    const values = new Float32Array(100_000);
    const path = write('abort.npy', npyFile(npyDict('<f4', '(1000, 100)'), bytesOf(values)));
    const abort = new AbortController();
    const source = await openVectors(path);
    const read = async (): Promise<void> => {
      for await (const batch of source.read({ batchBytes: 4000, signal: abort.signal })) {
        assert.equal(batch.vectors.length, 1000);
        abort.abort(new Error('enough'));
      }
    };
    await refuses(read(), { code: 'E_ABORTED', says: ['aborted'] });
  });

  it('reads what numpy writes', async function () {
    const program = `
import sys, numpy as np
x = np.arange(12).reshape(4, 3)
for name in ['<f4', '<f8', '|u1', '|i1']:
    np.save(sys.argv[1] + '/numpy' + name[1:] + '.npy', x.astype(name))
np.save(sys.argv[1] + '/row.npy', np.asfortranarray(x[:1].astype('<f4')))`;
    const { status, stderr } = spawnSync('python3', ['-c', program, file('.')], { encoding: 'utf8' });
    if (status !== 0)
      skip(this, `python3 with numpy is not here (${stderr.trim().split('\n').at(-1) ?? 'no python3'})`);
    for (const name of ['f4', 'f8', 'u1', 'i1']) {
      const { source, numbers } = await readWhole(file(`numpy${name}.npy`));
      assert.deepEqual([source.dim, source.count], [3, 4]);
      assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    }
    assert.deepEqual((await readWhole(file('row.npy'))).numbers, [0, 1, 2]);
  });
});
