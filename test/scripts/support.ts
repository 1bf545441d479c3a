import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { repositoryRoot } from '../support/run.js';

export { scriptModule } from '../support/run.js';

/** A folder for one test; `remove` takes it away. */
export function temporaryFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'quiver-supply-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** What the scripts, and the compilers under them, run. */
const PROGRAMS = [
  ...['cmake', 'ninja', 'make', 'cargo', 'git', 'apt-get', 'dpkg-deb', 'sudo', 'node', 'npm', 'flock', 'readelf'],
  ...[
    'g++',
    'gcc',
    'c++',
    'cc',
    'as',
    'ld',
    'ld.bfd',
    'ar',
    'ranlib',
    'nm',
    'strip',
    'objcopy',
    'objdump',
    'addr2line',
  ],
  ...['sh', 'env', 'cat', 'uname', 'mkdir', 'touch', 'rm', 'basename', 'dirname'],
];

/**
 * A folder to use as PATH: this machine's PROGRAMS except `without`, and scripts for sh in place of the `fakes`.
 */
export function fakePath(folder: string, without: readonly string[], fakes: Record<string, string> = {}): string {
  const bin = mkdtempSync(join(folder, 'bin-'));
  for (const name of PROGRAMS) {
    if (without.includes(name) || name in fakes) continue;
    const place = (process.env.PATH ?? '').split(delimiter).find((path) => path && existsSync(join(path, name)));
    if (place !== undefined) symlinkSync(join(place, name), join(bin, name));
  }
  for (const [name, body] of Object.entries(fakes)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return bin;
}

/** Sets environment variables (undefined removes one) until the returned function is called. */
export function setEnvironment(values: Record<string, string | undefined>): () => void {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const);
  const apply = (entries: readonly (readonly [string, string | undefined])[]) => {
    for (const [name, value] of entries) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  };
  apply(Object.entries(values));
  return () => apply(before);
}

/** Runs a piece of JavaScript in a Node of its own, with the modules of scripts/lib at `./`. */
export async function runCode(code: string, env: NodeJS.ProcessEnv): Promise<{ status: number; output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd: join(repositoryRoot, 'scripts', 'lib'),
    env: { ...process.env, ...env, NODE_V8_COVERAGE: undefined, NODE_OPTIONS: undefined },
  });
  let output = '';
  const keep = (chunk: Buffer) => (output += chunk.toString());
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const status = await new Promise<number>((resolve) => child.once('close', (exit) => resolve(exit ?? 1)));
  return { status, output };
}

/** An installed or unbuilt FAISS as far as the scripts look at it. */
export function writeFaissHeader(include: string, version: string): void {
  const [major, minor, patch] = version.split('.');
  mkdirSync(join(include, 'faiss'), { recursive: true });
  writeFileSync(
    join(include, 'faiss', 'Index.h'),
    `#define FAISS_VERSION_MAJOR ${major}\n#define FAISS_VERSION_MINOR ${minor}\n#define FAISS_VERSION_PATCH ${patch}\n`,
  );
}
