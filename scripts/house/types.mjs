/**
 * Runs tsd over test/types: assertions on the public types, as a user of the package sees them.
 * `node scripts/house/types.mjs [result file]`
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import tsdModule from 'tsd';

const { default: tsd, formatter } = tsdModule;
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const typings = 'dist/lib/index.d.ts';
if (!existsSync(join(root, typings))) {
  console.error(`expected ${typings}, found nothing there. Run \`npm run build:ts\``);
  process.exit(1);
}
const files = readdirSync(join(root, 'test/types')).filter((name) => name.endsWith('.test-d.ts'));
const diagnostics = await tsd({
  cwd: root,
  typingsFile: typings,
  testFiles: files.map((name) => `test/types/${name}`),
});
if (diagnostics.length > 0) console.error(formatter(diagnostics));
const failures = files.filter((name) => diagnostics.some(({ fileName }) => fileName.endsWith(name)));
// A fault outside the test files (in the declarations themselves) must not pass because no test file carries it.
if (diagnostics.length > 0 && failures.length === 0) failures.push(typings);
for (const name of files) console.log(`${failures.includes(name) ? 'FAILED' : 'ok    '} test/types/${name}`);
if (process.argv[2]) {
  const passed = files.length - failures.filter((name) => files.includes(name)).length;
  writeFileSync(process.argv[2], JSON.stringify({ passed, failed: failures.length, failures }));
}
process.exitCode = failures.length > 0 ? 1 : 0;
