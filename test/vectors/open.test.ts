import { strict as assert } from 'node:assert';
import { mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { formatOfName, openVectors } from '../../src/vectors/open.js';
import { npyDict, npyFile, refuses, suiteFolder } from './support.js';

describe('vectors: opening', () => {
  const file = suiteFolder();

  it('knows formats by name', () => {
    const names: [string, string | undefined][] = [
      ['/x/a.npy', 'npy'],
      ['A.NPY', 'npy'],
      ['a.fvecs.gz', 'fvecs'],
      ['a.ndjson', 'jsonl'],
      ['t10k-images-idx3-ubyte.gz', 'idx'],
      ['train-images.idx3-ubyte', 'idx'],
      ['a.csv', undefined],
      ['npy', undefined],
    ];
    for (const [name, format] of names) assert.equal(formatOfName(name), format, name);
  });

  it('knows .npy by its first bytes, whatever its name', async () => {
    writeFileSync(file('odd.fvecs'), npyFile(npyDict('<f4', '(1, 1)'), new Uint8Array(4)));
    assert.equal((await openVectors(file('odd.fvecs'))).format, 'npy');
  });

  it('refuses what is no file of vectors', async () => {
    writeFileSync(file('a.csv'), '1,2\n');
    await refuses(openVectors(file('a.csv')), { code: 'E_UNSUPPORTED', says: ['a.csv', '.npy, .fvecs', 'gzipped'] });
    await refuses(openVectors(file('absent.npy')), { code: 'E_NOT_FOUND', says: ['absent.npy', 'no such file'] });
    mkdirSync(file('folder.npy'));
    await refuses(openVectors(file('folder.npy')), { code: 'E_IO', says: ['folder.npy', 'a folder'] });
    await refuses(openVectors('/dev/null'), { code: 'E_IO', says: ['a pipe or device'] });
  });

  it('leaves no file open, read to the end or not', async () => {
    const path = file('handles.npy');
    writeFileSync(path, npyFile(npyDict('<f4', '(1000, 1)'), new Uint8Array(4000)));
    const open = (): number => readdirSync('/proc/self/fd').filter((fd) => linkOf(fd) === path).length;
    for (let i = 0; i < 20; i++) {
      const source = await openVectors(path);
      for await (const { vectors } of source.read({ batchBytes: 400 })) if (i % 2 === 0 && vectors.length > 0) break;
    }
    assert.equal(open(), 0);
  });
});

/** Where a file descriptor of this process points; some are gone by the time they are asked. */
function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}
