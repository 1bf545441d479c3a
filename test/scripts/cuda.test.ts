import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { skip } from '../support/skip.js';
import { fakePath, runCode, scriptModule, temporaryFolder, writeFaissHeader } from './support.js';

interface Cuda {
  findNvcc(env: NodeJS.ProcessEnv): string | undefined;
  defaultArchitectures(supported: readonly string[]): string[];
}

/** Answers as nvcc 13.5 does. */
const NVCC = `case "$1" in
  --version) echo "Cuda compilation tools, release 13.5, V13.5.37";;
  --list-gpu-arch) printf 'compute_75\\ncompute_80\\ncompute_90\\ncompute_100\\n';;
esac`;
/** /usr/local/cuda may be there. */
const NOWHERE = { CUDACXX: '', CUDA_HOME: '', CUDA_PATH: '' };

describe('building with CUDA', function () {
  this.timeout(60_000);
  let folder = '';
  let remove = () => {};
  beforeEach(() => ({ folder, remove } = temporaryFolder()));
  afterEach(() => remove());

  const toolkit = (name: string): string => {
    mkdirSync(join(folder, name, 'bin'), { recursive: true });
    const nvcc = join(folder, name, 'bin', 'nvcc');
    writeFileSync(nvcc, `#!/bin/sh\n${NVCC}\n`);
    chmodSync(nvcc, 0o755);
    return nvcc;
  };
  const build = async (args: string, env: NodeJS.ProcessEnv) =>
    runCode(
      `process.argv.splice(1, Infinity, 'build.mjs', ...${JSON.stringify(args.split(' '))}); await import('../build.mjs');`,
      env,
    );

  it('says what nvcc is for, where it was looked for and how to get it', async function () {
    const { findNvcc } = await scriptModule<Cuda>('lib/cuda.mjs');
    if (findNvcc({ PATH: '' }) !== undefined) skip(this, 'there is a toolkit in /usr/local/cuda');
    const { status, output } = await build('--cuda', { ...NOWHERE, PATH: fakePath(folder, ['nvcc']) });
    assert.equal(status, 1, output);
    assert.match(output, /expected nvcc on PATH, found none there\./);
    assert.match(
      output,
      /nvcc: it compiles FAISS's GPU code; CUDACXX, CUDA_HOME and \/usr\/local\/cuda were looked at/,
    );
    assert.match(output, /set CUDA_HOME to its folder\nInstall it with: apt-get install -y nvidia-cuda-toolkit/);
    assert.doesNotMatch(output, /\bat .*\.mjs:\d+/, 'no stack');
  });

  it('takes nvcc from CUDACXX, then CUDA_HOME, then PATH', async () => {
    const { findNvcc } = await scriptModule<Cuda>('lib/cuda.mjs');
    const [named, home, path] = [toolkit('named'), toolkit('home'), toolkit('path')];
    const env: NodeJS.ProcessEnv = {
      CUDACXX: named,
      CUDA_HOME: join(folder, 'home'),
      PATH: join(folder, 'path', 'bin'),
    };
    assert.equal(findNvcc(env), named);
    assert.equal(findNvcc({ ...env, CUDACXX: '' }), home);
    assert.equal(findNvcc({ PATH: env.PATH }), path);
    assert.equal(findNvcc({ ...env, CUDACXX: '/nowhere/nvcc', CUDA_HOME: '/nowhere' }), path);
  });

  it('compiles for what this nvcc knows, unless told', async () => {
    const { defaultArchitectures } = await scriptModule<Cuda>('lib/cuda.mjs');
    assert.deepEqual(defaultArchitectures(['60', '70', '75', '80', '86', '90']), ['70', '80', '90']);
    assert.deepEqual(defaultArchitectures(['75', '80', '90', '100', '120']), ['75', '80', '90']);
    assert.deepEqual(defaultArchitectures(['100', '90']), ['90']);
    const env = { ...NOWHERE, CUDACXX: toolkit('named') };
    const found = await runCode(
      `import { findCuda } from './cuda.mjs'; console.log(JSON.stringify([await findCuda(), await findCuda('90;80')]));`,
      env,
    );
    const [usual, asked] = JSON.parse(found.output) as { root: string; version: string; architectures: string[] }[];
    assert.deepEqual([usual?.version, usual?.architectures], ['13.5', ['75', '80', '90']]);
    assert.ok(usual?.root.endsWith('/named'));
    assert.deepEqual(asked?.architectures, ['80', '90']);
    const wrong = await build('--cuda --cuda-arch 70;90', env);
    assert.equal(wrong.status, 1);
    assert.match(
      wrong.output,
      /--cuda-arch: expected some of 75, 80, 90, 100, which CUDA 13\.5 compiles for, found 70\./,
    );
  });

  it('refuses it beside tests and sanitizers, and --cuda-arch without it', async () => {
    for (const args of ['--cuda --test', '--cuda --sanitize address']) {
      const { status, output } = await build(args, NOWHERE);
      assert.equal(status, 1);
      assert.match(output, /--cuda: expected neither --test nor --sanitize/);
    }
    const { status, output } = await build('--cuda-arch 90', NOWHERE);
    assert.equal(status, 1);
    assert.match(output, /--cuda-arch: expected --cuda beside it/);
  });

  it('refuses a FAISS without its GPU part', async () => {
    writeFaissHeader(join(folder, 'tree'), '1.12.0');
    writeFileSync(join(folder, 'tree', 'CMakeLists.txt'), 'project(tiny)\n');
    writeFileSync(join(folder, 'tree', 'faiss', 'CMakeLists.txt'), '');
    const { status, output } = await runCode(
      `import { provideFaiss } from './faiss-build.mjs';
       import { findCompiler } from './tools.mjs';
       import { findCuda } from './cuda.mjs';
       try { await provideFaiss('v3', await findCompiler(), [], await findCuda()); }
       catch (error) { console.log(error.message); process.exitCode = 1; }`,
      {
        ...NOWHERE,
        CUDACXX: toolkit('named'),
        FAISS_ROOT: '',
        QUIVER_FAISS_SOURCE: join(folder, 'tree'),
        QUIVER_CACHE: join(folder, 'cache'),
      },
    );
    assert.equal(status, 1);
    assert.match(output, /--cuda: expected FAISS with its GPU part from .*, found no .*GpuCloner\.cpp/);
  });
});
