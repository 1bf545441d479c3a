/** Debian packages without root: `apt-get download` and `dpkg-deb -x` into the cache; nothing is installed. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, makeOnce } from './cache.mjs';
import { SupplyError, tail } from './errors.mjs';
import { say } from './progress.mjs';
import { run } from './run.mjs';
import { which } from './tools.mjs';

/**
 * Options for apt. Root normally hands downloads to the user `_apt`, who may not write into the cache: apt then
 * warns on every file. The download checks its hashes either way.
 */
const COMMON = ['-q', '-o', 'APT::Sandbox::User=root', '-o', 'Acquire::Retries=2', '-o', 'Acquire::http::Timeout=30'];

/** Our own package lists, for machines whose lists are absent or too old. @returns {Promise<string[]>} */
async function privateLists() {
  const state = join(cacheFolder(), 'apt');
  await mkdir(join(state, 'lists', 'partial'), { recursive: true });
  await mkdir(join(state, 'cache', 'archives', 'partial'), { recursive: true });
  const options = [
    `Dir::State::Lists=${join(state, 'lists')}`,
    `Dir::Cache=${join(state, 'cache')}`,
    // Used a few times in the life of a cache: small matters more than quick.
    'Dir::Cache::pkgcache=',
    'Dir::Cache::srcpkgcache=',
    'Acquire::GzipIndexes=true',
    'Acquire::Languages=none',
  ];
  return options.flatMap((option) => ['-o', option]);
}

/**
 * @param {string} pack
 * @param {string} folder
 */
async function download(pack, folder) {
  const first = await run('apt-get', [...COMMON, 'download', pack], { cwd: folder, env: { LC_ALL: 'C' } });
  if (first.code === 0) return;
  const own = await privateLists();
  const update = await run('apt-get', [...COMMON, ...own, 'update'], { env: { LC_ALL: 'C' } });
  const second = await run('apt-get', [...COMMON, ...own, 'download', pack], { cwd: folder, env: { LC_ALL: 'C' } });
  if (second.code === 0) return;
  throw new SupplyError(
    [
      `expected 'apt-get download ${pack}' to bring the package, found:`,
      tail(update.code === 0 ? second.output : update.output, 6),
      `Check the network and /etc/apt/sources.list, or install it yourself: apt-get install -y ${pack}`,
    ].join('\n'),
  );
}

/** @param {string} pack where it is unpacked, whether or not it already is */
export function packageFolder(pack) {
  return join(cacheFolder(), 'debian', pack);
}

/**
 * Downloads a Debian package and unpacks it into a folder.
 *
 * @param {string} pack
 * @param {string} why completes "fetching X: "
 * @param {string} folder
 */
export async function unpackPackage(pack, why, folder) {
  const missing = ['apt-get', 'dpkg-deb'].filter((name) => !which(name));
  if (missing.length > 0) {
    throw new SupplyError(
      `expected ${missing.join(' and ')} to fetch Debian's ${pack} (${why}), found none on PATH. ` +
        `On another distribution install its counterpart of ${pack}.`,
    );
  }
  say(`fetching Debian's ${pack} without installing it: ${why}`);
  await download(pack, folder);
  const debs = (await readdir(folder)).filter((name) => name.endsWith('.deb'));
  for (const deb of debs) {
    const { code, output } = await run('dpkg-deb', ['-x', join(folder, deb), folder]);
    if (code !== 0) throw new SupplyError(`expected dpkg-deb to unpack ${deb}, found:\n${tail(output, 6)}`);
    await rm(join(folder, deb));
  }
}

/**
 * The folder of the cache into which a Debian package is unpacked, fetched when it is not there yet.
 *
 * @param {string} pack
 * @param {string} why completes "fetching X: "
 * @returns {Promise<string>}
 */
export async function fetchPackage(pack, why) {
  const folder = packageFolder(pack);
  await makeOnce(folder, (temporary) => unpackPackage(pack, why, temporary));
  return folder;
}
