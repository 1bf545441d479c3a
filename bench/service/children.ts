/** Children that live on while their parent measures. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { askChild } from '../support/fork.js';
import type { LoadJob, LoadResult } from './load-child.js';
import type { ServerJob } from './server-child.js';
import type { StreamsJob } from './streams-child.js';

const file = (name: string): string => fileURLToPath(new URL(`${name}.js`, import.meta.url));

/** The next message of a child, which must not end before. */
async function next(child: ChildProcess): Promise<unknown> {
  const over = new AbortController();
  const { signal } = over;
  const early = once(child, 'exit', { signal }).then(() => {
    throw new Error('expected an answer of a child, found that it ended');
  });
  try {
    const [message] = (await Promise.race([once(child, 'message', { signal }), early])) as [unknown];
    return message;
  } finally {
    early.catch(() => undefined);
    over.abort();
  }
}

function start(name: string, job: ServerJob | StreamsJob): ChildProcess {
  return fork(file(name), [JSON.stringify(job)]);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  // Not `close`: it does not come after disconnect().
  const ended = once(child, 'exit');
  if (child.connected) child.disconnect();
  await ended;
}

export class ServerProcess implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  static async start(job: ServerJob): Promise<ServerProcess> {
    const child = start('server-child', job);
    const { url } = (await next(child)) as { url: string };
    return new ServerProcess(child, url);
  }

  /** Bytes that are resident, after a collection. */
  async rss(): Promise<number> {
    this.#child.send('rss');
    return ((await next(this.#child)) as { rss: number }).rss;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child);
  }
}

/** Clients that hold a stream each; they have all got their first bytes when this resolves. */
export class Streams {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async open(job: StreamsJob): Promise<Streams> {
    const child = start('streams-child', job);
    await next(child);
    return new Streams(child);
  }

  /** Resolves with the bytes that they got. */
  async leave(): Promise<number> {
    this.#child.send('leave');
    const { bytes } = (await next(this.#child)) as { bytes: number };
    await end(this.#child);
    return bytes;
  }
}

export function load(job: Omit<LoadJob, 'step'>): Promise<LoadResult> {
  return askChild<LoadResult>(file('load-child'), { ...job, step: 'load' });
}
