/**
 * Finds and loads the addon that fits this CPU. It is loaded at the first use, not at import, so that a program that
 * only imports the package starts at once.
 *
 * node-gyp-build is not used: its file names know no SIMD level.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

import { cpu, type CpuLevel, type SimdLevel } from './cpu.js';
import { QuiverError } from './errors.js';
import type { Addon } from './native.js';

const LEVELS: SimdLevel[] = ['v4', 'v3', 'v2'];
const BLAS_KERNELS: Partial<Record<CpuLevel, string>> = { v4: 'SkylakeX', v3: 'Haswell' };

/** The folder that holds package.json: this file lies in dist/lib. */
export const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

let loaded: { addon: Addon; path: string } | undefined;
let failure: QuiverError | undefined;

/** The files that could be the addon on this machine, best first; with QUIVER_CUDA=1 those with GPU code before others. */
export function candidates(root = packageRoot, env: NodeJS.ProcessEnv = process.env): string[] {
  const forced = env.QUIVER_SIMD;
  if (forced !== undefined && forced !== '' && !LEVELS.includes(forced as SimdLevel)) {
    throw new QuiverError('E_ARGUMENT', `QUIVER_SIMD must be v2, v3 or v4, but is "${forced}".`, {
      expected: 'v2, v3 or v4',
      actual: forced,
    });
  }
  const best = LEVELS.indexOf(cpu().level as SimdLevel);
  const levels = forced ? [forced as SimdLevel] : best < 0 ? [] : LEVELS.slice(best);
  const plain = levels.flatMap((level) => [
    join(root, 'build', level, 'quiver.node'),
    join(root, 'prebuilds', `${process.platform}-${process.arch}`, `quiver.${level}.node`),
  ]);
  // Only when asked for: it needs the CUDA toolkit's libraries, and a driver takes its time to start.
  if (env.QUIVER_CUDA !== '1') return plain;
  return [...levels.map((level) => join(root, 'build', `${level}-cuda`, 'quiver.node')), ...plain];
}

/**
 * Settings that BLAS and OpenMP read from the environment while they load. In a worker_thread process.env is a copy
 * that they do not see: there, what the process was started with counts.
 */
function withNativeEnvironment<T>(load: () => T): T {
  const wanted: Record<string, string> = {
    // Threads that wait for each other spin for microseconds, not for milliseconds: the cores are the host's too.
    GOMP_SPINCOUNT: '10000',
  };
  // OpenBLAS goes by model numbers: 0.3.21 takes AMD CPUs with AVX-512 for Haswell, and CPUs newer than itself for a
  // Prescott of 2004, which makes flat batch search 2 to 10 times slower. The level is what its kernels need.
  const kernel = BLAS_KERNELS[cpu().level];
  if (kernel !== undefined) wanted.OPENBLAS_CORETYPE = kernel;
  const set = isMainThread ? Object.keys(wanted).filter((name) => process.env[name] === undefined) : [];
  for (const name of set) process.env[name] = wanted[name];
  try {
    return load();
  } finally {
    for (const name of set) Reflect.deleteProperty(process.env, name);
  }
}

function load(): { addon: Addon; path: string } {
  const tried: string[] = [];
  const require = createRequire(import.meta.url);
  for (const path of candidates()) {
    if (!existsSync(path)) continue;
    try {
      const addon = withNativeEnvironment(() => require(path) as Addon);
      addon.setErrorClass(QuiverError);
      const threads = Number(process.env.QUIVER_THREADS ?? availableParallelism());
      try {
        addon.setThreads(Number.isInteger(threads) && threads >= 1 ? Math.min(threads, 1024) : availableParallelism());
      } catch {
        // Another environment of this process has set it already, and its threads run.
      }
      return { addon, path };
    } catch (error) {
      tried.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const why =
    tried.length > 0
      ? `The addon does not load:\n  ${tried.join('\n  ')}`
      : `There is no addon for ${process.platform}-${process.arch}, CPU level ${cpu().level}`;
  throw new QuiverError(
    'E_MISSING_DEPENDENCY',
    `${why}.\nBuild it with \`node scripts/build.mjs\` in ${packageRoot} (needs g++, cmake and cargo), and ask \`quiver doctor\` what is missing.`,
    { expected: 'an addon for this machine', actual: tried.length > 0 ? 'one that does not load' : 'none' },
  );
}

/** The addon, or E_MISSING_DEPENDENCY with what to do. */
export function addon(): Addon {
  if (failure !== undefined) throw failure;
  if (loaded === undefined) {
    try {
      loaded = load();
    } catch (error) {
      failure = error as QuiverError;
      throw error;
    }
  }
  return loaded.addon;
}

/** The file that the addon was loaded from. */
export function addonPath(): string {
  addon();
  return (loaded as { path: string }).path;
}
