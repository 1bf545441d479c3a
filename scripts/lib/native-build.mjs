/** One native build: FAISS and BLAS provided, CMake run, the addon checked. */
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, rename, utimes, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchPackage, packageFolder } from './apt.mjs';
import { findLibraries } from './blas.mjs';
import { withLock } from './cache.mjs';
import { checkAddon } from './check-addon.mjs';
import { cmakeBuild } from './cmake.mjs';
import { findCuda } from './cuda.mjs';
import { SupplyError } from './errors.mjs';
import { mustFetchFaiss, provideFaiss } from './faiss-build.mjs';
import { say } from './progress.mjs';
import { findCompiler, missingTools, missingToolsError } from './tools.mjs';

/** The package's root. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/**
 * @typedef {object} NativeBuild
 * @property {import('./simd.mjs').Level} level
 * @property {boolean} debug
 * @property {'' | 'address' | 'thread'} sanitize sanitized builds have tests and no addon
 * @property {boolean} tests
 * @property {boolean} [cuda] with GPU code; such builds have no tests of the core
 * @property {string} [cudaArch] the compute capabilities to compile for, such as `80;90`
 */

/** Environment that decides what is linked: a build made with another one is stale. */
const INPUTS = ['FAISS_ROOT', 'QUIVER_FAISS_SOURCE', 'QUIVER_BLAS_LIBRARIES', 'CXX', 'CXXFLAGS'];

/** @returns {Record<string, string>} */
export function buildInputs() {
  return Object.fromEntries(INPUTS.map((name) => [name, process.env[name] ?? '']));
}

/** @param {NativeBuild} wanted */
export function buildFolder({ level, debug, sanitize, cuda }) {
  const kind = sanitize ? { address: '-asan', thread: '-tsan' }[sanitize] : debug ? '-debug' : '';
  const suffix = cuda ? `-cuda${kind}` : kind;
  return join(ROOT, 'build', level + suffix);
}

/**
 * Where a finished build says what it was made from; its time is the time that build began.
 *
 * @param {string} folder
 * @param {'addon' | 'tests'} product
 */
export function stampFile(folder, product) {
  return join(folder, `quiver-${product}.json`);
}

/**
 * Both products are made by every build that makes tests, so the addon's stamp may stand for an older test binary,
 * never the other way round.
 *
 * @param {string} folder
 * @param {Record<string, string>} made
 * @param {boolean} tests
 * @param {Date} began
 */
async function stamp(folder, made, tests, began) {
  for (const product of tests ? /** @type {const} */ (['addon', 'tests']) : /** @type {const} */ (['addon'])) {
    await writeFile(stampFile(folder, product), `${JSON.stringify(made, undefined, 2)}\n`);
    await utimes(stampFile(folder, product), began, began);
  }
}

/** Node's C headers and their C++ face, from npm. @returns {string[]} */
function headerOptions() {
  const require = createRequire(join(ROOT, 'package.json'));
  try {
    const folder = (/** @type {string} */ name) => dirname(require.resolve(`${name}/package.json`));
    return [
      `-DQUIVER_NODE_API_INCLUDE=${join(folder('node-api-headers'), 'include')}`,
      `-DQUIVER_NODE_ADDON_API=${folder('node-addon-api')}`,
    ];
  } catch (error) {
    throw new SupplyError(
      'expected the packages node-api-headers and node-addon-api in node_modules, found none. Install them with: npm ci',
      { cause: error },
    );
  }
}

/**
 * GoogleTest: the system's, else Debian's, unpacked into the cache.
 *
 * @param {boolean} needed whether to fetch it
 * @returns {Promise<string[] | undefined>} options for CMake
 */
async function googleTest(needed) {
  if (!existsSync(join(ROOT, 'native', 'test'))) return undefined;
  const config = ['usr', 'lib', 'x86_64-linux-gnu', 'cmake', 'GTest'];
  if (existsSync(join('/', ...config))) return [];
  if (!existsSync('/usr/include/gtest/gtest.h')) {
    if (!needed && !existsSync(packageFolder('libgtest-dev'))) return undefined;
    return [
      `-DGTest_DIR=${join(await fetchPackage('libgtest-dev', 'GoogleTest, for the tests of the native core'), ...config)}`,
    ];
  }
  return [];
}

/** @param {NativeBuild} wanted */
async function configureOptions(wanted) {
  const addon = !wanted.sanitize;
  // Looked for first: what comes next may build FAISS for minutes.
  const headers = addon ? headerOptions() : [];
  const cuda = wanted.cuda ? await findCuda(wanted.cudaArch) : undefined;
  const compiler = await findCompiler();
  const libraries = await findLibraries(compiler);
  const faiss = await provideFaiss(wanted.level, compiler, libraries.blas, cuda);
  const gtest = cuda ? undefined : await googleTest(wanted.tests);
  const options = [
    `-DCMAKE_BUILD_TYPE=${wanted.debug ? 'Debug' : 'Release'}`,
    `-DQUIVER_SIMD=${wanted.level}`,
    `-DQUIVER_FAISS_INCLUDE=${faiss.include}`,
    `-DQUIVER_FAISS_LIBRARY=${faiss.library}`,
    `-DQUIVER_BLAS_LIBRARIES=${libraries.blas.join(';')}`,
    `-DQUIVER_OPENMP_RUNTIME=${libraries.openmp ?? ''}`,
    `-DQUIVER_SANITIZE=${wanted.sanitize}`,
    `-DQUIVER_BUILD_ADDON=${addon ? 'ON' : 'OFF'}`,
    `-DQUIVER_BUILD_TESTS=${gtest ? 'ON' : 'OFF'}`,
    `-DQUIVER_CUDA=${cuda ? 'ON' : 'OFF'}`,
    ...(cuda ? [`-DCUDAToolkit_ROOT=${cuda.root}`, `-DQUIVER_CUDA_LEAST=${cuda.architectures[0]}`] : []),
    ...headers,
    ...(gtest ?? []),
  ];
  const ownLibraries = libraries.chosen || faiss.library.endsWith('.so');
  return { options, addon, faiss, ownLibraries, compiler, cuda };
}

/**
 * @param {NativeBuild} wanted
 * @returns {Promise<string>} the build's folder
 */
export async function nativeBuild(wanted) {
  const missing = missingTools(['compiler', 'cmake', ...(mustFetchFaiss() ? /** @type {const} */ (['cargo']) : [])]);
  if (missing.length > 0) throw missingToolsError(missing);
  const folder = buildFolder(wanted);
  // Outside the lock: the first build of FAISS takes minutes, and it has a lock of its own.
  const { options, addon, faiss, ownLibraries, compiler, cuda } = await configureOptions(wanted);
  return withLock(`${folder}.lock`, async () => {
    const began = new Date();
    await mkdir(folder, { recursive: true });
    const what = [addon ? 'quiver.node' : '', wanted.tests ? 'quiver_tests' : ''].filter(Boolean);
    await cmakeBuild({
      source: ROOT,
      build: folder,
      options,
      targets: what.map((name) => name.replace('.node', '')),
      log: join(folder, 'build.log'),
      label: `${what.join(', ')} ${wanted.level}${cuda ? ` with CUDA ${cuda.version}` : ''}${wanted.sanitize ? ` (${wanted.sanitize} sanitizer)` : ''}`,
      env: { CXX: compiler.path },
    });
    if (addon) await checkAddon(join(folder, 'quiver.node'), ownLibraries, cuda !== undefined);
    await shareCompileCommands(folder, wanted);
    const made = {
      ...buildInputs(),
      faiss: faiss.version,
      faissFrom: faiss.from,
      compiler: compiler.id,
      ...(cuda && { cuda: cuda.version }),
    };
    await stamp(folder, made, wanted.tests, began);
    say(
      `built ${what.map((name) => join('build', folder.slice(ROOT.length + 7), name)).join(', ')} with FAISS ${faiss.version}`,
    );
    return folder;
  });
}

/** clang-tidy and editors look for build/compile_commands.json. @param {string} folder @param {NativeBuild} wanted */
async function shareCompileCommands(folder, wanted) {
  const made = join(folder, 'compile_commands.json');
  if (wanted.sanitize || wanted.cuda || !existsSync(made)) return;
  const shared = join(ROOT, 'build', 'compile_commands.json');
  if (existsSync(shared) && readFileSync(shared, 'utf8') === readFileSync(made, 'utf8')) return;
  const temporary = `${shared}.${process.pid}`;
  await copyFile(made, temporary);
  await rename(temporary, shared);
}
