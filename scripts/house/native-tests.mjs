/** The GoogleTest binary: where it lies, how it is run, and what its report says. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildFolder } from '../lib/native-build.mjs';
import { levelsFor } from '../lib/simd.mjs';
import { addCounts, judged, noCounts, oneFailure, stream, withResultFile } from './parts.mjs';

/** @typedef {'' | 'address' | 'thread'} Sanitizer */

/** The test binary of the level that setup built. @param {Sanitizer} [sanitize] */
export function nativeBinary(sanitize = '') {
  const [level] = levelsFor(process.env.QUIVER_SIMD || 'host');
  if (level === undefined) throw new Error('expected a SIMD level for this CPU, found none');
  return join(buildFolder({ level, debug: false, sanitize, tests: true }), 'quiver_tests');
}

/**
 * How a sanitizer is told to behave: stop at the first finding, with the stack, and with an exit code of its own.
 *
 * @param {string} root
 * @param {Sanitizer} sanitizer
 * @returns {{ env: NodeJS.ProcessEnv, wrapper: string[] }}
 */
export function sanitizerSettings(root, sanitizer) {
  const known = (/** @type {string} */ name) => `suppressions=${join(root, 'native/test', name)}`;
  const env = {
    ASAN_OPTIONS: 'halt_on_error=1:detect_leaks=1:detect_stack_use_after_return=1',
    LSAN_OPTIONS: `print_suppressions=0:${known('lsan.supp')}`,
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
    // On a busy machine a team that spins at its barriers waits for the thread that is not scheduled.
    OMP_WAIT_POLICY: 'passive',
    // libgomp is not instrumented, and its barriers would look like races. With teams of one our own lanes may still
    // have several threads each, and those are what is looked at.
    ...(sanitizer === 'thread' && { OMP_THREAD_LIMIT: '1' }),
    // Memory that libstdc++ frees, as that of exceptions, is counted by atomics that are not instrumented either.
    TSAN_OPTIONS: `halt_on_error=0:second_deadlock_stack=1:ignore_noninstrumented_modules=1:${known('tsan.supp')}`,
  };
  // GCC's thread sanitizer cannot map its shadow memory where the kernel randomises addresses widely.
  const fixed = sanitizer === 'thread' && spawnSync('setarch', ['-R', 'true']).status === 0;
  return { env, wrapper: fixed ? ['setarch', '-R'] : [] };
}

/** @param {any} report what --gtest_output=json wrote @returns {import('./parts.mjs').Counts | undefined} */
export function googleTestCounts(report) {
  if (!Array.isArray(report?.testsuites)) return undefined;
  const counts = noCounts();
  for (const suite of report.testsuites) {
    for (const test of suite.testsuite ?? []) {
      const name = `${suite.name}.${test.name}`;
      if (test.status === 'NOTRUN') {
        // Filtered by --grep, or DISABLED_: the second is a skip that says nothing, which we do not allow.
        if (String(test.name).startsWith('DISABLED_')) addCounts(counts, oneFailure(`${name} is disabled`));
      } else if (test.failures?.length > 0) addCounts(counts, oneFailure(name));
      else if (test.result === 'SKIPPED') counts.skipped += 1;
      else counts.passed += 1;
    }
  }
  return counts;
}

/**
 * @param {string} root
 * @param {{ name: string, binary: string, grep?: string, env?: NodeJS.ProcessEnv, wrapper?: string[], minutes: number }} options
 */
export async function runGoogleTest(root, { name, binary, grep, env, wrapper = [], minutes }) {
  if (!existsSync(binary)) {
    return oneFailure(`${name}: expected ${binary}, found nothing there. Run \`node scripts/build.mjs --test\``);
  }
  const { result, outcome } = await withResultFile((file) => {
    const args = [`--gtest_output=json:${file}`];
    if (grep) args.push(`--gtest_filter=*${grep}*`);
    const [command = binary, ...rest] = [...wrapper, binary, ...args];
    return stream(command, rest, { cwd: root, env, minutes });
  });
  const counts = googleTestCounts(result);
  // A name that no native test holds may be one of mocha's.
  return grep && counts && outcome === undefined ? counts : judged(name, counts, outcome);
}
