/** The processes that run one model: started when needed, replaced when they die, never in the way of the host's end. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { QuiverError } from '../../../lib/index.js';
import type { Failure, Reply, Request, Setup } from './messages.js';

/** One request is in the model while the next is tokenised. */
const DEPTH = 2;
const childFile = fileURLToPath(new URL('child.js', import.meta.url));

interface Waiting {
  texts: string[];
  resolve: (vectors: Float32Array) => void;
  reject: (reason: QuiverError) => void;
  /** Processes that died with it. */
  deaths: number;
}

interface Worker {
  process: ChildProcess;
  waiting: Map<number, Waiting>;
  ready: Promise<void>;
}

function toError({ code, message, expected, actual }: Failure): QuiverError {
  return new QuiverError(code, message, {
    ...(expected !== undefined && { expected }),
    ...(actual !== undefined && { actual }),
  });
}

export class ModelProcesses {
  readonly #setup: Setup;
  readonly #size: number;
  readonly #workers: Worker[] = [];
  #next = 1;
  #closed = false;
  #warned = false;

  constructor(setup: Setup, size: number) {
    this.#setup = setup;
    this.#size = size;
  }

  /** Requests that could be taken at once. */
  get room(): number {
    const taken = this.#workers.reduce((sum, { waiting }) => sum + waiting.size, 0);
    return this.#closed ? 0 : this.#size * DEPTH - taken;
  }

  /** Process numbers, for those who look after them. */
  get pids(): number[] {
    return this.#workers.flatMap(({ process: { pid } }) => (pid === undefined ? [] : [pid]));
  }

  /** Starts one process, so that a model that cannot be loaded says so before any text comes. */
  async check(): Promise<void> {
    await (this.#workers[0] ?? this.#start()).ready;
  }

  async embed(texts: string[]): Promise<Float32Array> {
    return new Promise((resolve, reject) => this.#send({ texts, resolve, reject, deaths: 0 }));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(
      this.#workers.splice(0).map(async ({ process: child, waiting }) => {
        for (const { reject } of waiting.values()) reject(closed());
        waiting.clear();
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = new Promise((resolve) => child.once('exit', resolve));
        child.ref();
        child.kill('SIGKILL');
        await gone;
      }),
    );
  }

  #send(request: Waiting): void {
    if (this.#closed) {
      request.reject(closed());
      return;
    }
    const idle = this.#workers.filter(({ waiting }) => waiting.size === 0);
    const worker =
      idle[0] ??
      (this.#workers.length < this.#size ? this.#start() : undefined) ??
      [...this.#workers].sort((a, b) => a.waiting.size - b.waiting.size)[0];
    if (worker === undefined) return;
    const id = this.#next++;
    worker.waiting.set(id, request);
    worker.process.ref();
    worker.process.channel?.ref();
    worker.process.send({ id, texts: request.texts } satisfies Request);
  }

  #start(): Worker {
    const child = fork(childFile, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
    });
    let settle: { resolve: () => void; reject: (error: QuiverError) => void } | undefined;
    const ready = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
    ready.catch(() => undefined);
    const worker: Worker = { process: child, waiting: new Map(), ready };
    this.#workers.push(worker);
    let unfit: QuiverError | undefined;
    child.on('message', (reply: Reply) => {
      if (reply.kind === 'ready') {
        this.#warn(reply.warning);
        settle?.resolve();
      } else if (reply.kind === 'unfit') {
        unfit = toError(reply.failure);
        child.kill('SIGKILL');
      } else this.#settle(worker, reply);
    });
    child.once('exit', (code, signal) => {
      const died = unfit ?? death(code, signal);
      settle?.reject(died);
      this.#buried(worker, died, unfit !== undefined);
    });
    child.on('error', (error) => settle?.reject(new QuiverError('E_INTERNAL', error.message, { cause: error })));
    child.send(this.#setup);
    return worker;
  }

  #settle(worker: Worker, reply: Extract<Reply, { id: number }>): void {
    const request = worker.waiting.get(reply.id);
    worker.waiting.delete(reply.id);
    if (worker.waiting.size === 0) {
      // An idle model holds no program open.
      worker.process.unref();
      worker.process.channel?.unref();
    }
    if (reply.kind === 'vectors') request?.resolve(reply.vectors);
    else request?.reject(toError(reply.failure));
  }

  /** What a dead process left goes to another one: halved, since too much at once is what kills most often. */
  #buried(worker: Worker, died: QuiverError, unfit: boolean): void {
    const at = this.#workers.indexOf(worker);
    if (at >= 0) this.#workers.splice(at, 1);
    const orphans = [...worker.waiting.values()];
    worker.waiting.clear();
    for (const orphan of orphans) {
      const single = orphan.texts.length === 1;
      if (unfit || this.#closed || (single && orphan.deaths > 0)) orphan.reject(died);
      else if (single) this.#send({ ...orphan, deaths: orphan.deaths + 1 });
      else this.#halve(orphan);
    }
  }

  #halve({ texts, resolve, reject }: Waiting): void {
    const half = Math.ceil(texts.length / 2);
    Promise.all([this.embed(texts.slice(0, half)), this.embed(texts.slice(half))]).then(([first, second]) => {
      const both = new Float32Array(first.length + second.length);
      both.set(first);
      both.set(second, first.length);
      resolve(both);
    }, reject);
  }

  #warn(warning: string | undefined): void {
    if (warning === undefined || this.#warned) return;
    this.#warned = true;
    process.emitWarning(warning, { code: 'E_NO_GPU' });
  }
}

export function closed(): QuiverError {
  return new QuiverError('E_CLOSED', 'The embedder is closed.', {
    expected: 'an open embedder',
    actual: 'a closed one',
  });
}

function death(code: number | null, signal: NodeJS.Signals | null): QuiverError {
  const how = signal === null ? `exit code ${String(code)}` : `signal ${signal}`;
  return new QuiverError(
    'E_OUT_OF_MEMORY',
    `The process that runs the model died (${how}), twice on the same text; most often for want of memory.`,
    { expected: 'a process that answers', actual: how },
  );
}
