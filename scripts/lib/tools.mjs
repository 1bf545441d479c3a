/** Which build tools are there, and the one error that says what is missing, why, and how to install it. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SupplyError } from './errors.mjs';
import { run } from './run.mjs';

/**
 * The full path of a program, as the shell would find it.
 *
 * @param {string} name
 * @param {string} [path]
 * @returns {string | undefined}
 */
export function which(name, path = process.env.PATH ?? '') {
  if (name.includes('/')) return isProgram(name) ? name : undefined;
  return path
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isProgram);
}

/** @param {string} file */
function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * @typedef {object} Tool
 * @property {string} name what is looked for on PATH
 * @property {string} pack Debian's package
 * @property {string} why
 * @property {string} [otherwise] another way to do without it
 */

/** The C++ compiler that will be used: CXX when it is set. */
export function compilerName() {
  return process.env.CXX || 'g++';
}

/** @type {Record<'compiler' | 'cmake' | 'cargo' | 'nvcc', () => Tool>} */
export const TOOLS = {
  compiler: () => ({
    name: compilerName(),
    pack: 'g++',
    why: 'it compiles FAISS and the addon (C++17, OpenMP)',
  }),
  cmake: () => ({
    name: 'cmake',
    pack: 'cmake',
    why: 'it configures the builds of FAISS and the addon (3.24 or newer)',
  }),
  cargo: () => ({
    name: 'cargo',
    pack: 'cargo',
    why: 'it fetches the FAISS 1.12 source, which the crate faiss-sys 0.7.0 carries',
    otherwise: 'or set FAISS_ROOT to an installed FAISS (1.10 or newer), or QUIVER_FAISS_SOURCE to its source tree',
  }),
  nvcc: () => ({
    name: 'nvcc',
    pack: 'nvidia-cuda-toolkit',
    why: "it compiles FAISS's GPU code; CUDACXX, CUDA_HOME and /usr/local/cuda were looked at, too",
    otherwise: 'or take a toolkit from https://developer.nvidia.com/cuda-downloads and set CUDA_HOME to its folder',
  }),
};

/** Node itself: Debian 12's own is too old. */
export function requireNode(found = process.versions.node) {
  const [major = 0, minor = 0] = found.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new SupplyError(
    `expected Node 20.19 or newer, found ${found}. Install one from https://nodejs.org/en/download.`,
  );
}

/**
 * @param {readonly (keyof typeof TOOLS)[]} names
 * @returns {Tool[]} those that are not on PATH
 */
export function missingTools(names) {
  return names.map((name) => TOOLS[name]()).filter((tool) => !which(tool.name));
}

/** @param {readonly Tool[]} missing @returns {SupplyError} */
export function missingToolsError(missing) {
  const lines = missing.map((tool) => `  ${tool.name}: ${tool.why}${tool.otherwise ? `; ${tool.otherwise}` : ''}`);
  const packs = missing.map((tool) => tool.pack).join(' ');
  return new SupplyError(
    [
      `expected ${missing.map((tool) => tool.name).join(', ')} on PATH, found none there.`,
      ...lines,
      `Install ${missing.length > 1 ? 'them' : 'it'} with: apt-get install -y ${packs}`,
    ].join('\n'),
  );
}

/**
 * @typedef {object} Compiler
 * @property {string} path
 * @property {string} id such as `gnu12.2.0`: part of the cache key
 * @property {string} major
 */

/** @returns {Promise<Compiler>} */
export async function findCompiler() {
  const path = which(compilerName());
  if (!path) throw missingToolsError([TOOLS.compiler()]);
  const [version, banner] = await Promise.all([
    run(path, ['-dumpfullversion', '-dumpversion']),
    run(path, ['--version']),
  ]);
  if (version.code !== 0) {
    throw new SupplyError(`expected '${path} -dumpversion' to print the compiler's version, found:\n${version.output}`);
  }
  const number = version.stdout.trim();
  const family = /clang/i.test(banner.stdout) ? 'clang' : 'gnu';
  return { path, id: `${family}${number}`, major: number.split('.')[0] ?? number };
}

/**
 * A static library or other file that belongs to the compiler, by its full path.
 *
 * @param {Compiler} compiler
 * @param {string} name
 * @returns {Promise<string | undefined>}
 */
export async function compilerFile(compiler, name) {
  const { stdout } = await run(compiler.path, [`-print-file-name=${name}`]);
  const found = stdout.trim();
  return found.includes('/') ? found : undefined;
}
