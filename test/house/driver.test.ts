import assert from 'node:assert/strict';
import { join } from 'node:path';
import { runScript, withFolder } from '../support/run.js';

/** Runs the driver of `npm test` on one test file of ours, and gives what it printed line by line. */
function drive(source: string) {
  return withFolder({ 'one.test.mjs': source }, (folder) => {
    const { status, stdout, stderr } = runScript('test.mjs', ['--no-setup', '--spec', join(folder, 'one.test.mjs')]);
    const lines = stdout.trimEnd().split('\n');
    return { status, stdout, stderr, last: lines.at(-1) };
  });
}

describe('npm test', () => {
  it('ends with the totals alone on the last line and succeeds when all passed', () => {
    const { status, last, stdout } = drive("it('a', () => {}); it('b', () => {});");
    assert.equal(last, '2 passed, 0 failed');
    assert.equal(status, 0);
    assert.match(stdout, /^mocha +\d+\.\d s +2 passed, 0 failed$/m);
  });

  it('fails when one test failed, and names it', () => {
    const { status, last, stdout } = drive(
      "describe('x', () => { it('a', () => {}); it('b', () => { throw new Error('no'); }); });",
    );
    assert.equal(last, '1 passed, 1 failed');
    assert.equal(status, 1);
    assert.match(stdout, /^failed:\n {2}x b$/m);
  });

  it('counts a hook that throws', () => {
    const { status, last } = drive("before(() => { throw new Error('no'); }); it('a', () => {});");
    assert.equal(last, '0 passed, 1 failed');
    assert.equal(status, 1);
  });

  it('counts a crash as one failure under the name of the part', () => {
    const { status, last, stdout } = drive("it('a', () => {}); it('b', () => process.abort());");
    assert.equal(last, '0 passed, 1 failed');
    assert.equal(status, 1);
    assert.match(stdout, /mocha ended without results/);
  });

  it('counts an early exit as a failure, whatever its code', () => {
    const { status, last } = drive("it('a', () => {}); it('b', () => process.exit(0));");
    assert.equal(last, '0 passed, 1 failed');
    assert.equal(status, 1);
  });

  it('counts a file that cannot be loaded', () => {
    const { status, last } = drive("import './missing.js';");
    assert.equal(last, '0 passed, 1 failed');
    assert.equal(status, 1);
  });

  it('fails when no test ran', () => {
    const { status, last, stdout } = drive('');
    assert.equal(last, '0 passed, 1 failed');
    assert.equal(status, 1);
    assert.match(stdout, /no test ran/);
  });

  it('counts a skip with its reason', () => {
    const { status, last, stdout } = drive(
      "it('a', () => {}); it('b', function () { this.runnable().skipReason = 'no GPU here'; this.skip(); });",
    );
    assert.equal(last, '1 passed, 0 failed, 1 skipped');
    assert.equal(status, 0);
    assert.match(stdout, /skipped: no GPU here/);
  });

  it('takes a skip without a reason for a failure', () => {
    const { status, last, stdout } = drive("it('a', () => {}); it.skip('b', () => {});");
    assert.equal(last, '1 passed, 1 failed');
    assert.equal(status, 1);
    assert.match(stdout, /b: skipped without a reason/);
  });

  it('refuses options that it does not know, and still ends with totals', () => {
    for (const args of [['--only', 'moca'], ['--sanitize', 'memory'], ['--colour']]) {
      const { status, stdout, stderr } = runScript('test.mjs', args);
      assert.equal(stdout.trimEnd().split('\n').at(-1), '0 passed, 1 failed');
      assert.equal(status, 1);
      assert.notEqual(stderr, '');
    }
  });
});
