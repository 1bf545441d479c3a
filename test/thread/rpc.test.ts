import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { QuiverError } from '../../lib/errors.js';
import { startThread } from '../../src/thread/rpc.js';
import { fails, inFolder } from '../store/support.js';

interface Calls {
  echo(input: unknown): unknown;
  fail(input: undefined): never;
  throwForeign(input: undefined): never;
  wait(ms: number): void;
  crash(input: undefined): void;
  exit(code: number): void;
}

/** A thread of ours with functions that misbehave. */
async function withThread<T>(use: (thread: ReturnType<typeof startThread<Calls>>) => Promise<T>): Promise<T> {
  return inFolder(async (folder) => {
    const file = join(folder, 'thread.mjs');
    const here = new URL('../../', import.meta.url);
    writeFileSync(
      file,
      `import { serve } from ${JSON.stringify(new URL('src/thread/rpc.js', here).href)};
       import { QuiverError } from ${JSON.stringify(new URL('lib/errors.js', here).href)};
       serve(() => ({
         echo: (input) => input,
         fail() { throw new QuiverError('E_RANGE', 'too far', { expected: 'near', actual: 'far' }); },
         throwForeign() { throw new TypeError('odd'); },
         wait(ms) { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms); },
         crash() { queueMicrotask(() => { throw new Error('out of order'); }); },
         exit(code) { process.exit(code); },
       }), (error) => (error instanceof QuiverError ? error : new QuiverError('E_INTERNAL', 'here: ' + error.message)));`,
    );
    const thread = startThread<Calls>({
      name: 'test',
      file: pathToFileURL(file),
      data: undefined,
      closed: () => new QuiverError('E_CLOSED', 'The test is over.', { expected: 'open', actual: 'closed' }),
      advice: 'Start another one.',
    });
    try {
      return await use(thread);
    } finally {
      await thread.close();
    }
  });
}

describe('a thread that is called', () => {
  it('answers, in whatever order it is asked', async () => {
    await withThread(async (thread) => {
      const inputs = [1, 'two', { three: new Map([[3, [null]]]) }, Float32Array.of(4)];
      assert.deepEqual(await Promise.all(inputs.map((input) => thread.call('echo', input))), inputs);
      assert.equal(thread.load, 0);
    });
  });

  it('hands errors over whole, with the stack of the caller', async () => {
    await withThread(async (thread) => {
      const error = await fails(thread.call('fail', undefined), {
        code: 'E_RANGE',
        message: 'too far',
        expected: 'near',
        actual: 'far',
      });
      assert.match(error.stack ?? '', /rpc\.test/);
      await fails(thread.call('throwForeign', undefined), {
        code: 'E_INTERNAL',
        message: 'here: odd',
      });
    });
  });

  it('that dies is a typed error, for what waits and what comes', async () => {
    const ended = (why: string) =>
      ({
        code: 'E_INTERNAL',
        message: `The thread "test" ended by itself (${why}). Start another one.`,
        expected: 'a running thread',
        actual: why,
      }) as const;
    await withThread(async (thread) => {
      const [, waiting] = [thread.call('crash', undefined), thread.call('wait', 10_000)];
      await fails(waiting, ended('out of order'));
      await fails(thread.call('echo', 1), ended('out of order'));
    });
    await withThread(async (thread) => {
      await fails(thread.call('exit', 3), ended('exit code 3'));
      await fails(thread.call('echo', 1), ended('exit code 3'));
    });
  });

  it('lets calls be aborted, and goes on', async () => {
    await withThread(async (thread) => {
      const control = new AbortController();
      const waiting = thread.call('wait', 50, { signal: control.signal });
      control.abort();
      const aborted = {
        code: 'E_ABORTED',
        message: 'The call was aborted.',
        expected: 'a signal that is not aborted',
        actual: 'an aborted one',
      } as const;
      await fails(waiting, aborted);
      await fails(thread.call('echo', 1, { signal: control.signal }), aborted);
      assert.equal(await thread.call('echo', 'still here'), 'still here');
    });
  });

  it('ends when it is closed, after what it was asked', async () => {
    await withThread(async (thread) => {
      const waiting = thread.call('wait', 30);
      const echo = thread.call('echo', 'last');
      await thread.close();
      await waiting;
      assert.equal(await echo, 'last');
      await fails(thread.call('echo', 1), {
        code: 'E_CLOSED',
        message: 'The test is over.',
        expected: 'open',
        actual: 'closed',
      });
    });
  });
});
