import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { system } from '../../lib/index.js';
import { repositoryRoot } from '../support/run.js';
import { skip } from '../support/skip.js';

describe('bench: GPU against CPU', function () {
  this.timeout(60_000);

  it('says in one line why it does not run, and that is no failure', function () {
    const { count, reason } = system().gpus;
    if (count > 0) skip(this, 'there is a GPU here');
    const main = join(repositoryRoot, 'dist/bench/main.js');
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, '--only', 'gpu'], { encoding: 'utf8' });
    assert.deepEqual([status, stdout, stderr], [0, `gpu: not measured: ${reason ?? ''}\n`, '']);
  });
});
