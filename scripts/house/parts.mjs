/** The parts of `npm test`: how each is run and how its results are counted. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * @typedef {{ passed: number, failed: number, skipped: number, failures: string[] }} Counts
 */

/** @returns {Counts} */
export function noCounts() {
  return { passed: 0, failed: 0, skipped: 0, failures: [] };
}

/** One failure with a name, for what broke outside any single test. @param {string} name @returns {Counts} */
export function oneFailure(name) {
  return { passed: 0, failed: 1, skipped: 0, failures: [name] };
}

/** @param {Counts} into @param {Counts} more */
export function addCounts(into, more) {
  into.passed += more.passed;
  into.failed += more.failed;
  into.skipped += more.skipped;
  into.failures.push(...more.failures);
}

/** The last line of `npm test`. @param {Counts} counts */
export function totalsLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/**
 * Runs a program with its output on this terminal and no stdin. It is stopped after `minutes`, with all that it
 * started: a test that hangs must end as a failure, not as a build that never ends.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv, minutes: number }} options
 * @returns {Promise<string | undefined>} how it ended when not well: 'exit code 1', 'signal SIGSEGV', ...
 */
export function stream(command, args, { cwd, env = {}, minutes }) {
  return new Promise((resolve) => {
    // A process group of its own, so that c8, mocha and mocha's children can be ended together.
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    const end = (/** @type {NodeJS.Signals} */ signal) => {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    };
    const interrupted = () => {
      end('SIGTERM');
      process.exit(130);
    };
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      end('SIGKILL');
    }, minutes * 60_000);
    const finish = (/** @type {string | undefined} */ trouble) => {
      clearTimeout(timer);
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
      resolve(trouble);
    };
    child.on('error', (error) => finish(`could not start: ${error.message}`));
    child.on('close', (code, signal) => {
      if (late) finish(`stopped after ${minutes} minutes`);
      else if (signal) finish(`signal ${signal}`);
      else finish(code === 0 ? undefined : `exit code ${code}`);
    });
  });
}

/**
 * The counts that a part wrote, checked against how its process ended: a crash after the last test, or a leak found at
 * exit, is a failure too.
 *
 * @param {string} name
 * @param {Counts | undefined} counts
 * @param {string | undefined} trouble
 * @returns {Counts}
 */
export function judged(name, counts, trouble) {
  if (counts === undefined) return oneFailure(`${name} ended without results: ${trouble ?? 'nothing was written'}`);
  if (trouble !== undefined && counts.failed === 0) addCounts(counts, oneFailure(`${name}: ${trouble}`));
  if (counts.passed + counts.failed + counts.skipped === 0) return oneFailure(`${name}: no test ran`);
  return counts;
}

/**
 * Lets `work` write its results as JSON into a file of its own, and gives back what it wrote: undefined when there is
 * nothing, or not a whole document. A run inside this run (our own tests have some) gets another file.
 *
 * @template T
 * @param {(file: string) => Promise<T>} work
 * @returns {Promise<{ result: any, outcome: T }>}
 */
export async function withResultFile(work) {
  const folder = mkdtempSync(join(tmpdir(), 'quiver-test-'));
  const file = join(folder, 'result.json');
  try {
    const outcome = await work(file);
    return { outcome, result: existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} root */
export async function runCheck(root) {
  const { result, outcome } = await withResultFile((file) =>
    stream(process.execPath, ['scripts/check.mjs', '--result', file], { cwd: root, minutes: 25 }),
  );
  return judged('check', result && { ...noCounts(), ...result }, outcome);
}

/**
 * Mocha under c8. The coverage floor counts as one test; it only means something when every test ran.
 *
 * @param {string} root
 * @param {{ grep?: string, spec?: string[] }} options
 */
export async function runMocha(root, { grep, spec = [] }) {
  const whole = !grep && spec.length === 0;
  const mocha = [join(root, 'node_modules/mocha/bin/mocha.js')];
  if (grep) mocha.push('--grep', grep);
  if (spec.length > 0) mocha.push('--config', join(root, 'scripts/house/mocharc-spec.json'), ...spec);
  const c8 = join(root, 'node_modules/c8/bin/c8.js');
  const args = whole ? [c8, process.execPath, ...mocha] : mocha;
  const { result, outcome } = await withResultFile((file) =>
    stream(process.execPath, args, { cwd: root, env: { QUIVER_MOCHA_RESULT: file }, minutes: 40 }),
  );
  const counts = judged('mocha', result?.ended ? { ...noCounts(), ...result } : undefined, outcome);
  if (!whole) {
    console.log('coverage: not measured, since only some of the tests ran');
    return counts;
  }
  const low = await stream(process.execPath, [c8, 'check-coverage'], { cwd: root, minutes: 5 });
  addCounts(
    counts,
    low ? oneFailure('coverage of lib/ is below the floor in .c8rc.json') : { ...noCounts(), passed: 1 },
  );
  return counts;
}

/** tsd: each file of test/types is one test. @param {string} root */
export async function runTypes(root) {
  const { result, outcome } = await withResultFile((file) =>
    stream(process.execPath, ['scripts/house/types.mjs', file], { cwd: root, minutes: 10 }),
  );
  return judged('types', result && { ...noCounts(), ...result }, outcome);
}
