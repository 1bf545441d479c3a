/** Runs a fixture in a process of its own, so that what kills it is a failed test and not the end of the run. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { factor, seed } from './random.js';

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  /** Put before `node fixture ...`, such as `prlimit --fsize=65536`. */
  prefix?: readonly string[];
  /** Node's own options, such as `--expose-gc`. */
  node?: readonly string[];
  /** Called once the fixture runs. */
  started?: (child: ChildProcess) => void;
}

export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}.js`, import.meta.url));
}

/** What a child of ours gets: this run's seed, but nothing of its coverage and result files. */
export function childEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, QUIVER_SEED: String(seed), ...more };
  for (const name of ['NODE_V8_COVERAGE', 'QUIVER_MOCHA_RESULT', 'NODE_OPTIONS']) delete env[name];
  return env;
}

const MINUTES = 3;

export async function run(name: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Ended> {
  const command = [...(options.prefix ?? []), process.execPath, ...(options.node ?? []), fixturePath(name), ...args];
  const child = spawn(command[0], command.slice(1), {
    env: childEnvironment(options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), MINUTES * 60_000 * Math.max(1, factor));
  options.started?.(child);
  try {
    return await new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
  } finally {
    clearTimeout(timer);
  }
}

/** The JSON that the fixture reported, after it ended well. */
export function reportOf<T>({ code, signal, stdout, stderr }: Ended): T {
  const how = `${signal === null ? `exit code ${String(code)}` : `signal ${signal}`} (QUIVER_SEED=${String(seed)})`;
  assert.ok(code === 0, `the child ended with ${how}:\n${stderr.slice(-4_000)}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}

export async function reported<T>(name: string, args: readonly string[] = [], options: RunOptions = {}): Promise<T> {
  return reportOf<T>(await run(name, args, options));
}

/** A folder that is gone after `use`. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'quiver-fault-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
