import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { openVectors } from '../../src/vectors/open.js';
import { idxFile, readWhole, refuses, suiteFolder } from './support.js';

const IMAGES = idxFile([2, 2, 3], Buffer.from([0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255]));
const PIXELS = [0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255];

describe('vectors: idx', () => {
  const file = suiteFolder();
  const write = (name: string, content: Uint8Array): string => {
    writeFileSync(file(name), content);
    return file(name);
  };

  it('reads images as rows of pixels, gzipped or not', async () => {
    for (const path of [write('t-images-idx3-ubyte', IMAGES), write('t-images-idx3-ubyte.gz', gzipSync(IMAGES))]) {
      const { source, numbers } = await readWhole(path);
      assert.deepEqual([source.format, source.dim, source.count], ['idx', 6, 2]);
      assert.deepEqual(numbers, PIXELS);
    }
  });

  it('knows the format by its first bytes', async () => {
    assert.deepEqual((await readWhole(write('pictures', IMAGES))).numbers, PIXELS);
  });

  it('refuses a size that does not fit the header', async () => {
    await refuses(openVectors(write('short.idx', IMAGES.subarray(0, 20))), {
      code: 'E_CORRUPT',
      says: ['short.idx, byte 20'],
      expected: /^28 bytes \(16 of header \+ 2 vectors x 6 bytes/,
      actual: /^20 bytes$/,
    });
    await refuses(readWhole(write('short.idx.gz', gzipSync(IMAGES.subarray(0, 22)))), {
      code: 'E_CORRUPT',
      says: ['byte 22', '2 vectors', 'found 1 vectors'],
    });
  });

  it('refuses labels, other numbers, and other files', async () => {
    await refuses(openVectors(write('labels', idxFile([3], Buffer.from([1, 2, 3])))), {
      code: 'E_DIMENSION',
      says: ['byte 3', 'single numbers', 'idx1'],
    });
    await refuses(openVectors(write('floats', idxFile([1, 1], new Uint8Array(4), 0x0d))), {
      code: 'E_UNSUPPORTED',
      says: ['byte 2', 'unsigned byte (08)', 'found float'],
    });
    await refuses(openVectors(write('text.idx', Buffer.from('hello'))), {
      code: 'E_CORRUPT',
      says: ['byte 0', 'found 68 65 6c 6c'],
    });
    await refuses(openVectors(write('cut.idx', IMAGES.subarray(0, 9))), {
      code: 'E_CORRUPT',
      says: ['byte 4', '3 sides'],
    });
    await refuses(openVectors(write('nothing.idx', new Uint8Array())), { code: 'E_CORRUPT', says: ['an empty file'] });
  });
});
