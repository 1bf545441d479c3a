/** Python with real peers, in virtual environments of the cache: tests and benchmarks compare with them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, makeOnce } from './cache.mjs';
import { SupplyError, tail } from './errors.mjs';
import { say } from './progress.mjs';
import { run } from './run.mjs';
import { which } from './tools.mjs';

/** What each environment holds; the first package, with its version, names it. */
const PACKAGES = {
  faiss: ['faiss-cpu==1.15.1', 'numpy<3'],
  // hnswlib compiles.
  graphs: ['hnswlib==0.8.0', 'usearch==2.26.6', 'faiss-cpu==1.15.1', 'numpy<3'],
  onnx: ['onnxruntime==1.30.0', 'tokenizers==0.23.3', 'numpy<3'],
};

/**
 * The interpreter of one environment. Throws a SupplyError where there is no Python 3, or where the packages are not in
 * the cache and cannot be had.
 *
 * @param {keyof typeof PACKAGES} name
 * @param {{ install?: boolean }} [options] install: false only looks whether it is there
 * @returns {Promise<string>}
 */
export async function pythonWith(name, { install = true } = {}) {
  const python = which('python3');
  if (!python)
    throw new SupplyError('expected python3 on PATH, found none. Install it with: apt-get install -y python3-venv');
  const { code, stdout } = await run(python, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']);
  if (code !== 0) throw new SupplyError(`expected ${python} to run, found exit code ${code}`);
  const packages = PACKAGES[name];
  const [first = ''] = packages;
  const shown = first.replace('==', ' ');
  // By the version of Python too: an environment works with the interpreter that made it.
  const folder = join(cacheFolder(), 'python', `${first.replace('==', '-')}-python${stdout.trim()}`);
  if (!install && !existsSync(folder)) {
    throw new SupplyError(`expected ${shown} in the cache, found none: node scripts/setup.mjs --test fetches it`);
  }
  await makeOnce(folder, async (temporary) => {
    say(`installing ${shown} for Python`);
    await must(python, ['-m', 'venv', temporary], 'a virtual environment');
    const pip = ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '--retries', '1'];
    await must(join(temporary, 'bin', 'python3'), [...pip, ...packages], shown);
  });
  return join(folder, 'bin', 'python3');
}

/** @param {string} command @param {readonly string[]} args @param {string} what */
async function must(command, args, what) {
  const { code, output } = await run(command, args, { timeoutMs: 600_000 });
  if (code !== 0)
    throw new SupplyError(`expected Python to make ${what}, found exit code ${code}:\n${tail(output, 5)}`);
}
