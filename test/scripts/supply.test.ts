import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot, runScript } from '../support/run.js';
import { skip } from '../support/skip.js';
import { fakePath, scriptModule, setEnvironment, temporaryFolder, writeFaissHeader } from './support.js';

/** Nothing of the person's own set-up may reach a test of what happens without it. */
const NO_CHOICES = { FAISS_ROOT: '', QUIVER_FAISS_SOURCE: '', QUIVER_BLAS_LIBRARIES: '', CXX: '', QUIVER_SIMD: '' };
const PINNED = 'c4a8fa67f7070bb81f41dc71c98813b3e40a66bedab12d6c2ac2af50f0837a7e';

describe('supply', () => {
  let folder = '';
  let remove = () => {};
  beforeEach(() => ({ folder, remove } = temporaryFolder()));
  afterEach(() => remove());

  const build = (env: NodeJS.ProcessEnv, args: readonly string[] = []) =>
    runScript('build.mjs', args, { ...NO_CHOICES, QUIVER_CACHE: join(folder, 'cache'), ...env });

  describe('missing tools', () => {
    const cases = [
      { without: ['g++'], name: 'g\\+\\+', why: /compiles FAISS and the addon/, install: 'apt-get install -y g\\+\\+' },
      { without: ['cmake'], name: 'cmake', why: /configures the builds/, install: 'apt-get install -y cmake' },
      { without: ['cargo'], name: 'cargo', why: /fetches the FAISS 1\.12 source/, install: 'apt-get install -y cargo' },
    ];
    for (const { without, name, why, install } of cases) {
      it(`names ${without.join()}, why it is needed and how to install it`, () => {
        const { status, stdout, stderr } = build({ PATH: fakePath(folder, without) });
        assert.equal(status, 1);
        assert.equal(stdout, '');
        assert.match(stderr, new RegExp(`error: expected ${name} on PATH, found none there`));
        assert.match(stderr, why);
        assert.match(stderr, new RegExp(`${install}\\n$`));
        assert.doesNotMatch(stderr, /\n {4}at /, 'a stack is of no use here');
      });
    }

    it('names all of them in one error', () => {
      const { stderr } = build({ PATH: fakePath(folder, ['g++', 'cmake', 'cargo']) });
      assert.equal(stderr.match(/error:/g)?.length, 1);
      assert.match(stderr, /apt-get install -y g\+\+ cmake cargo/);
    });

    it('asks for the compiler that CXX names', () => {
      const { stderr } = build({ CXX: 'no-such-compiler' });
      assert.match(stderr, /expected no-such-compiler on PATH/);
    });

    it('does not ask for cargo when the source is in the cache', () => {
      mkdirSync(join(folder, 'cache', 'sources', 'faiss-1.12.0'), { recursive: true });
      const { stderr } = build({ PATH: fakePath(folder, ['cmake', 'cargo']) });
      assert.match(stderr, /cmake on PATH/);
      assert.doesNotMatch(stderr, /cargo/);
    });
  });

  describe('arguments', () => {
    it('refuses a level that is none', () => {
      const { status, stderr } = build({}, ['--simd', 'v9']);
      assert.equal(status, 1);
      assert.match(stderr, /--simd: expected host, all, v2, v3, v4, found 'v9'/);
    });

    it('refuses a sanitizer that is none', () => {
      assert.match(
        build({}, ['--sanitize', 'memory']).stderr,
        /--sanitize: expected address or thread, found 'memory'/,
      );
    });

    it('shows its help for an unknown option', () => {
      const { status, stderr } = build({}, ['--wat']);
      assert.equal(status, 1);
      assert.match(stderr, /--wat[\s\S]*Usage: node scripts\/build\.mjs/);
    });
  });

  describe('fetching the FAISS source', () => {
    /** A cargo whose vendored crate has these checksums. */
    const cargoWith = (hash: string, files: string) => `
      [ "$1" = --version ] && { echo 'cargo 1.80.0'; exit 0; }
      mkdir -p vendor/faiss-sys-0.7.0/faiss && cd vendor/faiss-sys-0.7.0
      echo 'int main() {}' > faiss/a.cpp
      echo '{"package":"${hash}","files":${files}}' > .cargo-checksum.json`;
    const noUpstream = 'echo "fatal: could not resolve host" >&2; exit 128';

    /** BLAS is looked for first; any file does, as the build never gets that far. */
    const fetchWith = (cargo: string, git = noUpstream) => {
      const blas = join(folder, 'libblas.a');
      writeFileSync(blas, '');
      return build({ PATH: fakePath(folder, [], { cargo, git }), QUIVER_BLAS_LIBRARIES: blas });
    };

    it('refuses a crate with another hash, and keeps nothing of it', () => {
      const { status, stderr } = fetchWith(cargoWith('0'.repeat(64), '{}'));
      assert.equal(status, 1);
      assert.match(
        stderr,
        new RegExp(`checksum mismatch: expected faiss-sys 0\\.7\\.0 with sha256 ${PINNED}, found 0000`),
      );
      assert.deepEqual(readdirSync(join(folder, 'cache', 'sources')), []);
    });

    it('refuses a crate one of whose files was changed', () => {
      const { status, stderr } = fetchWith(cargoWith(PINNED, `{"faiss/a.cpp":"${'1'.repeat(64)}"}`));
      assert.equal(status, 1);
      assert.match(stderr, /checksum mismatch: expected faiss\/a\.cpp with sha256 1{64}, found [0-9a-f]{64}/);
    });

    it('refuses a crate that lacks a file', () => {
      const { stderr } = fetchWith(cargoWith(PINNED, `{"faiss/b.cpp":"${'1'.repeat(64)}"}`));
      assert.match(stderr, /expected faiss\/b\.cpp with sha256 1{64}, found no such file/);
    });

    it('names all four ways, and why each failed', () => {
      const { status, stderr } = fetchWith('echo "no route to the registry" >&2; exit 101');
      assert.equal(status, 1);
      assert.equal(stderr.match(/error:/g)?.length, 1);
      assert.match(stderr, /1\. FAISS_ROOT .*: not set/);
      assert.match(stderr, /2\. QUIVER_FAISS_SOURCE .*: not set/);
      assert.match(stderr, /3\. the crate faiss-sys 0\.7\.0: cargo vendor failed:\s+no route to the registry/);
      assert.match(stderr, /4\. the tag v1\.12\.0 of .*: git ls-remote .* failed:\s+fatal: could not resolve host/);
    });

    it('asks old cargos for single index entries instead of the whole index', () => {
      const calls = join(folder, 'calls');
      const old = `[ "$1" = --version ] && { echo 'cargo 1.65.0'; exit 0; }
        echo "$RUSTC_BOOTSTRAP $*" > '${calls}'; exit 101`;
      fetchWith(old);
      assert.equal(readFileSync(calls, 'utf8'), '1 -Z sparse-registry vendor --versioned-dirs vendor\n');
    });

    it('refuses an upstream tree of another version', () => {
      const git = `case "$*" in *ls-remote*) exit 0;; esac
        for last; do :; done; mkdir -p "$last/faiss"
        printf '#define FAISS_VERSION_%s 9\\n' MAJOR MINOR PATCH > "$last/faiss/Index.h"`;
      const { stderr } = fetchWith('exit 101', git);
      assert.match(stderr, /4\. .*: expected FAISS 1\.12\.0, found 9\.9\.9/);
    });
  });

  describe('a FAISS that the user names', () => {
    interface FaissBuild {
      provideFaiss(
        level: 'v2' | 'v3' | 'v4',
        compiler: { path: string; id: string; major: string },
        blas: readonly string[],
      ): Promise<{ include: string; library: string; version: string; from: string }>;
    }
    const compiler = { path: '/usr/bin/g++', id: 'gnu0', major: '0' };
    let restore = () => {};
    afterEach(() => restore());

    const provide = async (env: Record<string, string | undefined>, level: 'v2' | 'v3' | 'v4' = 'v3') => {
      restore = setEnvironment({ ...NO_CHOICES, QUIVER_CACHE: join(folder, 'cache'), ...env });
      const { provideFaiss } = await scriptModule<FaissBuild>('lib/faiss-build.mjs');
      return provideFaiss(level, compiler, []);
    };
    const install = (version: string, ...libraries: string[]) => {
      const root = join(folder, 'installed');
      writeFaissHeader(join(root, 'include'), version);
      mkdirSync(join(root, 'lib'), { recursive: true });
      for (const name of libraries) writeFileSync(join(root, 'lib', name), '');
      return root;
    };

    it('FAISS_ROOT goes before QUIVER_FAISS_SOURCE', async () => {
      const root = install('1.15.0', 'libfaiss.a', 'libfaiss_avx2.a');
      const faiss = await provide({ FAISS_ROOT: root, QUIVER_FAISS_SOURCE: '/nowhere' });
      assert.equal(faiss.library, join(root, 'lib', 'libfaiss_avx2.a'));
      assert.equal(faiss.include, join(root, 'include'));
      assert.equal(faiss.version, '1.15.0');
    });

    it('FAISS_ROOT without the level is linked with the best build below it', async () => {
      const root = install('1.10.0', 'libfaiss.so', 'libfaiss_avx512.so');
      assert.equal((await provide({ FAISS_ROOT: root }, 'v3')).library, join(root, 'lib', 'libfaiss.so'));
    });

    it('refuses a FAISS_ROOT that is too old, or none, before anything else is tried', async () => {
      const root = install('1.7.3', 'libfaiss.a');
      await assert.rejects(provide({ FAISS_ROOT: root }), /expected FAISS 1\.10 or newer .*, found 1\.7\.3/);
      restore();
      await assert.rejects(provide({ FAISS_ROOT: '/nowhere' }), /FAISS_ROOT=\/nowhere: .* found none.*unset it/);
    });

    it('refuses a FAISS_ROOT without a library', async () => {
      const root = install('1.12.0');
      await assert.rejects(provide({ FAISS_ROOT: root }, 'v2'), /expected lib\/libfaiss\.a \(or \.so\), found none/);
    });

    it('refuses a QUIVER_FAISS_SOURCE that is none, or too old', async () => {
      await assert.rejects(provide({ QUIVER_FAISS_SOURCE: folder }), /expected a FAISS source tree .*, found none/);
      restore();
      writeFaissHeader(folder, '1.9.0');
      writeFileSync(join(folder, 'CMakeLists.txt'), '');
      await assert.rejects(provide({ QUIVER_FAISS_SOURCE: folder }), /expected FAISS 1\.10 or newer, found 1\.9\.0/);
    });
  });

  it('says which file of QUIVER_BLAS_LIBRARIES is not there', () => {
    const { stderr } = build({ QUIVER_FAISS_SOURCE: folder, QUIVER_BLAS_LIBRARIES: '-lm;/nowhere/libblas.a' });
    assert.match(
      stderr,
      /QUIVER_BLAS_LIBRARIES: expected files separated by ';' .*, found no file \/nowhere\/libblas\.a/,
    );
  });

  it('builds offline with a warm cache, without cargo, git and apt', async function () {
    this.timeout(120_000);
    const { cacheFolder } = await scriptModule<{ cacheFolder(): string }>('lib/cache.mjs');
    const { hostLevel } = await scriptModule<{ hostLevel(): string | undefined }>('lib/simd.mjs');
    const addon = join(repositoryRoot, 'build', hostLevel() ?? '', 'quiver.node');
    if (!existsSync(addon) || !existsSync(cacheFolder()))
      skip(this, `no build in ${addon}: run node scripts/build.mjs`);
    const bin = fakePath(folder, ['cargo', 'git', 'apt-get', 'dpkg-deb']);
    const { status, stderr } = runScript('build.mjs', [], {
      PATH: bin,
      http_proxy: 'http://127.0.0.1:9',
      https_proxy: 'http://127.0.0.1:9',
    });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /built build\/v\d\/quiver\.node with FAISS/);
    assert.doesNotMatch(stderr, /fetching/);
  });
});
