/** A real Redis server for the tests: the one on PATH, else Debian's, unpacked into the cache and never installed. */
import { existsSync } from 'node:fs';
import { chmod, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchPackage } from './apt.mjs';
import { cacheFolder, makeOnce } from './cache.mjs';
import { SupplyError } from './errors.mjs';
import { run } from './run.mjs';
import { which } from './tools.mjs';

/**
 * Debian's packages of what the program links to; newer releases name some otherwise. Most machines have most of them.
 *
 * @type {Record<string, string[]>}
 */
const LIBRARIES = {
  'libatomic.so.1': ['libatomic1'],
  'libcap.so.2': ['libcap2'],
  'libcrypto.so.3': ['libssl3', 'libssl3t64'],
  'libgcrypt.so.20': ['libgcrypt20'],
  'libgpg-error.so.0': ['libgpg-error0'],
  'libjemalloc.so.2': ['libjemalloc2'],
  'liblz4.so.1': ['liblz4-1'],
  'liblzf.so.1': ['liblzf1'],
  'liblzma.so.5': ['liblzma5'],
  'libssl.so.3': ['libssl3', 'libssl3t64'],
  'libsystemd.so.0': ['libsystemd0'],
  'libzstd.so.1': ['libzstd1'],
};
const WHY = 'tests of the cache of answers talk to a real Redis';

/** @param {string} folder a package's */
function libraryFolders(folder) {
  const triplet = `${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu`;
  return [join(folder, 'usr', 'lib', triplet), join(folder, 'lib', triplet)].filter((path) => existsSync(path));
}

/** @param {string} library */
async function fetchLibrary(library) {
  const packs = LIBRARIES[library];
  if (!packs) throw new SupplyError(`expected ${library}, which redis-server needs, on this machine, found none`);
  /** @type {unknown} */
  let first;
  for (const pack of packs) {
    try {
      return libraryFolders(await fetchPackage(pack, `redis-server needs ${library}`));
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

/** Folders with the libraries that the program needs and the system lacks. @param {string} program */
async function missingLibraries(program) {
  /** @type {string[]} */
  const folders = [];
  const asked = new Set();
  for (;;) {
    const { stdout } = await run('ldd', [program], { env: { LD_LIBRARY_PATH: folders.join(':') } });
    const missing = [...stdout.matchAll(/^\s*(\S+) => not found/gm)].map(([, library]) => String(library));
    const library = missing.find((name) => !asked.has(name));
    if (library === undefined) return folders;
    asked.add(library);
    folders.push(...(await fetchLibrary(library)));
  }
}

/** @param {string} program */
async function mustRun(program) {
  const { code, output } = await run(program, ['--version']);
  if (code !== 0) throw new SupplyError(`expected ${program} to run, found exit code ${code}:\n${output}`);
}

/**
 * The path of a program that runs. Throws a SupplyError where there is none, and none can be had.
 *
 * @param {{ install?: boolean }} [options] install: false only looks whether it is there
 * @returns {Promise<string>}
 */
export async function redisServer({ install = true } = {}) {
  const installed = which('redis-server');
  if (installed) return installed;
  const folder = join(cacheFolder(), 'redis-server');
  if (!install && !existsSync(folder)) {
    throw new SupplyError(
      'expected redis-server on PATH or in the cache, found none: node scripts/setup.mjs --test fetches it',
    );
  }
  await makeOnce(folder, async (temporary) => {
    // The package redis-server has only links: the program is that of redis-tools, and its name says what it does.
    const tools = await fetchPackage('redis-tools', WHY);
    const program = join(tools, 'usr', 'bin', 'redis-check-rdb');
    const folders = await missingLibraries(program);
    await symlink(program, join(temporary, 'redis-server.bin'));
    const start = join(temporary, 'redis-server');
    // `exec`: the process that was started is the server, so that it can be ended by its id.
    const path = folders.length > 0 ? `LD_LIBRARY_PATH='${folders.join(':')}' ` : '';
    await writeFile(start, `#!/bin/sh\n${path}exec "$(dirname "$0")/redis-server.bin" "$@"\n`);
    await chmod(start, 0o755);
    await mustRun(start);
  });
  return join(folder, 'redis-server');
}
