/** One library in a process of its own. What crashes or does not answer in time is out from then on, and the run goes on. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LineServer } from '../../test/support/line-server.js';
import { BUILD_LIMIT, K, OURS, STEP_LIMIT } from './setting.js';

export interface Launcher {
  /** A word for file names: `quiver`, `python-faiss`, `node-usearch`. */
  name: string;
  /** As readers see it. */
  label: string;
  start: () => LineServer;
}

const REASON_LENGTH = 160;

/** In one line, without places of this machine. */
function reasonOf(error: unknown): string {
  const line = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
  return line.replace(/(?<![\w.])\/[\w.\-/]+(:\d+)*/g, '...').slice(0, REASON_LENGTH);
}

export class System {
  readonly name: string;
  readonly label: string;
  about = '';
  /** What it died of. */
  failure: string | undefined;
  readonly #server: LineServer;

  private constructor({ name, label, start }: Launcher) {
    this.name = name;
    this.label = label;
    this.#server = start();
  }

  static async start(launcher: Launcher): Promise<System> {
    const system = new System(launcher);
    system.about = (await system.try('start', () => system.ask('about'))) ?? '';
    return system;
  }

  get ours(): boolean {
    return this.name === OURS;
  }

  async ask(command: string, ...words: (string | number)[]): Promise<string> {
    const limit = command === 'build' ? BUILD_LIMIT : STEP_LIMIT;
    const clock = new AbortController();
    const late = sleep(limit * 1000, undefined, { signal: clock.signal }).then(() => {
      throw new Error(`${command}: stopped after ${limit} s`);
    });
    late.catch(() => undefined); // aborted
    try {
      return await Promise.race([this.#server.ask(command, ...words), late]);
    } finally {
      clock.abort();
    }
  }

  async number(command: string, ...words: (string | number)[]): Promise<number> {
    return Number(await this.ask(command, ...words));
  }

  async json<T>(command: string, ...words: (string | number)[]): Promise<T> {
    return JSON.parse(await this.ask(command, ...words)) as T;
  }

  /** undefined where it fails, or has failed before. */
  async try<T>(step: string, work: () => Promise<T>): Promise<T | undefined> {
    if (this.failure !== undefined) return undefined;
    try {
      return await work();
    } catch (error) {
      this.failure = `${step}: ${reasonOf(error)}`;
      this.#server.kill();
      return undefined;
    }
  }

  /** How many queries, asked one by one, take about so long. */
  async countFor(seconds: number, ef: number, most: number): Promise<number> {
    const few = 20;
    const spent = await this.number('singles', ef, K, few);
    return Math.max(few, Math.min(most, Math.round((few * seconds) / spent)));
  }

  async close(): Promise<void> {
    await Promise.race([this.#server.close(), sleep(10_000, undefined, { ref: false })]);
    this.#server.kill();
  }
}

/** What the libraries said of themselves, as a note. */
export function versionsOf(abouts: readonly string[]): string {
  return `Versions: ${[...new Set(abouts)].filter(Boolean).join('; ')}.`;
}

export async function startAll(launchers: readonly Launcher[]): Promise<System[]> {
  const systems: System[] = [];
  for (const launcher of launchers) systems.push(await System.start(launcher));
  return systems;
}
