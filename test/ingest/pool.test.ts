import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { checkIngestOptions } from '../../src/ingest/options.js';
import { fromPlainError } from '../../src/ingest/messages.js';
import type { Batch, Outcome } from '../../src/ingest/messages.js';
import { createPool } from '../../src/ingest/pool.js';
import type { Pool } from '../../src/ingest/pool.js';
import type { ErrorCode } from '../../lib/index.js';
import { isError } from './support.js';

const WORKER = fileURLToPath(new URL('./fixtures/faulty-worker.js', import.meta.url));
const MEMORY = 64 * 2 ** 20;

describe('a pool of workers', () => {
  let pool: Pool;
  let takes: string[] = [];
  const start = (options: { threads?: number; maxSeconds?: number } = {}): void => {
    const { read } = checkIngestOptions({ maxMemory: MEMORY });
    pool = createPool({ worker: WORKER, threads: 2, maxSeconds: 30, read, ...options });
    takes = [];
  };
  const take = async ({ documents }: Batch): Promise<void> => {
    takes.push(...documents.map(({ id }) => id));
  };
  const run = (name: string): Promise<Outcome> => pool.run({ id: name, path: name, known: undefined }, take);
  afterEach(() => pool.close());

  function failed(outcome: Outcome, code: ErrorCode, says: (string | RegExp)[]): void {
    assert.equal(outcome.kind, 'failed');
    if (outcome.kind === 'failed') isError(fromPlainError(outcome.error), code, says);
  }
  const allDone = (outcomes: Outcome[]): void => {
    for (const { kind } of outcomes) assert.equal(kind, 'done');
  };
  const names = (count: number, of = 'fine'): string[] => Array.from({ length: count }, (_, i) => `${of}.${i}`);

  it('reads many files with few threads', async () => {
    start();
    allDone(await Promise.all(names(50).map(run)));
  });

  it('ends a thread that hangs, and others take over', async () => {
    start({ maxSeconds: 2 });
    const [hung, ...rest] = await Promise.all([run('hang'), ...names(10).map(run)]);
    failed(hung, 'E_TIMEOUT', [
      'hang: the file took too long to read, so its reader was ended: expected at most 2 s',
      'Raise maxSeconds',
    ]);
    allDone(rest);
    const hangs = await Promise.all([run('hang'), run('hang')]);
    for (const outcome of hangs) failed(outcome, 'E_TIMEOUT', []);
    allDone([await run('fine')]);
  });

  for (const [name, code, says] of [
    ['exit', 'E_INTERNAL', ['exit: the thread that read it ended (worker exited with code: 3)', 'report it as a bug']],
    ['throw', 'E_INTERNAL', ['throw: the thread that read it ended (thrown outside of all calls)']],
    ['heap', 'E_OUT_OF_MEMORY', [/^heap: the file needs too much memory.*at most 64 MiB/]],
  ] as const) {
    it(`loses one file to a thread that dies: ${name}`, async () => {
      start();
      const [dead, ...rest] = await Promise.all([run(name), ...names(6).map(run)]);
      failed(dead, code, [...says]);
      allDone(rest);
      allDone([await run('fine')]);
    });
  }

  for (const [name, code, says] of [
    ['crash', 'E_INTERNAL', ['crash: the process that read it ended (signal SIGSEGV)', 'report it as a bug']],
    ['heapAtOnce', 'E_OUT_OF_MEMORY', [/^heapAtOnce: the file needs too much memory: its reader was ended.*SIGABRT/]],
  ] as const) {
    it(`loses one file when a thread takes the whole process along: ${name}`, async () => {
      start();
      const [dead, ...rest] = await Promise.all([run(name), ...names(3, 'wait').map(run), ...names(6).map(run)]);
      failed(dead, code, [...says]);
      allDone(rest);
      allDone([await run('fine')]);
    });
  }

  it('finds out each of several files that end the process', async () => {
    start();
    const outcomes = await Promise.all([run('crash.1'), run('wait'), run('crash.2'), run('fine')]);
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['failed', 'done', 'failed', 'done'],
    );
  });

  it('takes no batch twice from a file that is read again', async () => {
    start();
    const outcome = await run('batchesThenCrash');
    failed(outcome, 'E_INTERNAL', []);
    assert.deepEqual(
      takes,
      [0, 1, 2].map((i) => `batchesThenCrash#${i}`),
    );
  });

  it('gives each batch its own time, and none to the consumer', async () => {
    start({ maxSeconds: 2 });
    const slow = async ({ documents }: Batch): Promise<void> => {
      await sleep(300);
      takes.push(...documents.map(({ id }) => id));
    };
    const outcome = await pool.run({ id: 'slowBatches', path: 'slowBatches', known: undefined }, slow);
    assert.equal(outcome.kind, 'done');
    assert.equal(takes.length, 3);
  });

  it('rejects with what the consumer of a batch throws', async () => {
    start();
    const work = pool.run({ id: 'x', path: 'slowBatches', known: undefined }, async () => {
      throw new Error('no room');
    });
    await assert.rejects(work, /no room/);
  });

  it('ends all work when it is closed, also twice', async () => {
    start();
    const hung = [run('hang.1'), run('hang.2'), run('hang.3')].map((one) => one.catch((error: unknown) => error));
    await sleep(800);
    await pool.close();
    await pool.close();
    for (const one of await Promise.all(hung)) assert.ok(one instanceof Error, String(one));
    await assert.rejects(run('fine'), (error) => (isError(error, 'E_CLOSED'), true));
  });

  it('closes when nothing was started', async () => {
    start();
    await pool.close();
  });

  it('says why its process does not start', async () => {
    const { read } = checkIngestOptions({});
    pool = createPool({ worker: WORKER, threads: 0, maxSeconds: 1, read });
    await assert.rejects(run('fine'), (error) => {
      isError(error, 'E_INTERNAL', ['The process that reads files did not start (exit code 1)', 'maxThreads']);
      return true;
    });
  });
});
