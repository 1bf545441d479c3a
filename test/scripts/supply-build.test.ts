import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakePath, runCode, scriptModule, setEnvironment, temporaryFolder, writeFaissHeader } from './support.js';

const LEVELS: Record<string, string> = { generic: 'faiss', avx2: 'faiss_avx2', avx512: 'faiss_avx512' };

/** A tree that CMake builds as it builds FAISS, in a second: one source file, the same targets. */
function writeTinyFaiss(tree: string, source: string): void {
  writeFaissHeader(tree, '1.12.0');
  const targets = Object.values(LEVELS).map((name) => `add_library(${name} STATIC EXCLUDE_FROM_ALL a.cpp)`);
  writeFileSync(
    join(tree, 'CMakeLists.txt'),
    `cmake_minimum_required(VERSION 3.24)\nproject(tiny CXX)\nfile(APPEND \${CMAKE_SOURCE_DIR}/../configured "once\\n")\nadd_subdirectory(faiss)\n`,
  );
  writeFileSync(join(tree, 'faiss', 'CMakeLists.txt'), `${targets.join('\n')}\n`);
  writeFileSync(join(tree, 'faiss', 'a.cpp'), source);
  mkdirSync(join(tree, 'faiss', 'gpu'));
  writeFileSync(join(tree, 'faiss', 'gpu', 'g.h'), '');
}

describe('building FAISS into the cache', function () {
  this.timeout(120_000);
  let folder = '';
  let remove = () => {};
  beforeEach(() => ({ folder, remove } = temporaryFolder()));
  afterEach(() => remove());

  const provide = (level: string, env: NodeJS.ProcessEnv = {}) =>
    runCode(
      `import { provideFaiss } from './faiss-build.mjs';
       import { findCompiler } from './tools.mjs';
       try { console.log(JSON.stringify(await provideFaiss('${level}', await findCompiler(), ['/nowhere/libblas.a']))); }
       catch (error) { console.log(error.message); process.exitCode = 1; }`,
      {
        FAISS_ROOT: '',
        QUIVER_FAISS_SOURCE: join(folder, 'tree'),
        QUIVER_CACHE: join(folder, 'cache'),
        ...env,
      },
    );
  const builtFolders = () => readdirSync(join(folder, 'cache', 'faiss')).sort();
  const timesConfigured = () => readFileSync(join(folder, 'configured'), 'utf8').split('\n').length - 1;
  const resultOf = (output: string) =>
    JSON.parse(output.slice(output.lastIndexOf('\n{') + 1)) as { include: string; library: string; version: string };

  it('builds once, and takes the result from then on', async () => {
    writeTinyFaiss(join(folder, 'tree'), 'int answer() { return 42; }\n');
    const first = await provide('v3');
    assert.equal(first.status, 0, first.output);
    assert.match(first.output, /building FAISS 1\.12\.0 for x86-64-v3 once/);
    const { include, library, version } = resultOf(first.output);
    assert.equal(version, '1.12.0');
    assert.ok(existsSync(library));
    assert.ok(existsSync(join(include, 'faiss', 'Index.h')));
    assert.ok(!existsSync(join(include, 'faiss', 'gpu')), 'headers of parts that are not built stay away');
    const second = await provide('v3', { PATH: fakePath(folder, ['cmake', 'ninja', 'make']) });
    assert.equal(second.status, 0, second.output);
    assert.doesNotMatch(second.output, /building/);
    assert.equal(timesConfigured(), 1);
  });

  it('builds once even when two ask at the same time', async () => {
    writeTinyFaiss(join(folder, 'tree'), 'int answer() { return 42; }\n');
    const both = await Promise.all([provide('v2'), provide('v2')]);
    for (const { status, output } of both) assert.equal(status, 0, output);
    assert.equal(timesConfigured(), 1);
    assert.equal(builtFolders().length, 1);
  });

  it('keeps each level, and each state of a source tree, apart', async () => {
    writeTinyFaiss(join(folder, 'tree'), 'int answer() { return 42; }\n');
    await provide('v2');
    await provide('v3');
    writeFileSync(join(folder, 'tree', 'faiss', 'a.cpp'), 'int answer() { return 1042; }\n');
    await provide('v3');
    assert.equal(builtFolders().length, 3);
  });

  it('shows the errors and the log of a failed build, and keeps nothing half done', async () => {
    writeTinyFaiss(join(folder, 'tree'), 'int answer() { return fortytwo; }\n');
    const { status, output } = await provide('v3');
    assert.equal(status, 1);
    assert.match(output, /building failed \(cmake exit code \d+\)/);
    assert.match(output, /Errors:\n.*'fortytwo' was not declared/);
    const log = /Whole log: (.*)/.exec(output)?.[1] ?? '';
    assert.match(readFileSync(log, 'utf8'), /fortytwo/);
    assert.deepEqual(builtFolders(), []);
  });

  it('clears away what a killed build left', async () => {
    writeTinyFaiss(join(folder, 'tree'), 'int answer() { return 42; }\n');
    await provide('v3');
    const [name = ''] = builtFolders();
    const { makeOnce } = await scriptModule<{
      makeOnce(folder: string, fill: (temporary: string) => Promise<void>): Promise<boolean>;
    }>('lib/cache.mjs');
    const restore = setEnvironment({ QUIVER_CACHE: join(folder, 'cache') });
    const again = join(folder, 'cache', 'faiss', 'again');
    mkdirSync(`${again}.tmp-killed`);
    try {
      assert.equal(await makeOnce(again, async (temporary) => writeFileSync(join(temporary, 'a'), '')), true);
      assert.equal(await makeOnce(again, async () => assert.fail('made twice')), false);
    } finally {
      restore();
    }
    assert.deepEqual(builtFolders(), [name, 'again'].sort());
  });
});

describe('locks', () => {
  it('end with the process that held them, however it ended', async () => {
    const { folder, remove } = temporaryFolder();
    const code = (work: string) =>
      `import { withLock } from './cache.mjs'; await withLock(process.env.LOCK, async () => { ${work} });`;
    const env = { LOCK: join(folder, 'a.lock') };
    try {
      await runCode(code("process.kill(process.pid, 'SIGKILL')"), env);
      const { status, output } = await runCode(code("console.log('held')"), env);
      assert.equal(status, 0);
      assert.match(output, /held/);
    } finally {
      remove();
    }
  });
});

describe("Debian's packages without root", () => {
  let folder = '';
  let remove = () => {};
  beforeEach(() => ({ folder, remove } = temporaryFolder()));
  afterEach(() => remove());

  const fetch = (aptGet: string) =>
    runCode(
      `import { fetchPackage } from './apt.mjs';
       try { console.log('in ' + await fetchPackage('some-dev', 'a test')); }
       catch (error) { console.log(error.message); process.exitCode = 1; }`,
      {
        QUIVER_CACHE: join(folder, 'cache'),
        PATH: fakePath(folder, [], {
          'apt-get': `echo "$*" >> '${join(folder, 'calls')}'\n${aptGet}`,
          'dpkg-deb': 'touch "$3/unpacked-$(basename "$2")"',
        }),
      },
    );
  const calls = () => readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');

  it('are downloaded, unpacked and kept', async () => {
    const { status, output } = await fetch('touch some-dev_1.deb');
    assert.equal(status, 0, output);
    assert.deepEqual(readdirSync(join(folder, 'cache', 'debian', 'some-dev')), ['unpacked-some-dev_1.deb']);
    const again = await fetch('exit 1');
    assert.equal(again.status, 0, again.output);
    assert.equal(calls().length, 1);
  });

  it('are found through package lists of our own where the machine has none', async () => {
    const { status, output } = await fetch(`case "$*" in
      *Dir::State::Lists=*update) exit 0;; *Dir::State::Lists=*download*) touch some-dev_1.deb;; *) exit 100;; esac`);
    assert.equal(status, 0, output);
    assert.equal(calls().length, 3);
  });

  it('that cannot be had are an error with the command that installs them', async () => {
    const { status, output } = await fetch('echo "E: Unable to locate package some-dev"; exit 100');
    assert.equal(status, 1);
    assert.match(output, /Unable to locate package some-dev/);
    assert.match(output, /apt-get install -y some-dev/);
    assert.deepEqual(readdirSync(join(folder, 'cache', 'debian')), []);
  });
});
