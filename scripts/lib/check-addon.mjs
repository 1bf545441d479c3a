/**
 * Looks into the linked addon: it must need only what every glibc Linux with a C++ runtime has, or what lies beside
 * it, and show only what Node looks up.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './run.mjs';
import { SupplyError } from './errors.mjs';
import { say } from './progress.mjs';
import { which } from './tools.mjs';

const ALLOWED = /^(libstdc\+\+|libm|libgcc_s|libc|libpthread|libdl|librt|ld-linux-x86-64)\.so\.\d+$/;
/** Half a gigabyte: they stay in the toolkit, where the addon of a --cuda build looks for them. */
const OF_CUDA = /^libcublas(Lt)?\.so\.\d+$/;
const EXPORTS = new Set(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
const FROM_NODE = /^(napi_|node_api_)/;

/**
 * @param {string} dynamic what `readelf -dW` prints
 * @param {(name: string) => boolean} isBeside whether a library lies in the addon's folder
 * @param {boolean} [cuda] whether the toolkit's libraries may be needed
 * @returns {string[]} libraries that a slim image may lack
 */
export function foreignLibraries(dynamic, isBeside, cuda = false) {
  const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map((match) => match[1] ?? '');
  const looksBeside = /\((RUNPATH|RPATH)\).*\[\$ORIGIN[:\]]/.test(dynamic);
  const known = (/** @type {string} */ name) => ALLOWED.test(name) || (cuda && OF_CUDA.test(name));
  return needed.filter((name) => !known(name) && !(looksBeside && isBeside(name)));
}

/**
 * @param {string} symbols what `readelf --dyn-syms -W` prints
 * @returns {{ leaked: string[], missing: string[] }} symbols that are visible without need; symbols that nobody has
 */
export function strangeSymbols(symbols) {
  const leaked = [];
  const missing = [];
  for (const line of symbols.split('\n')) {
    const [, , , , bind, , section, name] = line.trim().split(/\s+/);
    if (!name || bind === 'LOCAL' || section === 'Ndx') continue;
    if (section === 'UND') {
      if (bind === 'GLOBAL' && !name.includes('@') && !FROM_NODE.test(name)) missing.push(name);
    } else if (!EXPORTS.has(name)) leaked.push(name);
  }
  return { leaked, missing };
}

/**
 * @param {string} addon
 * @param {boolean} ownLibraries whether the user named shared libraries to link (FAISS_ROOT, QUIVER_BLAS_LIBRARIES)
 * @param {boolean} [cuda] whether it is a build with GPU code
 */
export async function checkAddon(addon, ownLibraries, cuda = false) {
  if (!which('readelf')) return say(`readelf is not on PATH: what ${addon} needs was not checked`);
  const [dynamic, symbols] = await Promise.all([
    run('readelf', ['-dW', addon], { env: { LC_ALL: 'C' } }),
    run('readelf', ['--dyn-syms', '-W', addon], { env: { LC_ALL: 'C' } }),
  ]);
  const foreign = foreignLibraries(dynamic.stdout, (name) => existsSync(join(dirname(addon), name)), cuda);
  const { leaked, missing } = strangeSymbols(symbols.stdout);
  if (ownLibraries) {
    // Their symbols come from the libraries the user named.
    if (foreign.length > 0) say(`note: ${addon} needs ${foreign.join(', ')} where it runs`);
    missing.length = 0;
  }
  const faults = [
    foreign.length > 0 && !ownLibraries
      ? `it needs ${foreign.join(', ')}; link them statically or lay them beside it`
      : '',
    leaked.length > 0 ? `it shows ${leaked.length} symbols, such as ${leaked.slice(0, 3).join(', ')}` : '',
    missing.length > 0 ? `nothing defines ${missing.slice(0, 5).join(', ')}` : '',
  ].filter(Boolean);
  if (faults.length > 0) {
    throw new SupplyError(
      `expected ${addon} to need only libstdc++, libm, libgcc_s and libc and to show only Node's entry points, found:\n  ${faults.join('\n  ')}`,
    );
  }
}
