/**
 * Builds the native addon, and FAISS before it when the cache has none. `node scripts/build.mjs --help` tells the
 * options. Plain Node without packages: it runs on a fresh clone.
 */
import { parseArgs } from 'node:util';
import { SupplyError, runMain } from './lib/errors.mjs';
import { nativeBuild } from './lib/native-build.mjs';
import { LEVELS, levelsFor, requirePlatform } from './lib/simd.mjs';
import { requireNode } from './lib/tools.mjs';

const HELP = `Usage: node scripts/build.mjs [options]

Builds build/<level>/quiver.node for an x86-64 microarchitecture level.

  --simd host|all|${LEVELS.join('|')}     default host: the level of this CPU
  --test                        also the GoogleTest binary build/<level>/quiver_tests
  --sanitize address|thread     the tests alone, instrumented, in build/<level>-asan or -tsan
  --debug                       without optimization, in build/<level>-debug
  --cuda                        with GPU code, in build/<level>-cuda; takes nvcc of a CUDA toolkit (CUDACXX, CUDA_HOME, PATH)
  --cuda-arch A;B               compute capabilities for it; default 70;80;90, or the nearest that nvcc knows
  --help

Environment: FAISS_ROOT, QUIVER_FAISS_SOURCE, QUIVER_BLAS_LIBRARIES, QUIVER_CACHE, CXX, CUDACXX, CUDA_HOME (native/faiss/README.md).
`;

/** @param {string[]} args */
function readArguments(args) {
  try {
    return parseArgs({
      args,
      options: {
        simd: { type: 'string', default: 'host' },
        debug: { type: 'boolean', default: false },
        sanitize: { type: 'string', default: '' },
        test: { type: 'boolean', default: false },
        cuda: { type: 'boolean', default: false },
        'cuda-arch': { type: 'string', default: '' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new SupplyError(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
  }
}

await runMain(async () => {
  const options = readArguments(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const sanitize = options.sanitize;
  if (sanitize !== '' && sanitize !== 'address' && sanitize !== 'thread') {
    throw new SupplyError(`--sanitize: expected address or thread, found '${sanitize}'.`);
  }
  const { cuda, 'cuda-arch': cudaArch } = options;
  if (cuda && (sanitize !== '' || options.test)) {
    throw new SupplyError(
      '--cuda: expected neither --test nor --sanitize beside it: the tests of the core hold no GPU code.',
    );
  }
  if (!cuda && cudaArch !== '') throw new SupplyError(`--cuda-arch: expected --cuda beside it, found none.`);
  requireNode();
  requirePlatform();
  for (const level of levelsFor(options.simd)) {
    await nativeBuild({
      level,
      debug: options.debug,
      sanitize,
      tests: options.test || sanitize !== '',
      cuda,
      cudaArch,
    });
  }
});
