import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { googleTestCounts, runGoogleTest } from './native-tests.mjs';
import { addCounts, judged, noCounts, oneFailure, stream, totalsLine } from './parts.mjs';

/** @param {object[]} tests */
function report(...tests) {
  return { testsuites: [{ name: 'A', testsuite: tests }] };
}
const good = { name: 'Good', status: 'RUN', result: 'COMPLETED' };
const bad = { name: 'Bad', status: 'RUN', result: 'COMPLETED', failures: [{ failure: '1 is not 2' }] };
const skipped = { name: 'Skipped', status: 'RUN', result: 'SKIPPED' };
const disabled = { name: 'DISABLED_Off', status: 'NOTRUN', result: 'SUPPRESSED' };

describe('totals', () => {
  it('name skipped tests only when there are some', () => {
    assert.equal(totalsLine({ passed: 3, failed: 0, skipped: 0, failures: [] }), '3 passed, 0 failed');
    assert.equal(totalsLine({ passed: 3, failed: 1, skipped: 2, failures: [] }), '3 passed, 1 failed, 2 skipped');
  });

  it('add up over parts', () => {
    const total = noCounts();
    addCounts(total, { passed: 2, failed: 0, skipped: 1, failures: [] });
    addCounts(total, oneFailure('x'));
    assert.deepEqual(total, { passed: 2, failed: 1, skipped: 1, failures: ['x'] });
  });
});

describe('judging a part', () => {
  it('takes missing results for a failure', () => {
    assert.deepEqual(judged('p', undefined, 'signal SIGSEGV').failures, ['p ended without results: signal SIGSEGV']);
  });

  it('takes a bad end after good results for a failure', () => {
    const counts = judged('p', { passed: 2, failed: 0, skipped: 0, failures: [] }, 'exit code 23');
    assert.deepEqual([counts.passed, counts.failed, counts.failures], [2, 1, ['p: exit code 23']]);
  });

  it('does not count a failure twice', () => {
    assert.equal(judged('p', { passed: 2, failed: 1, skipped: 0, failures: ['a'] }, 'exit code 1').failed, 1);
  });

  it('takes no tests at all for a failure', () => {
    assert.equal(judged('p', noCounts(), undefined).failed, 1);
  });
});

describe('a program that is streamed', () => {
  it('is stopped when it hangs', async () => {
    const trouble = await stream(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { cwd: '.', minutes: 0.005 });
    assert.match(String(trouble), /stopped after/);
  });

  it('takes its children with it', async () => {
    const child =
      "require('child_process').spawn('sleep', ['4321.75'], { stdio: 'inherit' }); setInterval(() => {}, 1e6)";
    await stream(process.execPath, ['-e', child], { cwd: '.', minutes: 0.01 });
    // Its command line would still be among those of all processes.
    const { stdout } = spawnSync('sh', ['-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "'], {
      encoding: 'utf8',
    });
    assert.doesNotMatch(stdout, /sleep 4321\.75/);
  });

  it('reports its signal, its exit code and a missing program', async () => {
    const run = (/** @type {string} */ code) => stream(process.execPath, ['-e', code], { cwd: '.', minutes: 1 });
    assert.equal(await run(''), undefined);
    assert.equal(await run('process.exit(3)'), 'exit code 3');
    assert.equal(await run("process.kill(process.pid, 'SIGKILL')"), 'signal SIGKILL');
    assert.match(String(await stream('/no/such/program', [], { cwd: '.', minutes: 1 })), /could not start/);
  });
});

describe('GoogleTest', () => {
  it('is counted by test', () => {
    const {
      passed,
      failed,
      skipped: left,
      failures,
    } = googleTestCounts(report(good, bad, skipped, disabled)) ?? noCounts();
    assert.deepEqual([passed, failed, left], [1, 2, 1]);
    assert.deepEqual(failures, ['A.Bad', 'A.DISABLED_Off is disabled']);
    assert.equal(googleTestCounts(undefined), undefined);
  });

  /** Runs a stand-in for the test binary that writes this report and ends as told. */
  async function runFake(/** @type {unknown} */ content, /** @type {string} */ end, /** @type {string} */ grep = '') {
    const folder = mkdtempSync(join(tmpdir(), 'quiver-gtest-'));
    try {
      const binary = join(folder, 'quiver_tests');
      const write =
        content === undefined ? '' : `printf '%s' '${JSON.stringify(content)}' > "\${1#--gtest_output=json:}"`;
      writeFileSync(binary, `#!/bin/sh\n${write}\n${end}\n`);
      chmodSync(binary, 0o755);
      return await runGoogleTest(folder, { name: 'native', binary, grep, minutes: 1 });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  it('passes when all passed', async () => {
    assert.deepEqual(await runFake(report(good), 'exit 0'), { passed: 1, failed: 0, skipped: 0, failures: [] });
  });

  it('fails when it crashed before its report', async () => {
    assert.deepEqual((await runFake(undefined, 'kill -SEGV $$')).failures, [
      'native ended without results: signal SIGSEGV',
    ]);
  });

  it('fails when a sanitizer ended it after its report', async () => {
    const counts = await runFake(report(good), 'exit 23');
    assert.deepEqual([counts.passed, counts.failed], [1, 1]);
  });

  it('may have no test of a name that was searched for', async () => {
    assert.deepEqual(await runFake({ testsuites: [] }, 'exit 0', 'name'), noCounts());
    assert.equal((await runFake({ testsuites: [] }, 'exit 0')).failed, 1);
  });

  it('fails, saying how to build it, when the binary is missing', async () => {
    const counts = await runGoogleTest('.', { name: 'native', binary: '/no/such/quiver_tests', minutes: 1 });
    assert.match(counts.failures.join(), /native: expected \/no\/such\/quiver_tests, found nothing.*build\.mjs --test/);
  });
});
