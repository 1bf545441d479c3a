/** The process of the workers, seen from here: files go to it, and batches and outcomes come back. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { deserialize } from 'node:v8';
import { QuiverError } from '../../lib/errors.js';
import type { Batch, FromHost, HostSettings, Job, Outcome, ToHost } from './messages.js';

/** Called with each batch; the next one comes when it resolves. */
export type Take = (batch: Batch) => Promise<void>;

/** The process ended while it read this file, and perhaps others. */
export class HostDied extends Error {
  /** Whether it ended for lack of memory, as far as it said. */
  readonly outOfMemory: boolean;

  constructor(how: string, words: string) {
    super(how);
    this.outOfMemory = /out of memory|allocation failed|SIGKILL|SIGABRT/i.test(`${how} ${words}`);
  }
}

export interface Host {
  /** Reads a file. Rejects with HostDied, or with what `take` threw. */
  run: (job: Job, take: Take) => Promise<Outcome>;
  isDead: () => boolean;
  /** Ends it at once, with all that it does. */
  close: () => Promise<void>;
}

interface Running {
  take: Take;
  resolve: (outcome: Outcome) => void;
  reject: (reason: unknown) => void;
}

const CHILD = fileURLToPath(new URL('./host-process.js', import.meta.url));
/** Of what it says before it dies. */
const LAST_WORDS = 4096;

/** Errors: E_INTERNAL when it does not start. */
export async function startHost(settings: HostSettings): Promise<Host> {
  const child = fork(CHILD, [JSON.stringify(settings)], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
    env: quietEnvironment(),
  });
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-LAST_WORDS)));
  const running = new Map<number, Running>();
  let ended: HostDied | undefined;
  const closed = new Promise<void>((resolve) => {
    const end = (how: string): void => {
      ended = new HostDied(how, words);
      for (const { reject } of running.values()) reject(ended);
      running.clear();
      resolve();
    };
    child.once('error', (error) => end(error.message));
    child.once('close', (code, signal) => end(signal === null ? `exit code ${String(code)}` : `signal ${signal}`));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    void closed.then(() => reject(noStart(ended?.message ?? '', words)));
  });
  child.on('message', (message: FromHost) => void receive(message, running, child));

  let next = 0;
  const hold = keepAlive(child);
  return {
    isDead: () => ended !== undefined,
    async run(job, take) {
      if (ended !== undefined) throw ended;
      const number = next++;
      hold(1);
      try {
        return await new Promise<Outcome>((resolve, reject) => {
          running.set(number, { take, resolve, reject });
          send(child, { kind: 'start', number, job });
        });
      } finally {
        running.delete(number);
        hold(-1);
      }
    },
    async close() {
      child.kill('SIGKILL');
      child.ref();
      await closed;
    },
  };
}

async function receive(message: FromHost, running: Map<number, Running>, child: ChildProcess): Promise<void> {
  if (message.kind === 'ready') return;
  const { number, packed } = message;
  const job = running.get(number);
  if (job === undefined) return;
  if (message.kind === 'end') {
    job.resolve(deserialize(packed) as Outcome);
    return;
  }
  try {
    await job.take(deserialize(packed) as Batch);
    send(child, { kind: 'more', number });
  } catch (error) {
    job.reject(error);
  }
}

function send(child: ChildProcess, message: ToHost): void {
  // When it cannot be sent, the process is about to end, and its end tells.
  if (child.connected) child.send(message, () => undefined);
}

/** The process keeps this one alive while files are being read, and not longer. */
function keepAlive(child: ChildProcess): (change: number) => void {
  let jobs = 0;
  const hold = (change: number): void => {
    jobs += change;
    const what = jobs > 0 ? 'ref' : 'unref';
    child[what]();
    child.channel?.[what]();
    (child.stderr as unknown as { ref: () => void; unref: () => void })[what]();
  };
  hold(0);
  return hold;
}

/** Without what debuggers and coverage tools put there for this process. */
function quietEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, NODE_V8_COVERAGE: _coverage, ...rest } = process.env;
  return rest;
}

function noStart(how: string, words: string): QuiverError {
  const said = /^.*Error\b.*$/m.exec(words)?.[0] ?? words.trim().split('\n').at(-1) ?? '';
  return new QuiverError('E_INTERNAL', `The process that reads files did not start (${how}). ${said}`.trimEnd(), {
    expected: 'a process that starts',
    actual: how,
  });
}
