/** The steps from a fresh clone to something that runs; each does nothing when its result is there and new enough. */
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { browserProgram } from './browser.mjs';
import { SupplyError, tail } from './errors.mjs';
import { mustFetchFaiss } from './faiss-build.mjs';
import { isNewerThan, removeOrphans, wasMadeWith } from './fresh.mjs';
import { installTools } from './install-tools.mjs';
import { ROOT, buildFolder, buildInputs, nativeBuild, stampFile } from './native-build.mjs';
import { say } from './progress.mjs';
import { pythonWith } from './python.mjs';
import { redisServer } from './redis.mjs';
import { run } from './run.mjs';
import { levelsFor } from './simd.mjs';
import { missingTools, which } from './tools.mjs';

/**
 * Compared by content: a copy or a checkout gives the lock file a new time without changing what it asks for.
 *
 * @param {string} root
 * @returns {string | undefined} why the installed packages are not those of the lock file
 */
export function packagesTrouble(root) {
  if (!existsSync(join(root, 'package-lock.json'))) return undefined;
  if (!existsSync(join(root, 'node_modules', '.package-lock.json'))) return 'there is no node_modules';
  const read = (/** @type {string} */ file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  const installed = read(join('node_modules', '.package-lock.json'));
  for (const [name, { version, optional }] of Object.entries(read('package-lock.json'))) {
    const found = installed[name]?.version;
    // What is optional may be for another platform.
    if (name === '' || found === version || (optional && found === undefined)) continue;
    return `expected ${name} ${version}, as in package-lock.json, found ${found ?? 'none'}`;
  }
  return undefined;
}

export async function packages() {
  const why = packagesTrouble(ROOT);
  if (why === undefined) return;
  if (!which('npm')) {
    throw new SupplyError(
      'expected npm on PATH, found none: it installs the packages of package-lock.json. Install it with: apt-get install -y npm',
    );
  }
  // npm ci empties the folder first, and would do so to another checkout's packages behind a link.
  if (lstatSync(join(ROOT, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new SupplyError(
      `node_modules is a link, and ${why}. Bring it up to date where it points, or remove the link and run this again.`,
    );
  }
  say(`npm ci: ${why}`);
  const { code, output } = await run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], { cwd: ROOT });
  if (code !== 0) throw new SupplyError(`expected 'npm ci' to work, found exit code ${code}:\n${tail(output, 20)}`);
}

/** @param {boolean} tests whether the GoogleTest binary is wanted too */
export async function native(tests) {
  const [level] = levelsFor(process.env.QUIVER_SIMD || 'host');
  if (!level) return;
  const wanted = /** @type {const} */ ({ level, debug: false, sanitize: '', tests });
  const folder = buildFolder(wanted);
  const stamp = stampFile(folder, tests ? 'tests' : 'addon');
  const sources = [
    'CMakeLists.txt',
    'scripts/lib',
    'native/core',
    'native/binding',
    'native/addon.cc',
    'native/faiss/exports.map',
  ];
  if (tests) sources.push('native/test');
  const fresh =
    existsSync(join(folder, 'quiver.node')) &&
    (!tests || existsSync(join(folder, 'quiver_tests'))) &&
    wasMadeWith(stamp, buildInputs()) &&
    isNewerThan(
      stamp,
      sources.map((name) => join(ROOT, name)),
    );
  if (fresh) return;
  await installTools(
    missingTools(['compiler', 'cmake', ...(mustFetchFaiss() ? /** @type {const} */ (['cargo']) : [])]),
  );
  await nativeBuild(wanted);
}

/** Python's FAISS, for the tests that exchange files with it. They skip, and say so, where it cannot be had. */
export async function python() {
  try {
    await pythonWith('faiss');
  } catch (error) {
    if (!(error instanceof SupplyError)) throw error;
    say(`without Python's FAISS: ${error.message}`);
  }
}

/** A Redis server for the tests of the cache of answers. They skip, and say so, where it cannot be had. */
export async function redis() {
  try {
    await redisServer();
  } catch (error) {
    if (!(error instanceof SupplyError)) throw error;
    say(`without a Redis server: ${error.message}`);
  }
}

/** A browser, for the tests of the page. They skip, and say so, where it cannot be had. */
export async function browser() {
  try {
    await browserProgram();
  } catch (error) {
    if (!(error instanceof SupplyError)) throw error;
    say(`without a browser: ${error.message}`);
  }
}

export async function typescript() {
  const dist = join(ROOT, 'dist');
  const stamp = join(dist, '.built');
  const sources = ['lib', 'src', 'bench', 'test', 'tsconfig.json', 'node_modules/.package-lock.json'];
  if (
    isNewerThan(
      stamp,
      sources.map((name) => join(ROOT, name)),
    )
  )
    return;
  const began = new Date();
  say('compiling TypeScript');
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { code, output } = await run(process.execPath, [compiler, '--pretty', 'false'], { cwd: ROOT });
  if (code !== 0) throw new SupplyError(`expected TypeScript to compile, found:\n${tail(output, 40)}`);
  removeOrphans(ROOT, dist);
  const { buildPage } = await import('../build-page.mjs');
  await buildPage();
  await mkdir(dist, { recursive: true });
  await writeFile(stamp, '');
  await utimes(stamp, began, began);
}
