import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../support/run.js';
import { skip } from '../support/skip.js';
import { fakePath, runCode, scriptModule, temporaryFolder } from './support.js';

let folder = '';
let remove = () => {};

function freshFolder(): void {
  ({ folder, remove } = temporaryFolder());
}

describe('progress', () => {
  interface Module {
    shareDone(line: string): number | undefined;
    Progress: new (label: string, stream: unknown) => { line(line: string): void; done(): void };
  }

  it("reads ninja's counts and make's percents", async () => {
    const { shareDone } = await scriptModule<Module>('lib/progress.mjs');
    assert.equal(shareDone('[1/4] Building CXX object a.cc.o'), 0.25);
    assert.equal(shareDone('[ 12%] Building CXX object a.cc.o'), 0.12);
    assert.equal(shareDone('[100%] Built target faiss'), 1);
    assert.equal(shareDone('a.cc:1:2: error: [3/4]'), undefined);
  });

  it('rewrites one line on a terminal that is narrow', async () => {
    const { Progress } = await scriptModule<Module>('lib/progress.mjs');
    let written = '';
    const stream = { isTTY: true, columns: 50, write: (text: string) => (written += text) };
    const progress = new Progress('FAISS', stream);
    progress.line('[1/2] a');
    progress.done();
    const lines = written.split('\r').slice(1);
    assert.match(lines[0], /^FAISS \[#{12}\.{12}\] 50 %/);
    assert.match(lines[1], /^FAISS: done \(0 s\) *\n$/);
    for (const line of lines) assert.ok(line.trimEnd().length < 50);
  });

  it('says nothing but the end elsewhere when it was quick', async () => {
    const { Progress } = await scriptModule<Module>('lib/progress.mjs');
    let written = '';
    const progress = new Progress('FAISS', { isTTY: false, write: (text: string) => (written += text) });
    progress.line('[1/2] a');
    progress.done();
    assert.equal(written, 'FAISS: done (0 s)\n');
  });
});

describe("the CPU's level", () => {
  const V2 = 'cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3';
  const V3 = `${V2} abm avx avx2 bmi1 bmi2 f16c fma movbe`;
  const V4 = `${V3} avx512bw avx512cd avx512dq avx512f avx512vl`;
  const cases: [string, string, string | undefined][] = [
    ['all of v4', V4, 'v4'],
    ['v4 without one flag', V4.replace('avx512vl', ''), 'v3'],
    ['v3', V3, 'v3'],
    ['AVX-512 without AVX2', `${V2} avx512bw avx512cd avx512dq avx512f avx512vl`, 'v2'],
    ['less than v2', 'ssse3', undefined],
  ];
  for (const [name, flags, level] of cases) {
    it(`${name} is ${level ?? 'none'}`, async () => {
      const { hostLevel } = await scriptModule<{ hostLevel(cpuinfo: string): string | undefined }>('lib/simd.mjs');
      assert.equal(hostLevel(`processor\t: 0\nflags\t\t: fpu ${flags}\nbugs\t\t:\n`), level);
    });
  }
});

describe('what the addon needs and shows', () => {
  interface Module {
    foreignLibraries(dynamic: string, isBeside: (name: string) => boolean): string[];
    strangeSymbols(symbols: string): { leaked: string[]; missing: string[] };
    checkAddon(addon: string, ownLibraries: boolean): Promise<void>;
  }
  const needs = (...names: string[]) => names.map((name) => ` 0x1 (NEEDED)  Shared library: [${name}]`).join('\n');
  const runpath = '\n 0x1d (RUNPATH)  Library runpath: [$ORIGIN]';

  it('a library that is neither on every Linux nor beside it is foreign', async () => {
    const { foreignLibraries } = await scriptModule<Module>('lib/check-addon.mjs');
    const usual = needs('libstdc++.so.6', 'libm.so.6', 'libgcc_s.so.1', 'libc.so.6', 'ld-linux-x86-64.so.2');
    const beside = (name: string) => name === 'libgomp.so.1';
    assert.deepEqual(foreignLibraries(usual, beside), []);
    assert.deepEqual(foreignLibraries(needs('libopenblas.so.0', 'libgomp.so.1') + runpath, beside), [
      'libopenblas.so.0',
    ]);
    assert.deepEqual(
      foreignLibraries(needs('libgomp.so.1'), beside),
      ['libgomp.so.1'],
      'no $ORIGIN, so it is not found',
    );
  });

  it('a symbol that Node does not look up leaks, and one that nobody has is missing', async () => {
    const { strangeSymbols } = await scriptModule<Module>('lib/check-addon.mjs');
    const symbols = [
      '   Num:    Value          Size Type    Bind   Vis      Ndx Name',
      '     1: 0000000000000000     0 FUNC    GLOBAL DEFAULT  UND memcpy@GLIBC_2.14 (4)',
      '     2: 0000000000000000     0 NOTYPE  GLOBAL DEFAULT  UND napi_create_object',
      '     3: 0000000000000000     0 NOTYPE  WEAK   DEFAULT  UND __gmon_start__',
      '     4: 0000000000000000     0 NOTYPE  GLOBAL DEFAULT  UND sgemm_',
      '     5: 0000000000001000    12 FUNC    GLOBAL DEFAULT   12 napi_register_module_v1',
      '     6: 0000000000001000    12 FUNC    WEAK   DEFAULT   12 _ZN5faiss5Index5trainEv',
    ].join('\n');
    assert.deepEqual(strangeSymbols(symbols), { leaked: ['_ZN5faiss5Index5trainEv'], missing: ['sgemm_'] });
  });

  it('holds for the addon that was built', async function () {
    const { checkAddon } = await scriptModule<Module>('lib/check-addon.mjs');
    const { hostLevel } = await scriptModule<{ hostLevel(): string | undefined }>('lib/simd.mjs');
    const addon = join(repositoryRoot, 'build', hostLevel() ?? '', 'quiver.node');
    if (!existsSync(addon)) skip(this, `no ${addon}: run node scripts/build.mjs`);
    await checkAddon(addon, Boolean(process.env.FAISS_ROOT ?? process.env.QUIVER_BLAS_LIBRARIES));
  });
});

describe('what is out of date', () => {
  beforeEach(freshFolder);
  afterEach(() => remove());
  interface Module {
    isNewerThan(stamp: string, sources: string[]): boolean;
    wasMadeWith(stamp: string, inputs: Record<string, string>): boolean;
    removeOrphans(root: string, dist: string): string[];
  }
  const file = (name: string, seconds: number, text = '') => {
    const path = join(folder, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
    utimesSync(path, seconds, seconds);
    return path;
  };

  it('is told by the times of files and of the folders below the named ones', async () => {
    const { isNewerThan } = await scriptModule<Module>('lib/fresh.mjs');
    const stamp = file('out/stamp', 100);
    file('src/a.cc', 50);
    const single = file('single.txt', 99);
    utimesSync(join(folder, 'src'), 60, 60);
    const sources = [join(folder, 'src'), single, join(folder, 'absent')];
    assert.equal(isNewerThan(stamp, sources), true);
    utimesSync(join(folder, 'src'), 101, 101);
    assert.equal(isNewerThan(stamp, sources), false, 'a file was removed');
    utimesSync(join(folder, 'src'), 60, 60);
    utimesSync(single, 101, 101);
    assert.equal(isNewerThan(stamp, sources), false);
    assert.equal(isNewerThan(join(folder, 'no-stamp'), sources), false);
  });

  it('is told by what the build was made with', async () => {
    const { wasMadeWith } = await scriptModule<Module>('lib/fresh.mjs');
    const stamp = file('stamp.json', 1, '{"CXX":"g++","faiss":"1.12.0"}');
    assert.equal(wasMadeWith(stamp, { CXX: 'g++' }), true);
    assert.equal(wasMadeWith(stamp, { CXX: 'clang++' }), false);
    assert.equal(wasMadeWith(file('broken.json', 1, '{'), { CXX: 'g++' }), false);
  });

  it('compiled files whose source is gone are removed', async () => {
    const { removeOrphans } = await scriptModule<Module>('lib/fresh.mjs');
    file('lib/a.ts', 1);
    for (const name of ['a.js', 'a.d.ts', 'a.js.map', 'b.js', 'b.d.ts', 'data.json']) file(`dist/lib/${name}`, 1);
    const removed = removeOrphans(folder, join(folder, 'dist'));
    assert.deepEqual(removed.sort(), [join(folder, 'dist/lib/b.d.ts'), join(folder, 'dist/lib/b.js')]);
    assert.ok(existsSync(join(folder, 'dist/lib/a.d.ts')));
    assert.ok(existsSync(join(folder, 'dist/lib/data.json')));
  });

  it('npm packages are compared by what is in them', async () => {
    const { packagesTrouble } = await scriptModule<{ packagesTrouble(root: string): string | undefined }>(
      'lib/setup-steps.mjs',
    );
    const lock = (packages: object) => JSON.stringify({ packages });
    const wanted = {
      '': {},
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b': { version: '1.0.0', optional: true },
    };
    assert.equal(packagesTrouble(folder), undefined, 'installed as a package, without a lock file');
    file('package-lock.json', 200, lock(wanted));
    assert.match(packagesTrouble(folder) ?? '', /there is no node_modules/);
    file('node_modules/.package-lock.json', 100, lock({ 'node_modules/a': { version: '1.0.0' } }));
    assert.equal(packagesTrouble(folder), undefined, 'older by the clock, the same by content');
    file('node_modules/.package-lock.json', 300, lock({ 'node_modules/a': { version: '0.9.0' } }));
    assert.match(
      packagesTrouble(folder) ?? '',
      /expected node_modules\/a 1\.0\.0, as in package-lock\.json, found 0\.9\.0/,
    );
  });
});

describe('set-up', () => {
  beforeEach(freshFolder);
  afterEach(() => remove());

  it('refuses a Node that is too old', async () => {
    const { requireNode } = await scriptModule<{ requireNode(found: string): void }>('lib/tools.mjs');
    assert.throws(() => requireNode('18.19.0'), /expected Node 20\.19 or newer, found 18\.19\.0/);
    assert.throws(() => requireNode('20.18.3'), /found 20\.18\.3/);
    requireNode('20.19.0');
    requireNode('24.0.0');
  });

  it('installs missing tools as root after saying why, and names them to anyone else', async () => {
    const calls = join(folder, 'calls');
    const bin = fakePath(folder, ['cmake', 'sudo'], { 'apt-get': `echo "$*" >> '${calls}'` });
    const { status, output } = await runCode(
      `import { installTools } from './install-tools.mjs';
       import { missingTools } from './tools.mjs';
       try { await installTools(missingTools(['compiler', 'cmake'])); }
       catch (error) { console.log(error.message); process.exitCode = 1; }`,
      { PATH: bin, CXX: '' },
    );
    assert.match(output, /cmake: it configures the builds/);
    if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
      assert.equal(status, 0, output);
      assert.equal(readFileSync(calls, 'utf8'), 'update -q\ninstall -y --no-install-recommends cmake\n');
    } else {
      assert.equal(status, 1);
      assert.match(output, /apt-get install -y cmake/);
      assert.ok(!existsSync(calls));
    }
  });

  it('the data set is fetched whole, or not kept', async function () {
    if (existsSync('/usr/share/datasets/fashion-mnist')) skip(this, 'fashion-mnist is installed on this machine');
    const names = ['train-images-idx3', 't10k-images-idx3', 'train-labels-idx1', 't10k-labels-idx1'];
    const run = (files: readonly string[]) =>
      runCode(
        `import { fashionMnist } from './datasets.mjs';
         try { console.log(await fashionMnist()); } catch (error) { console.log(error.message); process.exitCode = 1; }`,
        {
          QUIVER_CACHE: join(folder, 'cache'),
          PATH: fakePath(folder, [], {
            'apt-get': 'touch data.deb',
            'dpkg-deb': `mkdir -p "$3/usr/share/datasets/fashion-mnist"
              for name in ${files.join(' ')}; do touch "$3/usr/share/datasets/fashion-mnist/$name-ubyte.gz"; done`,
          }),
        },
      );
    const data = join(folder, 'cache', 'data', 'fashion-mnist');
    const part = await run(names.slice(0, 2));
    assert.equal(part.status, 1);
    assert.match(part.output, /expected train-images.*, found fewer/);
    assert.ok(!existsSync(data));
    const whole = await run(names);
    assert.equal(whole.status, 0, whole.output);
    assert.equal(whole.output.trimEnd().split('\n').at(-1), data);
    assert.ok(existsSync(join(data, 't10k-labels-idx1-ubyte.gz')));
  });
});
