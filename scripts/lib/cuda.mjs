/** The CUDA toolkit, for `node scripts/build.mjs --cuda`: where it is, its version, and for which GPUs it compiles. */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SupplyError } from './errors.mjs';
import { run } from './run.mjs';
import { TOOLS, missingToolsError, which } from './tools.mjs';

/**
 * @typedef {object} Cuda
 * @property {string} nvcc
 * @property {string} root the toolkit's folder
 * @property {string} version
 * @property {readonly string[]} architectures compute capabilities, such as `90` for 9.0, lowest first
 */

/** V100, then A100, then H100; newer GPUs compile the code of the last for themselves. */
const WANTED = ['70', '80', '90'];

/**
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string | undefined}
 */
export function findNvcc(env = process.env) {
  const named = [env.CUDACXX, ...[env.CUDA_HOME, env.CUDA_PATH].map((folder) => folder && join(folder, 'bin', 'nvcc'))];
  return [...named, 'nvcc', '/usr/local/cuda/bin/nvcc']
    .filter((name) => name !== undefined && name !== '')
    .map((name) => which(/** @type {string} */ (name), env.PATH))
    .find((path) => path !== undefined);
}

/**
 * What a toolkit compiles for when nobody says: CUDA 13 has dropped 7.0, and then its lowest takes that place.
 *
 * @param {readonly string[]} supported
 * @returns {string[]}
 */
export function defaultArchitectures(supported) {
  const numbers = supported.map(Number).sort((a, b) => a - b);
  const least = numbers[0] ?? 0;
  const chosen = WANTED.map(Number).map((wanted) => (wanted < least ? least : wanted));
  return [...new Set(chosen)].filter((one) => numbers.includes(one)).map(String);
}

/**
 * @param {string} [wanted] `--cuda-arch`: such as `80;90`
 * @returns {Promise<Cuda>}
 */
export async function findCuda(wanted = '') {
  const nvcc = findNvcc();
  if (nvcc === undefined) throw missingToolsError([TOOLS.nvcc()]);
  const [about, listed] = await Promise.all([run(nvcc, ['--version']), run(nvcc, ['--list-gpu-arch'])]);
  const version = /release (\d+\.\d+)/.exec(about.stdout)?.[1];
  if (about.code !== 0 || version === undefined) {
    throw new SupplyError(`expected '${nvcc} --version' to print its release, found:\n${about.output}`);
  }
  const supported = [...listed.stdout.matchAll(/compute_(\d+)\b/g)].map(([, number]) => String(number));
  const asked = wanted.split(/[;,]/).filter(Boolean);
  const foreign = asked.filter((one) => !supported.includes(one));
  if (foreign.length > 0) {
    throw new SupplyError(
      `--cuda-arch: expected some of ${supported.join(', ')}, which CUDA ${version} compiles for, found ${foreign.join(', ')}.`,
    );
  }
  const architectures =
    asked.length > 0 ? asked.sort((a, b) => Number(a) - Number(b)) : defaultArchitectures(supported);
  // A link in /usr/bin is followed, so that headers and libraries are looked for where the compiler lies.
  return { nvcc, root: dirname(dirname(realpathSync(nvcc))), version, architectures };
}
