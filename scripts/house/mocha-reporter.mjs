/**
 * Mocha's spec output for people, and counts in a file (QUIVER_MOCHA_RESULT) for scripts/test.mjs.
 * A test that is skipped must say why (see test/support/skip.ts); one that does not is a failure.
 */
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

/** @typedef {{ skipReason?: string, parent?: Reasoned }} Reasoned */

/**
 * The reason given for a pending test: by itself, or by the suite whose hook skipped it.
 *
 * @param {Mocha.Test} test
 */
function reasonOf(test) {
  for (let place = /** @type {Reasoned | undefined} */ (test); place; place = place.parent) {
    if (place.skipReason) return place.skipReason;
  }
  return undefined;
}

export default class QuiverReporter extends Mocha.reporters.Spec {
  /** @param {Mocha.Runner} runner @param {Mocha.MochaOptions} options */
  constructor(runner, options) {
    super(runner, options);
    const { EVENT_RUN_END, EVENT_TEST_PASS, EVENT_TEST_FAIL, EVENT_TEST_PENDING } = Mocha.Runner.constants;
    const result = { passed: 0, failed: 0, skipped: 0, failures: /** @type {string[]} */ ([]), ended: false };
    runner.on(EVENT_TEST_PASS, () => (result.passed += 1));
    runner.on(EVENT_TEST_FAIL, (test, error) => {
      result.failed += 1;
      // With the reason: where only the end of a long log is kept, the summary is all that is left of it.
      result.failures.push(
        `${test.fullTitle()}\n      ${String(error?.message).slice(0, 600).replaceAll('\n', '\n      ')}`,
      );
    });
    runner.on(EVENT_TEST_PENDING, (test) => {
      const reason = reasonOf(test);
      if (reason !== undefined) {
        result.skipped += 1;
        console.log(`      skipped: ${reason}`);
        return;
      }
      result.failed += 1;
      result.failures.push(
        `${test.fullTitle()}: skipped without a reason. Use skip(this, reason) of test/support/skip.ts`,
      );
    });
    runner.on(EVENT_RUN_END, () => {
      result.ended = true;
      const file = process.env.QUIVER_MOCHA_RESULT;
      if (file) writeFileSync(file, JSON.stringify(result));
    });
  }
}
