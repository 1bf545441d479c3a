/**
 * The libraries under FAISS: static OpenBLAS in its OpenMP flavour with the Fortran runtimes it needs, and the OpenMP
 * runtime that travels with the addon.
 */
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fetchPackage } from './apt.mjs';
import { SupplyError } from './errors.mjs';
import { compilerFile } from './tools.mjs';

/**
 * OpenBLAS with its own threads would fight FAISS's OpenMP threads for the cores, so only the OpenMP flavour counts.
 * The path below /usr, or below the folder into which Debian's package is unpacked.
 */
const OPENBLAS = ['openblas-openmp', 'libopenblas.a'];

/** @param {string} root @returns {string | undefined} */
function openblasBelow(root) {
  const libraries = join(root, 'usr', 'lib');
  if (!existsSync(libraries)) return undefined;
  return readdirSync(libraries)
    .map((triplet) => join(libraries, triplet, ...OPENBLAS))
    .find((file) => existsSync(file));
}

/**
 * @param {import('./tools.mjs').Compiler} compiler
 * @param {string} name such as `libgfortran.a`
 * @param {string} pack the package that brings it, as `libgfortran-%-dev`
 * @returns {Promise<string>}
 */
async function runtimeLibrary(compiler, name, pack) {
  const own = await compilerFile(compiler, name);
  if (own && existsSync(own)) return own;
  const packed = pack.replace('%', compiler.major);
  const folder = await fetchPackage(packed, `it has ${name}, which OpenBLAS and FAISS need`);
  const gcc = join(folder, 'usr', 'lib', 'gcc');
  const found = existsSync(gcc)
    ? readdirSync(gcc)
        .map((machine) => join(gcc, machine, compiler.major, name))
        .find((file) => existsSync(file))
    : undefined;
  if (!found) throw new SupplyError(`expected ${name} in Debian's ${packed}, found none below ${gcc}.`);
  return found;
}

/** @param {string} list @returns {string[]} */
function fromEnvironment(list) {
  const libraries = list.split(/[;,]/).filter(Boolean);
  const absent = libraries.filter((file) => !file.startsWith('-') && !existsSync(file));
  if (absent.length > 0) {
    throw new SupplyError(
      `QUIVER_BLAS_LIBRARIES: expected files separated by ';' (or -l flags), found no file ${absent.join(', ')}.`,
    );
  }
  return libraries;
}

/**
 * @typedef {object} Libraries
 * @property {string[]} blas in link order
 * @property {string | undefined} openmp the compiler's libgomp.so.1; undefined for a compiler with another runtime
 * @property {boolean} chosen whether the user named them; what they drag in is then the user's business
 */

/**
 * @param {import('./tools.mjs').Compiler} compiler
 * @returns {Promise<Libraries>}
 */
export async function findLibraries(compiler) {
  const gomp = await compilerFile(compiler, 'libgomp.so.1');
  const openmp = gomp && existsSync(gomp) ? realpathSync(gomp) : undefined;
  const named = process.env.QUIVER_BLAS_LIBRARIES;
  if (named) return { blas: fromEnvironment(named), openmp, chosen: true };
  const openblas = openblasBelow('/') ?? openblasBelow(await fetchOpenblas());
  if (!openblas) throw new SupplyError("expected libopenblas.a in Debian's libopenblas-openmp-dev, found none.");
  return {
    blas: [
      openblas,
      await runtimeLibrary(compiler, 'libgfortran.a', 'libgfortran-%-dev'),
      await runtimeLibrary(compiler, 'libquadmath.a', 'libgcc-%-dev'),
    ],
    openmp,
    chosen: false,
  };
}

async function fetchOpenblas() {
  try {
    return await fetchPackage('libopenblas-openmp-dev', 'static OpenBLAS, OpenMP flavour');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SupplyError(
      'expected a static OpenBLAS of the OpenMP flavour (/usr/lib/*/openblas-openmp/libopenblas.a), found none, and fetching it failed.\n' +
        `${reason}\n` +
        "Or name your own: QUIVER_BLAS_LIBRARIES='/path/libopenblas.a;/path/libgfortran.a;...'",
    );
  }
}
