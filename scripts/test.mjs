/**
 * `npm test`: sets the machine up, then runs every part and adds up their counts.
 *
 *   node scripts/test.mjs [options]
 *     --only <part,...>             check, native, types, mocha
 *     --grep <text>                 only tests whose name holds it (native and mocha)
 *     --spec <file>                 only this compiled test file, such as dist/test/search.test.js; may be repeated
 *     --fast                        leave `check` out
 *     --no-setup                    take what is built as it is
 *     --sanitize=address|thread     the native tests under one sanitizer, in place of the plain build
 *     --sanitizers                  everything, and the native tests under both sanitizers
 *
 * The last line is `N passed, N failed`, with `, N skipped` when something was skipped. A part that crashes counts as
 * one failure under its own name, and the exit code is 1.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { addCounts, noCounts, oneFailure, runCheck, runMocha, runTypes, stream, totalsLine } from './house/parts.mjs';
import { nativeBinary, runGoogleTest, sanitizerSettings } from './house/native-tests.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const PARTS = ['check', 'native', 'types', 'mocha'];
const SANITIZERS = /** @type {const} */ (['address', 'thread']);

/** @typedef {{ name: string, run: () => Promise<import('./house/parts.mjs').Counts> }} Part */

function readOptions() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      grep: { type: 'string' },
      spec: { type: 'string', multiple: true },
      fast: { type: 'boolean', default: false },
      'no-setup': { type: 'boolean', default: false },
      sanitize: { type: 'string' },
      sanitizers: { type: 'boolean', default: false },
    },
  });
  const only = values.spec ? ['mocha'] : (values.only?.split(',') ?? PARTS);
  const unknown = only.filter((part) => !PARTS.includes(part));
  if (unknown.length > 0) throw new Error(`--only: expected some of ${PARTS.join(', ')}, found ${unknown.join(', ')}`);
  const sanitize = SANITIZERS.find((name) => name === values.sanitize);
  if (values.sanitize !== undefined && sanitize === undefined) {
    throw new Error(`--sanitize: expected ${SANITIZERS.join(' or ')}, found ${values.sanitize}`);
  }
  return { ...values, only, sanitize };
}

/** @param {(typeof SANITIZERS)[number]} sanitizer @param {string} [grep] @returns {Part} */
function sanitizerPart(sanitizer, grep) {
  const name = `native, ${sanitizer} sanitizer`;
  const run = async () => {
    const args = ['scripts/build.mjs', `--sanitize=${sanitizer}`, '--test'];
    const trouble = await stream(process.execPath, args, { cwd: root, minutes: 30 });
    if (trouble) return oneFailure(`${name}: the build failed, ${trouble}`);
    const settings = sanitizerSettings(root, sanitizer);
    return runGoogleTest(root, { name, binary: nativeBinary(sanitizer), grep, minutes: 20, ...settings });
  };
  return { name, run };
}

/** @param {ReturnType<typeof readOptions>} options @returns {Part[]} */
function chosenParts({ only, grep, spec, fast, sanitize, sanitizers }) {
  if (sanitize) return [sanitizerPart(sanitize, grep)];
  const native = async () => runGoogleTest(root, { name: 'native', binary: nativeBinary(), grep, minutes: 15 });
  /** @type {Part[]} */
  const parts = [];
  // A search by name is about tests; checks have none, so they would only be in the way.
  if (only.includes('check') && !fast && !grep) parts.push({ name: 'check', run: () => runCheck(root) });
  if (only.includes('native')) parts.push({ name: 'native', run: native });
  if (only.includes('types') && !grep) parts.push({ name: 'types', run: () => runTypes(root) });
  if (only.includes('mocha')) parts.push({ name: 'mocha', run: () => runMocha(root, { grep, spec }) });
  if (sanitizers) parts.push(...SANITIZERS.map((sanitizer) => sanitizerPart(sanitizer, grep)));
  return parts;
}

/** @param {number} start */
function secondsSince(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}

/** @param {ReturnType<typeof readOptions>} options */
async function runAll(options) {
  const total = noCounts();
  /** @type {string[]} */
  const times = [];
  const begin = performance.now();
  /** @param {Part} part */
  const runPart = async ({ name, run }) => {
    console.log(`\n== ${name}`);
    const start = performance.now();
    const counts = await run().catch((error) => {
      console.error(error);
      return oneFailure(`${name} broke: ${error instanceof Error ? error.message : error}`);
    });
    addCounts(total, counts);
    times.push(
      `${name.padEnd(28)} ${secondsSince(start).padStart(9)}   ${counts.failed > 0 ? 'FAILED  ' : ''}${totalsLine(counts)}`,
    );
    return counts.failed === 0;
  };
  const setup = async () => {
    const trouble = await stream(process.execPath, ['scripts/setup.mjs', '--test'], { cwd: root, minutes: 40 });
    return trouble ? oneFailure(`setup: ${trouble}`) : noCounts();
  };
  // Without what setup makes no part can say anything true, so a failed setup ends the run. A sanitizer build brings
  // what it needs itself.
  const ready = options['no-setup'] || options.sanitize || (await runPart({ name: 'setup', run: setup }));
  for (const part of ready ? chosenParts(options) : []) await runPart(part);
  console.log(`\n${times.join('\n')}\n${'all'.padEnd(28)} ${secondsSince(begin).padStart(9)}`);
  if (total.failures.length > 0) console.log(`\nfailed:\n${total.failures.map((name) => `  ${name}`).join('\n')}`);
  console.log(`\n${totalsLine(total)}`);
  // Nothing run is nothing shown: `--grep` with a typing mistake must not look green.
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

try {
  process.exitCode = await runAll(readOptions());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.log(totalsLine(oneFailure('start')));
  process.exitCode = 1;
}
