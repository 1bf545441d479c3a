/** Driving CMake: a generator that is there, a configure step, a build with progress, and a log whose tail is shown. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fetchPackage } from './apt.mjs';
import { SupplyError, tail } from './errors.mjs';
import { Progress } from './progress.mjs';
import { run } from './run.mjs';
import { which } from './tools.mjs';

/**
 * @typedef {object} Generator
 * @property {string} name
 * @property {string[]} options
 */

/** Ninja or make, whichever is there; cmake alone brings neither, so Ninja is then fetched. @returns {Promise<Generator>} */
export async function findGenerator() {
  if (which('ninja')) return { name: 'Ninja', options: [] };
  if (which('make')) return { name: 'Unix Makefiles', options: [] };
  const folder = await fetchPackage('ninja-build', 'cmake needs ninja or make, and neither is on PATH');
  return { name: 'Ninja', options: [`-DCMAKE_MAKE_PROGRAM=${join(folder, 'usr', 'bin', 'ninja')}`] };
}

/** One compiler at a time per core, and per 700 MB of free memory: FAISS's largest files take about 500 MB. */
export function jobs() {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(process.availableMemory() / 700e6)));
}

/**
 * @typedef {object} CmakeBuild
 * @property {string} source
 * @property {string} build
 * @property {readonly string[]} options
 * @property {readonly string[]} targets
 * @property {string} log
 * @property {string} label for the progress line
 * @property {Record<string, string>} [env]
 */

/** @param {CmakeBuild} job */
export async function cmakeBuild(job) {
  const generator = await findGenerator();
  await forgetOtherConfiguration(job, generator);
  await mkdir(job.build, { recursive: true });
  await mkdir(dirname(job.log), { recursive: true });
  await rm(job.log, { force: true });
  const configure = ['-S', job.source, '-B', job.build, '-G', generator.name, ...generator.options, ...job.options];
  await step(job, 'configuring', configure, undefined);
  const progress = new Progress(job.label);
  const targets = job.targets.flatMap((target) => ['--target', target]);
  try {
    await step(job, 'building', ['--build', job.build, '--parallel', String(jobs()), ...targets], (line) =>
      progress.line(line),
    );
    progress.done();
  } catch (error) {
    progress.done('failed');
    throw error;
  }
}

/**
 * @param {CmakeBuild} job
 * @param {string} what
 * @param {string[]} args
 * @param {((line: string) => void) | undefined} onLine
 */
async function step(job, what, args, onLine) {
  const { code, output } = await run('cmake', args, {
    log: job.log,
    onLine,
    env: { ...job.env, NINJA_STATUS: '[%f/%t] ', LC_ALL: 'C' },
  });
  if (code === 0) return;
  // With several compilers at work the first error may be far above the last line.
  const errors = output
    .split('\n')
    .filter((line) => /(^|\s)(fatal )?error[: ]/i.test(line))
    .slice(0, 10);
  throw new SupplyError(
    [
      `${job.label}: ${what} failed (cmake exit code ${code}).`,
      ...(errors.length > 0 ? ['Errors:', ...errors] : []),
      `End of the log:\n${tail(output, 30)}`,
      `Whole log: ${job.log}`,
    ].join('\n'),
  );
}

/**
 * CMake refuses a build folder that another generator or another place of the checkout configured.
 *
 * @param {CmakeBuild} job
 * @param {Generator} generator
 */
async function forgetOtherConfiguration(job, generator) {
  const file = join(job.build, 'CMakeCache.txt');
  if (!existsSync(file)) return;
  const text = await readFile(file, 'utf8');
  const same =
    text.includes(`CMAKE_GENERATOR:INTERNAL=${generator.name}\n`) &&
    text.includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${job.source}\n`);
  if (same) return;
  for (const name of await readdir(job.build)) await rm(join(job.build, name), { recursive: true, force: true });
}
