import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The command as it is compiled: dist/test/cli lies beside dist/src/cli. */
export const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** The environment of a child: no colours, and neither the coverage nor the counts of the run that this test is part of. */
export function childEnv(env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { NODE_V8_COVERAGE, QUIVER_MOCHA_RESULT, NODE_OPTIONS, FORCE_COLOR, ...rest } = process.env;
  return { ...rest, NO_COLOR: '1', ...env };
}

export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}, main = MAIN): ChildProcess {
  return spawn(process.execPath, [main, ...args], { env: childEnv(env), stdio: ['ignore', 'pipe', 'pipe'] });
}

export async function ended(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** Runs `quiver` to its end. */
export async function quiver(...args: string[]): Promise<Ended> {
  return ended(start(args));
}

/** Runs `quiver ... --json`, which must succeed with nothing but JSON on stdout and nothing on stderr. */
export async function quiverJson<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await quiver(...args, '--json');
  assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`);
  assert.equal(stderr, '');
  return JSON.parse(stdout) as T;
}

export interface ErrorReport {
  code: string;
  message: string;
  expected: string | null;
  actual: string | null;
}

/** Runs `quiver ... --json`, which must fail with one JSON document that holds the error. */
export async function quiverError(exitCode: number, ...args: string[]): Promise<ErrorReport> {
  const { code, stdout } = await quiver(...args, '--json');
  assert.equal(code, exitCode, stdout);
  const { error } = JSON.parse(stdout) as { error: ErrorReport };
  assert.deepEqual(Object.keys(error), ['code', 'message', 'expected', 'actual']);
  return error;
}

/** A folder for one suite, gone after it. */
export function suiteFolder(): (name: string) => string {
  let folder = '';
  before(() => (folder = mkdtempSync(join(tmpdir(), 'quiver-cli-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}

/** `n` vectors in groups, the same ones each time. */
export function someVectors(n: number, dim: number, seed = 1): Float32Array {
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Float32Array.from({ length: n * dim }, (_, i) => ((Math.floor(i / dim) * 7 + (i % dim)) % 13) + random());
}

export function writeFvecs(path: string, vectors: Float32Array, dim: number): void {
  const rows = vectors.length / dim;
  const bytes = Buffer.alloc(rows * (4 + 4 * dim));
  for (let row = 0, at = 0; row < rows; row++) {
    at = bytes.writeInt32LE(dim, at);
    for (let i = 0; i < dim; i++) at = bytes.writeFloatLE(vectors[row * dim + i] ?? 0, at);
  }
  writeFileSync(path, bytes);
}
