/** An installed FAISS that the user names with FAISS_ROOT. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SupplyError } from './errors.mjs';
import { headerVersion, isSupported } from './faiss-source.mjs';
import { say } from './progress.mjs';
import { FAISS_BUILDS, LEVELS } from './simd.mjs';

/**
 * @typedef {object} Faiss
 * @property {string} include
 * @property {string} library
 * @property {string} version
 * @property {string} from for people
 */

/**
 * @param {import('./simd.mjs').Level} level
 * @returns {Promise<Faiss | undefined>} undefined when FAISS_ROOT is not set
 */
export async function installedFaiss(level) {
  const named = process.env.FAISS_ROOT;
  if (!named) return undefined;
  const root = resolve(named);
  const include = join(root, 'include');
  const version = await headerVersion(include);
  if (!version || !isSupported(version)) {
    throw new SupplyError(
      `FAISS_ROOT=${named}: expected FAISS 1.10 or newer with include/faiss/Index.h, found ${version ?? 'none'}. ` +
        'Correct it, or unset it to let the build fetch FAISS.',
    );
  }
  // The level asked for, else the best build below it: a plain install has libfaiss alone.
  const candidates = LEVELS.slice(0, LEVELS.indexOf(level) + 1)
    .reverse()
    .map((name) => FAISS_BUILDS[name].target);
  const files = candidates.flatMap((target) =>
    ['lib', 'lib64'].flatMap((lib) => ['a', 'so'].map((kind) => join(root, lib, `lib${target}.${kind}`))),
  );
  const library = files.find((file) => existsSync(file));
  if (!library) {
    throw new SupplyError(
      `FAISS_ROOT=${named}: expected ${candidates.map((name) => `lib/lib${name}.a (or .so)`).join(' or ')}, found none. ` +
        'Correct it, or unset it to let the build fetch FAISS.',
    );
  }
  if (!library.includes(`lib${candidates[0]}.`))
    say(`FAISS_ROOT has no lib${candidates[0]}: linking ${library}, which is slower`);
  return { include, library, version, from: `FAISS_ROOT (${root})` };
}
