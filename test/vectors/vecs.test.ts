import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { openVectors } from '../../src/vectors/open.js';
import { readWhole, refuses, suiteFolder, vecsRow } from './support.js';

describe('vectors: .fvecs, .bvecs and .ivecs', () => {
  const file = suiteFolder();
  const write = (name: string, ...parts: Uint8Array[]): string => {
    writeFileSync(file(name), Buffer.concat(parts));
    return file(name);
  };

  it('reads floats', async () => {
    const path = write('a.fvecs', vecsRow(Float32Array.of(1.5, -2)), vecsRow(Float32Array.of(3, 4)));
    const { source, numbers } = await readWhole(path);
    assert.deepEqual([source.format, source.dim, source.count], ['fvecs', 2, 2]);
    assert.deepEqual(numbers, [1.5, -2, 3, 4]);
  });

  it('reads integers and bytes', async () => {
    const ints = write('a.ivecs', vecsRow(Int32Array.of(7, -8)), vecsRow(Int32Array.of(9, 2 ** 24)));
    assert.deepEqual((await readWhole(ints)).numbers, [7, -8, 9, 2 ** 24]);
    const bytes = write('a.bvecs', Buffer.from([3, 0, 0, 0, 1, 2, 255, 3, 0, 0, 0, 4, 5, 6]));
    const { source, numbers } = await readWhole(bytes);
    assert.deepEqual([source.dim, source.count], [3, 2]);
    assert.deepEqual(numbers, [1, 2, 255, 4, 5, 6]);
  });

  it('reads in batches with a limit', async () => {
    const rows = Array.from({ length: 10 }, (_, i) => vecsRow(Float32Array.of(i, -i)));
    const path = write('many.fvecs', ...rows);
    const { rows: sizes, numbers } = await readWhole(path, { batchBytes: 24, limit: 7 });
    assert.deepEqual(sizes, [3, 3, 1]);
    assert.deepEqual(numbers.slice(-2), [6, -6]);
  });

  it('reads gzipped files, whose count is not known', async () => {
    const whole = Buffer.concat([vecsRow(Float32Array.of(1, 2)), vecsRow(Float32Array.of(3, 4))]);
    const { source, numbers } = await readWhole(write('a.fvecs.gz', gzipSync(whole)));
    assert.equal(source.count, undefined);
    assert.deepEqual(numbers, [1, 2, 3, 4]);
    await refuses(readWhole(write('cut.fvecs.gz', gzipSync(whole.subarray(0, 20)))), {
      code: 'E_CORRUPT',
      says: ['cut.fvecs.gz, byte 20', 'whole vectors of 12 bytes', '8 bytes of the last one'],
    });
  });

  it('refuses a size that is no multiple of the vectors', async () => {
    const path = write('cut.fvecs', vecsRow(Float32Array.of(1, 2)), Buffer.from([2, 0, 0]));
    await refuses(openVectors(path), {
      code: 'E_CORRUPT',
      says: [`${path}, byte 12`, 'cut off'],
      expected: /^a multiple of 12 bytes$/,
      actual: /^15 bytes$/,
    });
  });

  it('refuses vectors of different sizes, at their place', async () => {
    const path = write('mixed.fvecs', vecsRow(Float32Array.of(1, 2)), vecsRow(Float32Array.of(3, 4), 7));
    await refuses(readWhole(path), { code: 'E_CORRUPT', says: [`${path}, byte 12`, '2 as in the first', 'found 7'] });
  });

  it('refuses sizes out of range, and a file without even one', async () => {
    for (const dim of [0, -1, 65_537]) {
      const path = write('dim.fvecs', Buffer.from(Int32Array.of(dim).buffer));
      await refuses(openVectors(path), { code: 'E_CORRUPT', says: ['byte 0', '1 to 65536', `found ${dim}`] });
    }
    await refuses(openVectors(write('empty.fvecs')), { code: 'E_CORRUPT', says: ['an empty file'] });
    await refuses(openVectors(write('tiny.ivecs', Buffer.from([1, 0]))), {
      code: 'E_CORRUPT',
      says: ['found 2 bytes'],
    });
  });
});
