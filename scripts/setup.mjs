/**
 * From a fresh clone to something that runs: tools, npm packages, native build, TypeScript. Quick when all is there.
 *
 *   node scripts/setup.mjs [--test]      --test: also the GoogleTest binary, Python's FAISS where there is Python, a Redis server and a browser
 */
import { parseArgs } from 'node:util';
import { runMain } from './lib/errors.mjs';
import { browser, native, packages, python, redis, typescript } from './lib/setup-steps.mjs';
import { requirePlatform } from './lib/simd.mjs';
import { requireNode } from './lib/tools.mjs';

await runMain(async () => {
  const { values } = parseArgs({ options: { test: { type: 'boolean', default: false } } });
  requireNode();
  requirePlatform();
  await packages();
  await native(values.test);
  await typescript();
  if (!values.test) return;
  await Promise.all([python(), redis()]);
  await browser();
});
