/**
 * `npm run check`: layout, lint, types and the rules of dependency, for TypeScript and C++.
 *
 *   node scripts/check.mjs [--only layout,lint,...] [--root <folder>] [--list] [--result <file>]
 *
 * Every check runs even when an earlier one failed. A tool that cannot be had is a failure that says how to get it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { exportOnlyRule, importRule, lockRule, nativeRule, nativeSizeRule, nativeSkipRule } from './house/rules.mjs';

const home = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    root: { type: 'string', default: home },
    list: { type: 'boolean', default: false },
    result: { type: 'string' },
  },
});
const root = resolve(options.root);

/**
 * Runs a tool of node_modules on this Node; it prints what it has to say itself.
 *
 * @param {string} file
 * @param {string[]} args
 * @returns {boolean}
 */
function tool(file, args) {
  const path = join(home, 'node_modules', file);
  if (!existsSync(path)) {
    console.error(`expected ${path}, found nothing there. Run \`npm ci\``);
    return false;
  }
  const { status, error } = spawnSync(process.execPath, [path, ...args], { cwd: root, stdio: 'inherit' });
  if (error) console.error(error.message);
  return status === 0;
}

/**
 * @param {import('./house/rules.mjs').Violation[]} violations
 * @returns {boolean}
 */
function report(violations) {
  for (const { file, line, message } of violations) console.error(`${file}:${line}: ${message}`);
  return violations.length === 0;
}

/** @returns {Promise<typeof import('typescript')>} */
async function typescript() {
  return (await import('typescript')).default;
}

/** @type {[name: string, what: string, run: () => boolean | Promise<boolean>][]} */
const checks = [
  ['layout', 'prettier', () => tool('prettier/bin/prettier.cjs', ['--check', '--log-level', 'warn', '.'])],
  [
    'native-layout',
    'clang-format',
    async () => report(await (await import('./house/clang-format.mjs')).formatNative(root)),
  ],
  ['types', 'tsc', () => tool('typescript/bin/tsc', ['--noEmit', '--incremental', 'false'])],
  ['page-types', 'tsc on the page', () => tool('typescript/bin/tsc', ['-p', 'src/server/page/tsconfig.json'])],
  ['script-types', 'tsc on scripts/', () => tool('typescript/bin/tsc', ['-p', 'tsconfig.scripts.json'])],
  ['lint', 'eslint', () => tool('eslint/bin/eslint.js', ['--max-warnings', '0', '.'])],
  ['native-rule', 'the native core knows neither Node nor CUDA', () => report(nativeRule(root))],
  ['import-rule', 'imports point down', async () => report(importRule(root, await typescript()))],
  ['export-rule', 'index.ts only exports', async () => report(exportOnlyRule(root, await typescript()))],
  ['native-size', 'C++ files stay short', () => report(nativeSizeRule(root))],
  ['skip-rule', 'skipped C++ tests say why', () => report(nativeSkipRule(root))],
  ['lock-rule', 'no registry address in package-lock.json', () => report(lockRule(root))],
  ['native-lint', 'clang-tidy', async () => (await import('./house/clang-tidy.mjs')).tidyNative(root)],
];

async function main() {
  if (options.list) {
    for (const [name, what] of checks) console.log(`${name.padEnd(14)} ${what}`);
    return;
  }
  const wanted = options.only?.split(',');
  const unknown = wanted?.filter((name) => !checks.some(([known]) => known === name)) ?? [];
  if (unknown.length > 0) {
    const known = checks.map(([name]) => name).join(', ');
    throw new Error(`--only: expected some of ${known}, found ${unknown.join(', ')}`);
  }
  const result = { passed: 0, failed: 0, failures: /** @type {string[]} */ ([]) };
  for (const [name, what, run] of checks) {
    if (wanted && !wanted.includes(name)) continue;
    const start = performance.now();
    let good = false;
    try {
      good = await run();
    } catch (error) {
      console.error(error instanceof Error ? error.message : error);
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${good ? 'ok    ' : 'FAILED'} ${name}: ${what} (${seconds} s)`);
    if (good) result.passed += 1;
    else {
      result.failed += 1;
      result.failures.push(`check ${name}`);
    }
  }
  if (options.result) writeFileSync(options.result, JSON.stringify(result));
  if (result.failed > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
