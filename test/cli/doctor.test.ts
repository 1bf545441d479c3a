import { strict as assert } from 'node:assert';
import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { system } from '../../lib/index.js';
import { ended, quiver, quiverJson, start, suiteFolder } from './support.js';

interface Report {
  works: boolean;
  checks: {
    section: string;
    name: string;
    state: string;
    found: string;
    fix?: string;
    detail?: Record<string, unknown>;
  }[];
}

const root = fileURLToPath(new URL('../../../', import.meta.url));

describe('quiver doctor', () => {
  const folder = suiteFolder();
  const named = (report: Report, name: string) => {
    const check = report.checks.find((one) => one.name === name);
    assert.ok(check, `no check named ${name}`);
    return check;
  };

  it('reports machine, search, tools and data as JSON', async () => {
    const report = await quiverJson<Report>('doctor');
    assert.equal(report.works, true);
    const names = report.checks.map(({ name }) => name);
    const expected = ['Node', 'platform', 'CPU', 'memory', 'addon', 'SIMD build', 'FAISS', 'BLAS', 'threads', 'GPU'];
    assert.deepEqual(names, [...expected, 'trial search', 'compiler', 'cmake', 'cargo', 'fashion-mnist']);
    assert.equal(named(report, 'Node').detail?.version, process.versions.node);
    assert.match(named(report, 'FAISS').found, /^1\.\d+\.\d+/);
    assert.match(named(report, 'SIMD build').found, /^x86-64-v[234]/);
    const { gpus } = system();
    assert.equal(named(report, 'GPU').detail?.built, gpus.built);
    assert.equal(named(report, 'GPU').detail?.devices, gpus.count);
    if (gpus.count === 0) assert.ok(named(report, 'GPU').found.endsWith(`E_NO_GPU: ${gpus.reason ?? ''}`));
    else assert.match(named(report, 'GPU').found, /\d devices? for index\.toGpu\(\)/);
    assert.equal(named(report, 'trial search').found, 'works');
    for (const { name, state, fix } of report.checks) {
      assert.ok(state === 'ok' || (fix ?? '') !== '', `${name} is ${state} without a way out`);
    }
  });

  it('prints the same for people', async () => {
    const { code, stdout, stderr } = await quiver('doctor');
    assert.deepEqual([code, stderr], [0, '']);
    for (const part of [
      'this machine\n',
      'vector search\n',
      'building from source\n',
      'data\n',
      'Search works here.',
    ]) {
      assert.ok(stdout.includes(part), part);
    }
  });

  it('names what is missing and how to get it', async () => {
    const child = start(['doctor', '--json'], { PATH: '/nowhere', QUIVER_CACHE: '/nowhere', QUIVER_DATA: '' });
    const { code, stdout } = await ended(child);
    assert.equal(code, 0, 'tools for building are not needed for searching');
    const report = JSON.parse(stdout) as Report;
    assert.match(named(report, 'compiler').fix ?? '', /apt-get install g\+\+/);
    assert.match(named(report, 'cmake').fix ?? '', /apt-get install cmake/);
    assert.match(named(report, 'cargo').fix ?? '', /FAISS_ROOT/);
  });

  it('works without the addon, says so, and fails', async () => {
    cpSync(join(root, 'dist'), folder('dist'), { recursive: true });
    cpSync(join(root, 'package.json'), folder('package.json'));
    symlinkSync(join(root, 'node_modules'), folder('node_modules'));
    const child = start(['doctor', '--json'], {}, folder('dist/src/cli/main.js'));
    const { code, stdout, stderr } = await ended(child);
    assert.deepEqual([code, stderr], [1, '']);
    const report = JSON.parse(stdout) as Report;
    assert.equal(report.works, false);
    const addon = named(report, 'addon');
    assert.equal(addon.state, 'bad');
    assert.match(addon.found, /cannot be loaded/);
    assert.match(addon.fix ?? '', /npm run build/);
    const text = await ended(start(['doctor'], {}, folder('dist/src/cli/main.js')));
    assert.equal(text.code, 1);
    assert.match(text.stdout, /Search cannot work here/);
    // Any other command says it in one line, and points here.
    const info = await ended(start(['index', 'info', MAIN_FILE], {}, folder('dist/src/cli/main.js')));
    assert.equal(info.code, 1);
    assert.match(info.stderr, /^quiver: [^]*quiver doctor/);
  });
});

const MAIN_FILE = fileURLToPath(import.meta.url);
