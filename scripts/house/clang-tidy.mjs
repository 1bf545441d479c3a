/**
 * clang-tidy over native/, with the compile commands of the last build. The tool is Debian's clang-tidy 14, fetched
 * without root when absent: one version everywhere, so that a finding here is a finding there.
 * A file that passed is not looked at again until it, a header, the flags or the settings change.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fetchPackage } from '../lib/apt.mjs';
import { SupplyError } from '../lib/errors.mjs';
import { run } from '../lib/run.mjs';
import { which } from '../lib/tools.mjs';
import { filesBelow } from './rules.mjs';

/** @typedef {{ directory: string, file: string, command?: string, arguments?: string[] }} CompileCommand */
/** @typedef {{ path: string, args: string[], env: NodeJS.ProcessEnv }} Tidy */

const WHY = 'clang-tidy checks the C++ code';

/** Debian packages of the shared libraries that clang-tidy may find missing on a bare machine. */
const LIBRARY_PACKAGES = new Map([
  ['libclang-cpp.so.14', 'libclang-cpp14'],
  ['libLLVM-14.so.1', 'libllvm14'],
  ['libedit.so.2', 'libedit2'],
  ['libbsd.so.0', 'libbsd0'],
  ['libmd.so.0', 'libmd0'],
  ['libxml2.so.2', 'libxml2'],
  ['libicuuc.so.72', 'libicu72'],
  ['libicudata.so.72', 'libicu72'],
  ['libz3.so.4', 'libz3-4'],
]);

/** Fetches what `ldd` misses until it misses nothing. @param {string} path @returns {Promise<NodeJS.ProcessEnv>} */
async function libraryPath(path) {
  const folders = new Set((process.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean));
  for (let round = 0; round < 8; round += 1) {
    const env = { LD_LIBRARY_PATH: [...folders].join(':') };
    const { output } = await run('ldd', [path], { env });
    const missing = [...output.matchAll(/^\s*(\S+) => not found/gm)].map(([, name]) => String(name));
    if (missing.length === 0) return env;
    for (const name of missing) {
      const pack = LIBRARY_PACKAGES.get(name);
      if (pack === undefined)
        throw new SupplyError(`clang-tidy needs ${name}. Install it: apt-get install -y clang-tidy-14`);
      const folder = await fetchPackage(pack, WHY);
      for (const file of filesBelow(folder, /\.so(\.|$)/)) folders.add(dirname(file));
      for (const below of ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu']) {
        if (existsSync(join(folder, below))) folders.add(join(folder, below));
      }
    }
  }
  throw new SupplyError('clang-tidy still misses libraries. Install it: apt-get install -y clang-tidy-14');
}

/** @returns {Promise<Tidy>} */
async function findTidy() {
  // <omp.h> of GCC 12 does not parse with clang 14; LLVM's own does, and lint needs no more than its declarations.
  const omp = (/** @type {string} */ folder) => join(folder, 'usr/lib/llvm-14/lib/clang/14.0.6/include');
  const named =
    process.env.QUIVER_CLANG_TIDY ?? which('clang-tidy-14') ?? (which('apt-get') ? undefined : which('clang-tidy'));
  if (named) return { path: named, args: [], env: {} };
  if (!which('apt-get')) {
    throw new SupplyError(
      'expected clang-tidy on PATH, found none. Install LLVM 14 or newer, or set QUIVER_CLANG_TIDY to it',
    );
  }
  const tidy = join(await fetchPackage('clang-tidy-14', WHY), 'usr/lib/llvm-14/bin/clang-tidy');
  const env = await libraryPath(tidy);
  const common = await fetchPackage('libclang-common-14-dev', WHY);
  const openmp = await fetchPackage('libomp-14-dev', WHY);
  const resources = join(common, 'usr/lib/llvm-14/lib/clang/14.0.6');
  return { path: tidy, env, args: [`--extra-arg=-resource-dir=${resources}`, `--extra-arg=-isystem${omp(openmp)}`] };
}

/**
 * The newest compile_commands.json below build/, builds with sanitizers or CUDA left out.
 *
 * @param {string} root
 * @returns {{ folder: string, commands: CompileCommand[] }}
 */
function compileCommands(root) {
  const found = filesBelow(join(root, 'build'), /^compile_commands\.json$/)
    .filter((file) => !/-(asan|tsan|debug|cuda)\//.test(relative(root, file)))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  const [newest] = found;
  if (newest === undefined) {
    throw new SupplyError(
      'clang-tidy needs build/**/compile_commands.json, found none. Run `node scripts/build.mjs --test` first',
    );
  }
  /** @type {CompileCommand[]} */
  const commands = JSON.parse(readFileSync(newest, 'utf8'));
  // GoogleTest's macros expand to what the checks complain of, so native/test is left to the compiler's warnings.
  const ours = commands.filter(({ file }) => /^native\/(?!test\/)/.test(relative(root, file)));
  return { folder: dirname(newest), commands: ours };
}

/** @param {string} root @param {CompileCommand} command */
function fingerprint(root, command) {
  const hash = createHash('sha256').update(JSON.stringify(command)).update(readFileSync(command.file));
  for (const header of filesBelow(join(root, 'native'), /\.h$/)) hash.update(readFileSync(header));
  return hash.update(readFileSync(join(root, '.clang-tidy'))).digest('hex');
}

/**
 * @param {string} root
 * @returns {Promise<boolean>} whether every file is clean; findings are printed
 */
export async function tidyNative(root) {
  const { folder, commands } = compileCommands(root);
  const stamps = join(root, 'build', 'tidy');
  mkdirSync(stamps, { recursive: true });
  const passed = new Set(readdirSync(stamps));
  const waiting = commands.filter((command) => !passed.has(fingerprint(root, command)));
  if (waiting.length === 0) return commands.length > 0;
  const tidy = await findTidy();
  let clean = true;
  const worker = async () => {
    for (let command = waiting.pop(); command !== undefined; command = waiting.pop()) {
      const args = ['-p', folder, '--quiet', ...tidy.args, '--extra-arg=-Wno-unknown-warning-option'];
      const ignored = '--extra-arg=-Wno-ignored-optimization-argument';
      const { code, stdout, output } = await run(tidy.path, [...args, ignored, command.file], {
        env: tidy.env,
        timeoutMs: 600_000,
      });
      if (code === 0) writeFileSync(join(stamps, fingerprint(root, command)), relative(root, command.file));
      else {
        clean = false;
        console.error((stdout || output).replaceAll(`${root}/`, '').trimEnd());
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return clean;
}
