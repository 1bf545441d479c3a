import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ingest } from '../../src/ingest/ingest.js';
import { testFolder } from './support.js';

const READER = fileURLToPath(new URL('./fixtures/reader.js', import.meta.url));

/** The processes that this one has started, and that are still there. */
function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent);
}

function parentOf(pid: number): number | undefined {
  try {
    // After the name, which may hold anything: the state and the parent. A zombie has ended.
    const [, state, parent] = /\) (\w) (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return state === 'Z' ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}

async function until(what: string, is: () => boolean): Promise<void> {
  for (let tries = 0; !is(); tries++) {
    if (tries > 300) assert.fail(`expected ${what} within 30 s`);
    await sleep(100);
  }
}

describe('the process of the readers', () => {
  const folder = testFolder();
  const slow = (): string => folder.write('slow.html', `${'<b>'.repeat(400_000)}${'</x>'.repeat(400_000)}`);
  const start = (...args: string[]): ChildProcess => spawn(process.execPath, [READER, ...args], { stdio: 'ignore' });

  it('ends when the one that started it is killed, even while it reads', async () => {
    const program = start('--all', slow());
    await until('a process of readers', () => childrenOf(program.pid!).length === 1);
    const [readers] = childrenOf(program.pid!);
    await sleep(1000);
    program.kill('SIGKILL');
    await once(program, 'close');
    await until('no process of readers', () => parentOf(readers) === undefined);
  });

  it('does not keep a program alive that wants no more events', async () => {
    for (let i = 0; i < 20; i++) folder.write(`${i}.txt`, 'Text.');
    const program = start('--drop', folder.path());
    const [code] = (await once(program, 'close')) as [number | null];
    assert.equal(code, 0);
  });

  it('is gone when the loop over the events is left, or throws', async () => {
    const before = childrenOf(process.pid);
    const path = slow();
    for (let i = 0; i < 5; i++) folder.write(`${i}.txt`, 'Text.');
    for await (const event of ingest([folder.path('0.txt'), path], { concurrency: 2 }))
      if (event.kind === 'document') break;
    assert.deepEqual(childrenOf(process.pid), before);
    const failing = (async () => {
      for await (const event of ingest([folder.path('0.txt'), path], { concurrency: 2 }))
        if (event.kind === 'document') throw new Error('of the consumer');
    })();
    await assert.rejects(failing, /of the consumer/);
    assert.deepEqual(childrenOf(process.pid), before);
  });

  it('is not stopped by the Ctrl-C that its program handles', async () => {
    const program = start('--all', slow());
    await until('a process of readers', () => childrenOf(program.pid!).length === 1);
    const [readers] = childrenOf(program.pid!);
    await sleep(1000);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(readers, signal);
    await sleep(300);
    assert.equal(parentOf(readers), program.pid);
    program.kill('SIGKILL');
    await once(program, 'close');
  });
});
