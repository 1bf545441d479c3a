import { execFile } from 'node:child_process';
import { variable } from '../environment.js';
import type { Check } from './check.js';

const SECTION = 'building from source';

/** The first line that a program prints, or undefined when it is not there or fails. */
export async function firstLine(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 5000 }, (error, stdout) => {
      resolve(error === null ? stdout.split('\n')[0]?.trim() : undefined);
    });
  });
}

const OLDEST_CMAKE: readonly [number, number] = [3, 24];

/** What `npm run build` needs; users of a published package need none of it. */
export async function toolChecks(): Promise<Check[]> {
  return Promise.all([compilerCheck(), cmakeCheck(), cargoCheck()]);
}

async function compilerCheck(): Promise<Check> {
  const program = variable('CXX') ?? 'g++';
  const version = await firstLine(program, ['--version']);
  return tool('compiler', version, `expected ${program} (C++17, OpenMP): apt-get install g++`);
}

async function cmakeCheck(): Promise<Check> {
  const version = await firstLine('cmake', ['--version']);
  const check = tool('cmake', version, 'expected cmake: apt-get install cmake');
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(version ?? '') ?? []).slice(1).map(Number);
  const old =
    version !== undefined && (major < OLDEST_CMAKE[0] || (major === OLDEST_CMAKE[0] && minor < OLDEST_CMAKE[1]));
  return old
    ? { ...check, state: 'missing', fix: `expected ${OLDEST_CMAKE.join('.')} or newer: install a newer cmake` }
    : check;
}

async function cargoCheck(): Promise<Check> {
  const version = await firstLine('cargo', ['--version']);
  const others = 'or set FAISS_ROOT to an installed FAISS, or QUIVER_FAISS_SOURCE to its source';
  return tool('cargo', version, `it fetches the source of FAISS: apt-get install cargo, ${others}`);
}

function tool(name: string, version: string | undefined, fix: string): Check {
  const base = { section: SECTION, name, detail: { version: version ?? null } } as const;
  if (version !== undefined) return { ...base, state: 'ok', found: version };
  return { ...base, state: 'missing', found: 'not found', fix };
}
