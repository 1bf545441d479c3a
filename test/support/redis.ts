/** A real Redis server on loopback, and the means to harm it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { scriptModule } from './run.js';
import { skip } from './skip.js';

interface RedisModule {
  redisServer(options?: { install?: boolean }): Promise<string>;
}

/** The program; skips the suite, with the reason, where there is none. */
export async function needRedis(context: Mocha.Context): Promise<string> {
  try {
    return await (await scriptModule<RedisModule>('lib/redis.mjs')).redisServer({ install: false });
  } catch (error) {
    skip(context, error instanceof Error ? error.message : String(error));
  }
}

/** A port that nobody had a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Looks until it is so; the test's own limit of time bounds it. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(10);
}

export class RedisServer {
  readonly port: number;
  readonly #program: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #client: Redis | undefined;

  private constructor(program: string, port: number, args: readonly string[]) {
    this.#program = program;
    this.port = port;
    this.#args = args;
  }

  static async start(program: string, ...args: string[]): Promise<RedisServer> {
    const server = new RedisServer(program, await freePort(), args);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Again on the same port after it was killed. */
  async start(): Promise<void> {
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const child = spawn(this.#program, [...args, ...this.#args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (said.includes('Ready to accept connections')) resolve();
      });
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`redis-server ended:\n${said}`)));
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** As a crash would end it. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** A client of the test's own, beside the cache. */
  client(password?: string): Redis {
    return (this.#client ??= new Redis({
      host: '127.0.0.1',
      port: this.port,
      ...(password !== undefined && { password }),
      disableClientInfo: true,
    }).on('error', () => undefined));
  }

  async close(): Promise<void> {
    this.#client?.disconnect();
    this.#client = undefined;
    await this.kill();
  }
}
