import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { skip } from '../support/skip.js';
import { inFolder, reportOf, run, type Ended } from './support/child.js';
import { Random, seed, trials } from './support/random.js';
import { assertSound, open, versioned, versionsOf } from './support/store.js';
import { mountTmpfs, prlimitTrouble, straceTrouble, unmount } from './support/tools.js';

interface Filled {
  opened?: string;
  stored: number;
  errors: string[];
  messages: string[];
  during: number;
  after: number;
  kept: number;
  same: boolean;
}

/** Runs the child that fills a store; `free` makes room when it says that the disk is full. */
async function fill(folder: string, room: string, prefix: string[], free: (pid: number) => void): Promise<Ended> {
  return run('store-full', [folder, room], {
    prefix,
    env: { QUIVER_THREADS: '1' },
    started: (child) => {
      child.stderr?.on('data', (text: string) => {
        if (text.includes('full\n')) free(child.pid ?? 0);
      });
    },
  });
}

function assertNothingLost(found: Filled): void {
  assert.deepEqual(found.errors, ['E_IO', 'E_IO', 'E_IO'], found.messages.join('\n'));
  for (const message of found.messages) assert.match(message, /(full|The disk failed).*Nothing was changed\./);
  assert.ok(found.stored > 0, 'nothing was stored before the disk was full');
  assert.equal(found.during, found.stored, 'while it was full');
  assert.equal(found.after, found.stored + 1, 'when there was room again');
  assert.equal(found.kept, found.stored + 1, 'after a reopening');
  assert.ok(found.same, 'search gives the same before and after');
}

// RELIABILITY 17: E_IO, nothing lost, and on it goes when there is room.
describe('17: a disk that is full under a store', function () {
  this.timeout(180_000);

  it('17 a limit on the size of files', async function () {
    const reason = prlimitTrouble();
    if (reason !== undefined) skip(this, reason);
    for (const kib of [700, 1_500]) {
      await inFolder(async (folder) => {
        const room = join(folder, 'room');
        const ended = await fill(
          join(folder, 'store'),
          room,
          ['prlimit', `--fsize=${String(kib * 1_024)}:unlimited`],
          (pid) => {
            spawnSync('prlimit', [`--pid=${String(pid)}`, '--fsize=unlimited']);
            writeFileSync(room, '');
          },
        );
        assertNothingLost(reportOf<Filled>(ended));
      });
    }
  });

  it('17 a small disk', async function () {
    await inFolder(async (outside) => {
      const folder = join(outside, 'disk');
      mkdirSync(folder);
      const reason = mountTmpfs(folder, 3_000);
      if (reason !== undefined) skip(this, `needs a small disk: ${reason}`);
      try {
        const room = join(outside, 'room');
        const filler = join(folder, 'filler');
        writeFileSync(filler, Buffer.alloc(1_000_000));
        const ended = await fill(join(folder, 'store'), room, [], () => {
          rmSync(filler);
          writeFileSync(room, '');
        });
        assertNothingLost(reportOf<Filled>(ended));
      } finally {
        unmount(folder);
      }
    });
  });

  it('17 a disk that is full from the start', async function () {
    const reason = prlimitTrouble();
    if (reason !== undefined) skip(this, reason);
    await inFolder(async (folder) => {
      const ended = await fill(join(folder, 'store'), '', ['prlimit', '--fsize=20000'], () => undefined);
      assert.equal(reportOf<Filled>(ended).opened, 'E_IO');
      const store = await open(join(folder, 'store'));
      await store.put([versioned(1, 1)]);
      await store.close();
    });
  });
});

/** As strace takes it. The n-th call may never come: the first trial, in which every write fails, shows that calls do. */
function randomFailure(random: Random): string {
  const call = random.pick(['pwrite64', 'fsync', 'fdatasync', 'ftruncate', 'rename']);
  const error = random.pick(['EIO', 'ENOSPC', 'EINTR']);
  const first = 1 + random.below(60);
  // A call that is interrupted is made again, so it must not be interrupted for ever.
  const again = random.below(2) === 0 ? '' : error === 'EINTR' ? `..${String(first + 3)}` : '+';
  return `${call}:error=${error}:when=${String(first)}${again}`;
}

// RELIABILITY 16: the n-th call of a kind fails, once or from then on.
describe('16: system calls that fail under a store', function () {
  this.timeout(600_000);

  it('16 no write is acknowledged that is not there afterwards', async function () {
    const reason = straceTrouble();
    if (reason !== undefined) skip(this, `${reason} (Debian: apt-get install strace)`);
    const random = new Random(seed);
    let failed = 0;
    for (let i = 0; i < trials(14); i++) {
      const inject = i === 0 ? 'pwrite64:error=EIO:when=1+' : randomFailure(random);
      const [call] = inject.split(':');
      const what = `${inject} (QUIVER_SEED=${String(seed)})`;
      await inFolder(async (folder) => {
        const seeded = await open(folder);
        await seeded.put([versioned(0, 1)]);
        await seeded.close();
        const ended = await run('store-steps', [folder], {
          env: { QUIVER_THREADS: '1' },
          prefix: ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call ?? ''}`, '-e', `inject=${inject}`],
        });
        const { stored, codes } = reportOf<{ stored: number[]; codes: string[] }>(ended);
        for (const code of codes)
          assert.match(code, /^E_(IO|CORRUPT|LOCKED|INTERNAL)$/, `${what}: ${codes.join(', ')}`);
        failed += codes.length;
        const store = await open(folder);
        const found = await versionsOf(store);
        for (const one of [0, ...stored]) assert.ok(found.has(one), `${what}: d${String(one)} is lost`);
        await assertSound(store);
        await store.close();
      });
    }
    assert.ok(failed > 0, 'no call failed at all');
  });
});
