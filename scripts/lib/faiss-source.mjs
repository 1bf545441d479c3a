/**
 * Where the FAISS source comes from: a tree the user names, the crate faiss-sys (pinned by hash), or upstream's tag.
 * An installed FAISS (FAISS_ROOT) is looked at in faiss-installed.mjs, before any of these.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder, makeOnce } from './cache.mjs';
import { SupplyError, tail } from './errors.mjs';
import { say } from './progress.mjs';
import { run } from './run.mjs';
import { which } from './tools.mjs';

export const FAISS_VERSION = '1.12.0';
const CRATE = {
  name: 'faiss-sys',
  version: '0.7.0',
  hash: 'c4a8fa67f7070bb81f41dc71c98813b3e40a66bedab12d6c2ac2af50f0837a7e',
};
const UPSTREAM = 'https://github.com/facebookresearch/faiss';
const MANIFEST = fileURLToPath(new URL('../../native/faiss/Cargo.toml', import.meta.url));

/**
 * The version that a tree's or an installation's headers state.
 *
 * @param {string} include folder that holds `faiss/Index.h`
 * @returns {Promise<string | undefined>}
 */
export async function headerVersion(include) {
  const text = await readFile(join(include, 'faiss', 'Index.h'), 'utf8').catch(() => '');
  const parts = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part) => new RegExp(`define\\s+FAISS_VERSION_${part}\\s+(\\d+)`).exec(text)?.[1],
  );
  return parts.every((part) => part !== undefined) ? parts.join('.') : undefined;
}

/** @param {string} version whether FAISS is new enough: 1.10 or later */
export function isSupported(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 1 || (major === 1 && minor >= 10);
}

/**
 * Refuses a vendored crate unless it is the pinned one, byte for byte.
 *
 * @param {string} crate folder with .cargo-checksum.json
 */
export async function verifyCrate(crate) {
  /** @type {{ package: string, files: Record<string, string> }} */
  const sums = JSON.parse(await readFile(join(crate, '.cargo-checksum.json'), 'utf8'));
  if (sums.package !== CRATE.hash) {
    throw new SupplyError(
      `checksum mismatch: expected ${CRATE.name} ${CRATE.version} with sha256 ${CRATE.hash}, found ${sums.package}`,
    );
  }
  for (const [name, expected] of Object.entries(sums.files)) {
    const bytes = await readFile(join(crate, name)).catch(() => undefined);
    const found = bytes ? createHash('sha256').update(bytes).digest('hex') : 'no such file';
    if (found !== expected)
      throw new SupplyError(`checksum mismatch: expected ${name} with sha256 ${expected}, found ${found}`);
  }
}

/**
 * Cargos before 1.70, Debian 12's 1.65 among them, clone the registry's whole index (minutes, hundreds of MB) unless
 * told to ask for single entries. Before 1.68 that is behind a switch, which a stable cargo obeys only with
 * RUSTC_BOOTSTRAP; nothing is compiled in this step.
 *
 * @param {string} cargo
 * @returns {Promise<{ args: string[], env: Record<string, string> }>}
 */
async function quickIndex(cargo) {
  const { stdout } = await run(cargo, ['--version']);
  const minor = Number(/^cargo 1\.(\d+)\./.exec(stdout)?.[1] ?? Infinity);
  if (minor < 68) return { args: ['-Z', 'sparse-registry'], env: { RUSTC_BOOTSTRAP: '1' } };
  return { args: [], env: minor < 70 ? { CARGO_REGISTRIES_CRATES_IO_PROTOCOL: 'sparse' } : {} };
}

/** @param {string} temporary folder that becomes the source folder */
async function fromCrate(temporary) {
  const cargo = which('cargo');
  if (!cargo) throw new SupplyError('cargo is not on PATH (install it with: apt-get install -y cargo)');
  const project = join(temporary, 'project');
  await mkdir(join(project, 'src'), { recursive: true });
  await cp(MANIFEST, join(project, 'Cargo.toml'));
  await writeFile(join(project, 'src', 'lib.rs'), '');
  const quick = await quickIndex(cargo);
  const { code, output } = await run(cargo, [...quick.args, 'vendor', '--versioned-dirs', 'vendor'], {
    cwd: project,
    env: { ...quick.env, CARGO_NET_RETRY: '2', CARGO_HTTP_TIMEOUT: '30' },
    timeoutMs: 15 * 60_000,
  });
  if (code !== 0) throw new SupplyError(`cargo vendor failed:\n${tail(output, 8)}`);
  const crate = join(project, 'vendor', `${CRATE.name}-${CRATE.version}`);
  await verifyCrate(crate);
  await rename(join(crate, 'faiss'), join(temporary, 'faiss'));
  await rm(project, { recursive: true });
}

/** @param {string} temporary */
async function fromUpstream(temporary) {
  const git = which('git');
  if (!git) throw new SupplyError('git is not on PATH (install it with: apt-get install -y git)');
  const env = { GIT_TERMINAL_PROMPT: '0' };
  const tag = `v${FAISS_VERSION}`;
  // git waits minutes for a host that does not answer; this asks for one line first.
  const probe = await run(git, ['ls-remote', '--exit-code', UPSTREAM, `refs/tags/${tag}`], { env, timeoutMs: 20_000 });
  if (probe.code !== 0) throw new SupplyError(`git ls-remote ${UPSTREAM} ${tag} failed:\n${tail(probe.output, 4)}`);
  const clone = ['-c', 'advice.detachedHead=false', 'clone', '--quiet', '--depth', '1', '--branch', tag, UPSTREAM];
  const { code, output } = await run(git, [...clone, join(temporary, 'faiss')], { env, timeoutMs: 15 * 60_000 });
  if (code !== 0) throw new SupplyError(`git clone failed:\n${tail(output, 6)}`);
}

/**
 * What changes when a file of a user's own tree changes: names, sizes and times of its files.
 *
 * @param {string} tree
 */
async function fingerprint(tree) {
  const hash = createHash('sha256');
  const entries = await readdir(join(tree, 'faiss'), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  for (const file of [...files.sort(), join(tree, 'CMakeLists.txt')]) {
    const { size, mtimeMs } = await stat(file);
    hash.update(`${relative(tree, file)} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex').slice(0, 8);
}

/**
 * @typedef {object} Source
 * @property {string} folder with FAISS's CMakeLists.txt
 * @property {string} version
 * @property {string} key tells builds of different sources apart in the cache
 * @property {string} from for people
 */

/** @param {string} named the value of QUIVER_FAISS_SOURCE @returns {Promise<Source>} */
async function fromTree(named) {
  const folder = resolve(named);
  const version = await headerVersion(folder);
  if (!version || !existsSync(join(folder, 'CMakeLists.txt'))) {
    throw new SupplyError(
      `QUIVER_FAISS_SOURCE=${named}: expected a FAISS source tree (CMakeLists.txt, faiss/Index.h), found none. ` +
        'Correct it, or unset it to let the build fetch FAISS.',
    );
  }
  if (!isSupported(version)) {
    throw new SupplyError(
      `QUIVER_FAISS_SOURCE=${named}: expected FAISS 1.10 or newer, found ${version}. Update it, or unset it.`,
    );
  }
  return {
    folder,
    version,
    key: `${version}-tree-${await fingerprint(folder)}`,
    from: `QUIVER_FAISS_SOURCE (${folder})`,
  };
}

/** Where the fetched source lies, fetched or not. */
export function fetchedFolder() {
  return join(cacheFolder(), 'sources', `faiss-${FAISS_VERSION}`);
}

/**
 * A tree that the user names is used or refused, never passed over in silence.
 *
 * @returns {Promise<Source>}
 */
export async function findSource() {
  if (process.env.QUIVER_FAISS_SOURCE) return fromTree(process.env.QUIVER_FAISS_SOURCE);
  const folder = fetchedFolder();
  await makeOnce(folder, fetchSource);
  return { folder: join(folder, 'faiss'), version: FAISS_VERSION, key: FAISS_VERSION, from: folder };
}

/** @param {string} temporary */
async function fetchSource(temporary) {
  const failures = [
    'FAISS_ROOT (an installed FAISS, 1.10 or newer): not set',
    'QUIVER_FAISS_SOURCE (a FAISS source tree): not set',
  ];
  /** @type {[string, (temporary: string) => Promise<void>][]} */
  const ways = [
    [`the crate ${CRATE.name} ${CRATE.version}`, fromCrate],
    [`the tag v${FAISS_VERSION} of ${UPSTREAM}`, fromUpstream],
  ];
  for (const [name, fetch] of ways) {
    say(`fetching the FAISS ${FAISS_VERSION} source from ${name}`);
    try {
      await fetch(temporary);
      const found = await headerVersion(join(temporary, 'faiss'));
      if (found !== FAISS_VERSION)
        throw new SupplyError(`expected FAISS ${FAISS_VERSION}, found ${found ?? 'no faiss/Index.h'}`);
      return;
    } catch (error) {
      if (!(error instanceof SupplyError)) throw error;
      failures.push(`${name}: ${reason(error)}`);
      await rm(join(temporary, 'faiss'), { recursive: true, force: true });
    }
  }
  throw new SupplyError(
    [
      'expected FAISS from one of four places, found it in none:',
      ...failures.map((failure, index) => `  ${index + 1}. ${failure.replaceAll('\n', '\n     ')}`),
      'Repair one of them; with a network, the third needs only cargo.',
    ].join('\n'),
  );
}

/** @param {unknown} error */
function reason(error) {
  return error instanceof Error ? error.message : String(error);
}
