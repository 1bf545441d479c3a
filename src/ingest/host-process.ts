/**
 * The process that holds the workers. It may die; that is what it is for. A thread that runs out of memory mostly ends alone, but
 * some allocations of V8 end the whole process, whatever limits the thread has: then it is this one and not the caller's.
 * Its own thread reads nothing, so it can end a worker that hangs, and itself when its parent is gone.
 */
import { serialize } from 'node:v8';
import { MessageChannel } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { QuiverError } from '../../lib/errors.js';
import { fileError } from '../vectors/errors.js';
import { toPlainError } from './messages.js';
import type { FromHost, HostSettings, Job, Outcome, ToHost } from './messages.js';
import { MEBIBYTE } from './options.js';

const settings = JSON.parse(process.argv[2] ?? '') as HostSettings;
const { maxMemory } = settings.read;

const pool = new Piscina({
  filename: settings.worker,
  minThreads: settings.threads,
  maxThreads: settings.threads,
  resourceLimits: { maxOldGenerationSizeMb: Math.floor(maxMemory / MEBIBYTE) },
  execArgv: [],
  recordTiming: false,
});
// A worker that ends between two files is replaced, and no file is the worse for it.
pool.on('error', () => undefined);

interface Running {
  port: MessagePort;
  clock: Clock;
}
const running = new Map<number, Running>();

interface Clock {
  start: () => void;
  stop: () => void;
}

function createClock(late: () => void): Clock {
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => clearTimeout(timer);
  return {
    stop,
    start() {
      stop();
      timer = setTimeout(late, settings.maxSeconds * 1000);
    },
  };
}

function tell(message: FromHost): void {
  // A parent that is gone takes no message; the end of the channel ends us.
  process.send?.(message, undefined, undefined, () => undefined);
}

async function start(number: number, job: Job): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const controller = new AbortController();
  const clock = createClock(() => controller.abort());
  running.set(number, { port: port1, clock });
  port1.on('message', (packed: Uint8Array) => {
    clock.stop();
    tell({ kind: 'batch', number, packed });
  });
  clock.start();
  let packed: Uint8Array;
  try {
    const task = { job, settings: settings.read, port: port2 };
    packed = (await pool.run(task, { transferList: [port2], signal: controller.signal })) as Uint8Array;
  } catch (error) {
    const failure = controller.signal.aborted ? timedOut(job) : workerFailure(job, error);
    const outcome: Outcome = { kind: 'failed', error: toPlainError(failure, () => failure), bytes: 0 };
    packed = serialize(outcome);
  } finally {
    clock.stop();
    running.delete(number);
    port1.close();
  }
  tell({ kind: 'end', number, packed });
}

function timedOut({ id }: Job): QuiverError {
  return fileError('E_TIMEOUT', id, 'the file took too long to read, so its reader was ended', {
    expected: `at most ${settings.maxSeconds} s`,
    actual: 'more',
    hint: 'Raise maxSeconds if the file can be trusted',
  });
}

function workerFailure({ id }: Job, error: unknown): QuiverError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return fileError('E_OUT_OF_MEMORY', id, 'the file needs too much memory', {
      expected: `at most ${Math.floor(maxMemory / MEBIBYTE)} MiB`,
      actual: 'more',
      hint: 'Split the file, or raise maxMemory if it can be trusted',
    });
  }
  return fileError('E_INTERNAL', id, `the thread that read it ended (${message})`, {
    hint: 'Leave the file out, and report it as a bug with the file if you can',
  });
}

process.on('message', (message: ToHost) => {
  if (message.kind === 'start') {
    void start(message.number, message.job);
    return;
  }
  const job = running.get(message.number);
  job?.clock.start();
  job?.port.postMessage('more');
});
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// Ctrl-C goes to the whole group of processes; when to stop is the parent's choice.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

/** What V8's limits do not bound: buffers, WebAssembly, the heap of a thread that is about to end. */
const MOST_MEMORY = 256 * MEBIBYTE + settings.threads * 2 * maxMemory;
const LOOK_MS = 100;
setInterval(() => {
  if (process.memoryUsage.rss() > MOST_MEMORY) process.abort();
  // The parent may also have ended before anybody here listened.
  if (!process.connected) process.kill(process.pid, 'SIGKILL');
}, LOOK_MS);

tell({ kind: 'ready' });
