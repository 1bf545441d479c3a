import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure, Index, system } from '../../lib/index.js';
import { repositoryRoot } from '../support/run.js';
import { fails } from './support.js';

describe('lib: system', () => {
  it('tells what this installation is made of', () => {
    const info = system();
    const { version } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as { version: string };
    assert.equal(info.version, version);
    assert.match(info.faiss, /^1\.\d+\.\d+$/);
    assert.match(info.faissOptions, /OPTIMIZE/);
    assert.match(info.simd, /^v[234]$/);
    assert.match(info.cpu, /^v[1234]$/);
    assert.ok(info.cpu >= info.simd, `${info.simd} does not run on ${info.cpu}`);
    assert.match(info.blas, /OpenBLAS/);
    assert.ok(info.blasKernel.length > 0);
    assert.ok(Number.isInteger(info.threads) && info.threads >= 1);
    assert.equal(info.gpu, info.gpus.count > 0);
    assert.equal(info.napi, 8);
    assert.ok(info.addon.endsWith('.node'));
    assert.ok(info.availableMemory > 2 ** 20);
  });

  it('sets the threads of a process before its first index', () => {
    const source = `
      import { configure, Index, system } from ${JSON.stringify(join(repositoryRoot, 'dist/lib/index.js'))};
      const set = configure({ threads: 3 });
      const index = await Index.create({ dim: 2, type: 'flat' });
      await index.add([1, 2]);
      console.log(JSON.stringify([set, configure({}), system().threads]));`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
    assert.deepEqual(JSON.parse(run.stdout), [{ threads: 3 }, { threads: 3 }, 3]);
  });

  it('refuses to set them later', async () => {
    const index = await Index.create({ dim: 2, type: 'flat' });
    await index.close();
    const { threads } = configure({});
    await fails(() => configure({ threads: threads + 1 }), {
      code: 'E_ARGUMENT',
      message: `threads must be set before the first call to an index; it is ${threads} now.`,
      expected: 'configure() before other calls',
      actual: String(threads + 1),
    });
    assert.deepEqual(configure({}), { threads });
  });

  it('refuses threads that are no number of threads', async () => {
    const expected = 'an integer from 1 to 1,024';
    for (const value of [0, 1025, 1.5, -1]) {
      const message = `threads must be ${expected}, but is ${value}.`;
      await fails(() => configure({ threads: value }), { code: 'E_RANGE', message, expected, actual: String(value) });
    }
    const message = `threads must be ${expected}, but is "2".`;
    await fails(() => configure({ threads: '2' as never }), { code: 'E_ARGUMENT', message, expected, actual: '"2"' });
  });
});
