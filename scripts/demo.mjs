/**
 * `npm run demo`: from a fresh clone to the main job on real documents. Sets up, then reads every README, Markdown file and
 * licence below node_modules into the collection `demo` and asks three questions about them. Offline once the packages are in.
 */
import { join } from 'node:path';
import { SupplyError, runMain } from './lib/errors.mjs';
import { ROOT } from './lib/native-build.mjs';
import { run } from './lib/run.mjs';

const DOCUMENTS = ['**/*.md', '**/*.markdown', '**/README*', '**/LICEN[CS]E*'];
const QUESTIONS = [
  'How do I retry a promise with exponential backoff?',
  'How do I make an option required in commander?',
  'Which licence forbids using the name of the copyright holder to promote products?',
];

/** The same commands as anybody would type, shown as such. @param {string[]} args */
async function quiver(...args) {
  console.log(`\n$ npx quiver ${args.map((one) => (/[\s*?[]/.test(one) ? `"${one}"` : one)).join(' ')}`);
  const main = join(ROOT, 'dist', 'src', 'cli', 'main.js');
  const { code } = await run(process.execPath, [main, ...args], { inherit: true, cwd: ROOT });
  if (code !== 0) throw new SupplyError(`quiver ${args[0]} failed; its message is above.`);
}

await runMain(async () => {
  const setup = await run(process.execPath, [join(ROOT, 'scripts', 'setup.mjs')], { inherit: true });
  if (setup.code !== 0) throw new SupplyError('the set-up failed; its message is above.');
  // Packages' documents lie where documents are usually left out, so something else is excluded instead.
  await quiver('add', 'demo', 'node_modules', '--include', ...DOCUMENTS, '--exclude', '**/.bin/**');
  for (const question of QUESTIONS) await quiver('ask', 'demo', question);
  console.log(`
Ask more:            npx quiver ask demo "..."
Your own documents:  npx quiver add notes ~/Documents && npx quiver ask notes "..."
Vectors alone:       npm run demo:vectors`);
  return 0;
});
