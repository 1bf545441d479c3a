import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cpu } from '../../lib/cpu.js';
import { addon, addonPath, candidates, packageRoot } from '../../lib/loader.js';
import { repositoryRoot } from '../support/run.js';
import { fails, suiteFolder } from './support.js';

const LEVELS = ['v4', 'v3', 'v2'];
const home = join('prebuilds', `${process.platform}-${process.arch}`);

/** Runs a program against the compiled lib/ in `root`; what it prints is JSON. */
function inProcess(root: string, code: string, env: NodeJS.ProcessEnv = {}): unknown {
  const source = `import { pathToFileURL } from 'node:url';
    const lib = await import(pathToFileURL(${JSON.stringify(join(root, 'dist/lib/index.js'))}));
    const print = (value) => console.log(JSON.stringify(value));
    const caught = (error) => print({ code: error.code, message: error.message, expected: error.expected, actual: error.actual });
    ${code}`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout) as unknown;
}

const CREATE = `await lib.Index.create({ dim: 2 }).then(() => print('made'), caught);`;

describe('lib: loader', () => {
  const folder = suiteFolder();

  it('looks for the best level of this CPU first, in build/ and prebuilds/', () => {
    const from = LEVELS.indexOf(cpu().level);
    const wanted = LEVELS.slice(from).flatMap((level) => [
      join('root', 'build', level, 'quiver.node'),
      join('root', home, `quiver.${level}.node`),
    ]);
    assert.deepEqual(candidates('root', {}), wanted);
    assert.deepEqual(candidates('root', { QUIVER_SIMD: '' }), wanted);
    assert.ok(candidates().every((path) => path.startsWith(packageRoot)));
  });

  it('takes the level that QUIVER_SIMD forces', () => {
    assert.deepEqual(candidates('root', { QUIVER_SIMD: 'v2' }), [
      join('root', 'build', 'v2', 'quiver.node'),
      join('root', home, 'quiver.v2.node'),
    ]);
  });

  it('takes builds with GPU code first when QUIVER_CUDA=1 asks for them, and never otherwise', () => {
    const plain = candidates('root', { QUIVER_SIMD: 'v2' });
    const gpu = join('root', 'build', 'v2-cuda', 'quiver.node');
    assert.deepEqual(candidates('root', { QUIVER_SIMD: 'v2', QUIVER_CUDA: '1' }), [gpu, ...plain]);
    for (const no of ['', '0', 'yes'])
      assert.deepEqual(candidates('root', { QUIVER_SIMD: 'v2', QUIVER_CUDA: no }), plain);
  });

  it('refuses a QUIVER_SIMD that is no level', async () => {
    const failure = {
      code: 'E_ARGUMENT' as const,
      message: 'QUIVER_SIMD must be v2, v3 or v4, but is "avx9".',
      expected: 'v2, v3 or v4',
      actual: 'avx9',
    };
    await fails(() => candidates('root', { QUIVER_SIMD: 'avx9' }), failure);
    assert.deepEqual(inProcess(repositoryRoot, CREATE, { QUIVER_SIMD: 'avx9' }), failure);
  });

  it('says what to do where there is no addon, the first time and the next', () => {
    const root = folder('empty');
    mkdirSync(root);
    cpSync(join(repositoryRoot, 'dist/lib'), join(root, 'dist/lib'), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
    const twice = `const seen = [];
      for (let i = 0; i < 2; i++) await lib.Index.create({ dim: 2 }).catch((error) => seen.push(error));
      if (seen[0] !== seen[1]) throw new Error('two searches for the addon');
      caught(seen[1]);`;
    assert.deepEqual(inProcess(root, twice), {
      code: 'E_MISSING_DEPENDENCY',
      message:
        `There is no addon for ${process.platform}-${process.arch}, CPU level ${cpu().level}.\n` +
        `Build it with \`node scripts/build.mjs\` in ${root} (needs g++, cmake and cargo), and ask \`quiver doctor\` what is missing.`,
      expected: 'an addon for this machine',
      actual: 'none',
    });
  });

  it('names a file that does not load, and why', () => {
    const root = folder('broken');
    cpSync(join(repositoryRoot, 'dist/lib'), join(root, 'dist/lib'), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
    const path = join(root, 'build', cpu().level, 'quiver.node');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'no addon');
    const error = inProcess(root, CREATE) as Record<string, string>;
    assert.equal(error.code, 'E_MISSING_DEPENDENCY');
    assert.equal(error.actual, 'one that does not load');
    assert.ok(error.message.startsWith(`The addon does not load:\n  ${path}: `), error.message);
    assert.match(error.message, /file too short|invalid ELF header/);
  });

  it('takes the next file when the best does not load', () => {
    const root = folder('second');
    cpSync(join(repositoryRoot, 'dist/lib'), join(root, 'dist/lib'), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{ "type": "module", "version": "1.2.3" }');
    const broken = join(root, 'build', cpu().level, 'quiver.node');
    const good = join(root, home, `quiver.${cpu().level}.node`);
    for (const path of [broken, good]) mkdirSync(dirname(path), { recursive: true });
    writeFileSync(broken, 'no addon');
    cpSync(addonPath(), good);
    assert.equal(inProcess(root, 'print(lib.system().addon)'), good);
  });

  it('loads the addon once, and leaves the environment as it was', () => {
    assert.equal(addon(), addon());
    assert.ok(candidates().includes(addonPath()));
    const code = `const before = JSON.stringify(process.env); lib.system(); print(before === JSON.stringify(process.env));`;
    assert.equal(inProcess(repositoryRoot, code), true);
  });

  it('takes QUIVER_THREADS, and the number of cores where it is nonsense', () => {
    const threads = (value: string): unknown =>
      inProcess(repositoryRoot, 'print(lib.system().threads)', { QUIVER_THREADS: value });
    assert.equal(threads('3'), 3);
    assert.equal(threads('99999'), 1024);
    const cores = inProcess(
      repositoryRoot,
      `import { availableParallelism } from 'node:os'; print(availableParallelism())`,
    );
    for (const nonsense of ['0', '-2', 'many', '1.5']) assert.equal(threads(nonsense), cores, nonsense);
  });
});
