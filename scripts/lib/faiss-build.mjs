/** FAISS, built once per version, SIMD level and compiler, into the cache. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { cacheFolder, makeOnce } from './cache.mjs';
import { cmakeBuild } from './cmake.mjs';
import { SupplyError } from './errors.mjs';
import { installedFaiss } from './faiss-installed.mjs';
import { fetchedFolder, findSource } from './faiss-source.mjs';
import { say } from './progress.mjs';
import { FAISS_BUILDS } from './simd.mjs';

/** @typedef {import('./faiss-installed.mjs').Faiss} Faiss */
/** @typedef {import('./simd.mjs').Level} Level */

/** FAISS's parts that we do not use, and the kind of library that can go into an addon. */
const OPTIONS = [
  '-DCMAKE_BUILD_TYPE=Release',
  '-DFAISS_ENABLE_GPU=OFF',
  '-DFAISS_ENABLE_PYTHON=OFF',
  '-DFAISS_ENABLE_C_API=OFF',
  '-DFAISS_ENABLE_EXTRAS=OFF',
  '-DFAISS_ENABLE_MKL=OFF',
  '-DBUILD_TESTING=OFF',
  '-DBUILD_SHARED_LIBS=OFF',
  '-DCMAKE_POSITION_INDEPENDENT_CODE=ON',
];

/**
 * @param {Level} level
 * @param {string} source
 */
function flags(level, source) {
  // FAISS puts __FILE__ into its messages: without the map they would show the folder of whoever built it.
  return `-march=x86-64-${level} -ffile-prefix-map=${source}${sep}=`;
}

/**
 * What a build with GPU code adds. The GPU library is linked statically where the addon is made; FAISS only compiles.
 *
 * @param {import('./cuda.mjs').Cuda} cuda
 * @param {string} source
 */
function cudaOptions(cuda, source) {
  return [
    '-DFAISS_ENABLE_GPU=ON',
    '-DFAISS_ENABLE_CUVS=OFF',
    `-DCMAKE_CUDA_ARCHITECTURES=${cuda.architectures.join(';')}`,
    '-DCMAKE_CUDA_STANDARD=17',
    // Without -march: nvcc does not know all of the compiler's SIMD headers, and the host side of kernels needs none.
    `-DCMAKE_CUDA_FLAGS=-Xcompiler=-ffile-prefix-map=${source}${sep}=`,
  ];
}

/** Whether a build would have to fetch the FAISS source, which takes cargo. */
export function mustFetchFaiss() {
  return !process.env.FAISS_ROOT && !process.env.QUIVER_FAISS_SOURCE && !existsSync(fetchedFolder());
}

/**
 * @param {Level} level
 * @param {import('./tools.mjs').Compiler} compiler
 * @param {readonly string[]} blas
 * @param {import('./cuda.mjs').Cuda} [cuda] with GPU code, too
 * @returns {Promise<Faiss>}
 */
export async function provideFaiss(level, compiler, blas, cuda) {
  const installed = await installedFaiss(level);
  if (installed) {
    if (cuda) requireGpuSources(join(installed.include, 'faiss', 'gpu', 'GpuCloner.h'), installed.from);
    return installed;
  }
  const source = await findSource();
  if (cuda) requireGpuSources(join(source.folder, 'faiss', 'gpu', 'GpuCloner.cpp'), source.from);
  const options = cuda ? [...OPTIONS, ...cudaOptions(cuda, '')] : OPTIONS;
  const { option, target } = FAISS_BUILDS[level];
  const recipe = createHash('sha256')
    .update([...options, flags(level, '')].join('\n'))
    .digest('hex')
    .slice(0, 8);
  const name = `${source.key}-${level}-${compiler.id}${cuda ? `-cuda${cuda.version}` : ''}`;
  const folder = join(cacheFolder(), 'faiss', `${name}-${recipe}`);
  const log = join(cacheFolder(), 'logs', `faiss-${name}.log`);
  await makeOnce(folder, async (temporary) => {
    say(
      `building FAISS ${source.version} for x86-64-${level} once (${cuda ? 'with GPU code: tens of minutes on few cores' : 'a few minutes'}; the result stays in ${folder})`,
    );
    const build = join(temporary, 'build');
    await cmakeBuild({
      source: source.folder,
      build,
      options: [
        ...OPTIONS,
        ...(cuda ? cudaOptions(cuda, source.folder) : []),
        `-DFAISS_OPT_LEVEL=${option}`,
        `-DCMAKE_CXX_FLAGS=${flags(level, source.folder)}`,
        // FAISS asks for them while configuring; a static library takes nothing in.
        `-DBLAS_LIBRARIES=${blas.join(';')}`,
        `-DLAPACK_LIBRARIES=${blas.join(';')}`,
      ],
      targets: [target],
      log,
      label: `FAISS ${source.version} ${level}${cuda ? ` with CUDA ${cuda.version}` : ''}`,
      env: { CXX: compiler.path, ...(cuda && { CUDACXX: cuda.nvcc }) },
    });
    await install(source.folder, build, target, temporary, cuda !== undefined);
  });
  return {
    include: join(folder, 'include'),
    library: join(folder, 'lib', `lib${target}.a`),
    version: source.version,
    from: source.from,
  };
}

/** @param {string} file @param {string} from */
function requireGpuSources(file, from) {
  if (existsSync(file)) return;
  throw new SupplyError(
    `--cuda: expected FAISS with its GPU part from ${from}, found no ${file}. Take a whole FAISS source tree ` +
      '(QUIVER_FAISS_SOURCE) or a FAISS that was built with FAISS_ENABLE_GPU (FAISS_ROOT), or unset both.',
  );
}

/**
 * Copies what an addon needs. FAISS's own install step wants every variant of the library built first.
 *
 * @param {string} source
 * @param {string} build
 * @param {string} target
 * @param {string} prefix
 * @param {boolean} gpu
 */
async function install(source, build, target, prefix, gpu) {
  const library = join(build, 'faiss', `lib${target}.a`);
  if (!existsSync(library)) throw new SupplyError(`expected FAISS's build to make ${library}, found none.`);
  await mkdir(join(prefix, 'lib'), { recursive: true });
  await cp(library, join(prefix, 'lib', `lib${target}.a`));
  const headers = join(source, 'faiss');
  await cp(headers, join(prefix, 'include', 'faiss'), {
    recursive: true,
    filter: (file) =>
      !(gpu ? /^python(\/|$)/ : /^(gpu|python)(\/|$)/).test(relative(headers, file)) &&
      (!/\.[^/]*$/.test(relative(headers, file)) || file.endsWith('.h')),
  });
  await cp(join(source, 'LICENSE'), join(prefix, 'LICENSE')).catch(() => undefined);
  await writeFile(join(prefix, 'built-from.txt'), `${source}\n`);
  await rm(build, { recursive: true });
}
