import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childEnv, ended, MAIN, quiver, someVectors, start, suiteFolder, writeFvecs } from './support.js';

const DIM = 64;

/** Waits until the child has loaded the addon: earlier, Node itself is starting, and the signal would just end it. */
async function listening(child: ChildProcess): Promise<void> {
  while (!readFileSync(`/proc/${child.pid ?? 'self'}/maps`, 'utf8').includes('quiver.node')) await sleep(5);
}

describe('quiver: interruptions', () => {
  const file = suiteFolder();
  const leftovers = (): string[] =>
    readdirSync(dirname(file('x'))).filter((name) => !name.endsWith('.fvecs') && name !== 'kept.quiver');

  before(() => {
    const base = someVectors(40_000, DIM);
    writeFvecs(file('base.fvecs'), base, DIM);
    writeFvecs(file('queries.fvecs'), base.subarray(0, 2000 * DIM), DIM);
  });

  /** A build that would take many seconds. */
  const longBuild = (...more: string[]): ChildProcess =>
    start([
      'index',
      'build',
      file('base.fvecs'),
      '-o',
      file('long.quiver'),
      '--type',
      'hnsw',
      '--ef-construction',
      '2000',
      ...more,
    ]);

  for (const delay of [0, 150, 500, 1500]) {
    it(`Ctrl-C ${delay} ms into a build leaves no file`, async () => {
      const child = longBuild();
      const end = ended(child);
      await listening(child);
      await sleep(delay);
      child.kill('SIGINT');
      const { code, stdout, stderr } = await end;
      assert.equal(code, 130, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, /SIGINT, stopping/);
      assert.match(stderr, /quiver: .*abort/);
      assert.deepEqual(leftovers(), []);
    });
  }

  it('SIGTERM with --json says it in JSON and keeps an older file', async () => {
    writeFileSync(file('kept.quiver'), 'old');
    const child = start([
      'index',
      'build',
      file('base.fvecs'),
      '-o',
      file('kept.quiver'),
      '--type',
      'hnsw',
      '--ef-construction',
      '2000',
      '--json',
    ]);
    const end = ended(child);
    await listening(child);
    await sleep(400);
    child.kill('SIGTERM');
    const { code, stdout, stderr } = await end;
    assert.deepEqual([code, stderr], [130, '']);
    assert.equal((JSON.parse(stdout) as { error: { code: string } }).error.code, 'E_ABORTED');
    assert.equal(readFileSync(file('kept.quiver'), 'utf8'), 'old');
    assert.deepEqual(leftovers(), []);
  });

  it('stops a search, too', async () => {
    const built = await quiver('index', 'build', file('base.fvecs'), '-o', file('kept.quiver'), '--type', 'flat');
    assert.equal(built.code, 0, built.stderr);
    const child = start([
      'index',
      'search',
      file('kept.quiver'),
      '-q',
      file('base.fvecs'),
      '-k',
      '2000',
      '-o',
      file('found.npy'),
    ]);
    const end = ended(child);
    await listening(child);
    await sleep(400);
    child.kill('SIGINT');
    const { code } = await end;
    assert.equal(code, 130);
    assert.equal(existsSync(file('found.npy')), false);
    assert.deepEqual(leftovers(), []);
  });

  it('ends without a word when its reader goes away', async () => {
    const built = await quiver('index', 'build', file('queries.fvecs'), '-o', file('kept.quiver'), '--type', 'flat');
    assert.equal(built.code, 0, built.stderr);
    const command = `"$0" "$1" index search "$2" -q "$3" -k 50 --json | head -c 10; echo " \${PIPESTATUS[0]}"`;
    const args = ['-c', command, process.execPath, MAIN, file('kept.quiver'), file('queries.fvecs')];
    const { stdout, stderr } = await ended(spawn('bash', args, { env: childEnv(), stdio: ['ignore', 'pipe', 'pipe'] }));
    assert.equal(stderr, '');
    assert.match(stdout, /^\{\s+"index" 0$|^\{\s+"ind.* 0\n$/);
  });
});
