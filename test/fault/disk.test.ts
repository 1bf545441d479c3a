import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Index, QuiverError } from '../../lib/index.js';
import { skip } from '../support/skip.js';
import { inFolder, reported } from './support/child.js';
import { generation, generationOf, ids } from './support/generations.js';
import { DIM } from './support/kinds.js';
import { mountTmpfs, prlimitTrouble, straceTrouble, unmount } from './support/tools.js';

const OLD = 1;

async function old(path: string): Promise<Index> {
  const index = await Index.create({ dim: DIM, type: 'flat' });
  await index.add(generation(OLD), { ids: ids() });
  await index.save(path);
  return index;
}

/** The file holds one whole generation, that one, and nothing lies beside it. */
async function holds(path: string, wanted: number, beside: readonly string[] = []): Promise<void> {
  const index = await Index.open(path, { verify: true });
  assert.equal(await generationOf(index), wanted);
  await index.close();
  const names = readdirSync(join(path, '..')).filter((name) => !beside.includes(name));
  assert.deepEqual(names, ['saved'], 'no unfinished file is left');
}

const isIo =
  (...said: RegExp[]) =>
  (error: unknown): true => {
    assert.ok(error instanceof QuiverError, String(error));
    assert.equal(error.code, 'E_IO');
    for (const pattern of said) assert.match(error.message, pattern);
    return true;
  };

// FAISS's own writer reports success when the last part of a file did not fit on the disk.
describe('A13: a save that the disk does not take is E_IO, and the old file stays', function () {
  this.timeout(120_000);

  it('A13 a disk that is full before, in or at the end of the file', async function () {
    await inFolder(async (folder) => {
      const reason = mountTmpfs(folder, 1_024);
      if (reason !== undefined) skip(this, `needs a small disk: ${reason}`);
      try {
        const path = join(folder, 'saved');
        const index = await old(path);
        await index.upsert(generation(2), { ids: ids() });
        const size = statSync(path).size;
        const filler = join(folder, 'filler');
        for (let free = 0; free < size; free += 4_096) {
          for (const save of [() => index.save(path), () => index.exportFaiss(path)]) {
            writeFileSync(filler, Buffer.alloc(1_024 * 1_024 - Math.ceil(size / 4_096) * 4_096 - free));
            await assert.rejects(save, isIo(/No space left on device/, /Free some space/, /untouched/));
            await holds(path, OLD, ['filler']);
          }
        }
        rmSync(filler);
        await index.save(path);
        await holds(path, 2);
        await index.close();
      } finally {
        unmount(folder);
      }
    });
  });

  it('A13 devices, and links to them, are no place for an index', async () => {
    await inFolder(async (folder) => {
      const index = await old(join(folder, 'saved'));
      symlinkSync('/dev/full', join(folder, 'full'));
      for (const path of ['/dev/full', '/dev/null', join(folder, 'full')]) {
        await assert.rejects(index.save(path), isIo(/not a regular file/));
        await assert.rejects(index.exportFaiss(path), isIo(/not a regular file/));
      }
      await holds(join(folder, 'saved'), OLD, ['full']);
      mkdirSync(join(folder, 'sub'));
      await assert.rejects(index.save(join(folder, 'sub')), isIo(/not a regular file/));
      await index.close();
    });
  });

  for (const way of ['save', 'export']) {
    it(`A13 ${way}: a limit on the size of files`, async function () {
      const reason = prlimitTrouble();
      if (reason !== undefined) skip(this, reason);
      await inFolder(async (folder) => {
        const path = join(folder, 'saved');
        await (await old(path)).close();
        const size = statSync(path).size;
        // A plain FAISS file is shorter than an envelope.
        for (const limit of [1, 4_096, 20_000, way === 'save' ? size - 1 : size >> 1]) {
          const tries = await reported<{ code: string; message: string }[]>('saving', [path, way], {
            prefix: ['prlimit', `--fsize=${String(limit)}`],
          });
          for (const { code, message } of tries) {
            assert.equal(code, 'E_IO', `limit ${String(limit)}: ${message}`);
            assert.match(message, /File too large\. Raise the limit.*untouched/);
          }
          await holds(path, OLD);
        }
      });
    });
  }

  // What one system call says decides: the n-th of its kind fails once, so the second save must succeed.
  const FAULTS: [inject: string, expected: RegExp | undefined, generation: number][] = [
    ['fsync:error=EIO:when=1', /Cannot sync .*Input\/output error.*may be failing/, OLD],
    ['fsync:error=ENOSPC:when=1', /Cannot sync .*No space left.*untouched/, OLD],
    ['fsync:error=EIO:when=2', /Cannot sync the folder .*new file is there and whole/, 2],
    ['fsync:error=EINVAL:when=2', undefined, 2],
    ['fsync:error=EINTR:when=1..3', undefined, 2],
    ['rename:error=EACCES:when=1', /Cannot rename .*Permission denied.*who may write/, OLD],
    ['rename:error=EXDEV:when=1', /Cannot rename .*Invalid cross-device link/, OLD],
    ['rename:error=EIO:when=1', /Cannot rename .*Input\/output error/, OLD],
    ['pwrite64:error=ENOSPC:when=1', /Cannot write .*No space left.*Free some space/, OLD],
    ['pwrite64:error=EDQUOT:when=1', /Cannot write .*quota exceeded.*Free some space/i, OLD],
    ['pwrite64:error=EIO:when=1', /Cannot write .*Input\/output error/, OLD],
    ['pwrite64:error=EINTR:when=1', undefined, 2],
    ['pwrite64:retval=0:when=1', /Cannot write .*No space left/, OLD],
  ];
  for (const [inject, expected, after] of FAULTS) {
    it(`A13 ${inject}`, async function () {
      const reason = straceTrouble();
      if (reason !== undefined) skip(this, `${reason} (Debian: apt-get install strace)`);
      await inFolder(async (folder) => {
        const path = join(folder, 'saved');
        await (await old(path)).close();
        const call = inject.split(':')[0] ?? '';
        const prefix = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${inject}`];
        // The second save of the child would hide what the first one left.
        const [first] = await reported<{ code: string; message: string }[]>('saving', [path, 'save', 'once'], {
          prefix,
        });
        assert.ok(first);
        assert.equal(first.code, expected === undefined ? 'none' : 'E_IO', first.message);
        if (expected !== undefined) assert.match(first.message, expected);
        await holds(path, after);
        const [again] = await reported<{ code: string; message: string }[]>('saving', [path, 'save', 'once']);
        assert.equal(again?.code, 'none');
        await holds(path, after + 1);
      });
    });
  }
});
