/**
 * Builds faiss_loop with the FAISS, the BLAS and the flags of the addon, and prints where it lies.
 * Usage: node bench/native/build.mjs <v2|v3|v4>
 */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findLibraries } from '../../scripts/lib/blas.mjs';
import { withLock } from '../../scripts/lib/cache.mjs';
import { cmakeBuild } from '../../scripts/lib/cmake.mjs';
import { runMain } from '../../scripts/lib/errors.mjs';
import { provideFaiss } from '../../scripts/lib/faiss-build.mjs';
import { ROOT } from '../../scripts/lib/native-build.mjs';
import { levelsFor } from '../../scripts/lib/simd.mjs';
import { findCompiler } from '../../scripts/lib/tools.mjs';

await runMain(async () => {
  const [level] = levelsFor(process.argv[2] ?? 'host');
  const compiler = await findCompiler();
  const { blas } = await findLibraries(compiler);
  const faiss = await provideFaiss(level, compiler, blas);
  const folder = join(ROOT, 'build', `bench-${level}`);
  await mkdir(dirname(folder), { recursive: true });
  await withLock(`${folder}.lock`, () =>
    cmakeBuild({
      source: dirname(fileURLToPath(import.meta.url)),
      build: folder,
      options: [
        '-DCMAKE_BUILD_TYPE=Release',
        `-DQUIVER_SIMD=${level}`,
        `-DQUIVER_FAISS_INCLUDE=${faiss.include}`,
        `-DQUIVER_FAISS_LIBRARY=${faiss.library}`,
        `-DQUIVER_BLAS_LIBRARIES=${blas.join(';')}`,
      ],
      targets: ['faiss_loop'],
      log: join(folder, 'build.log'),
      label: `faiss_loop ${level}`,
      env: { CXX: compiler.path },
    }),
  );
  process.stdout.write(`${join(folder, 'faiss_loop')}\n`);
});
