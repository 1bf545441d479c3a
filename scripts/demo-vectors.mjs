/**
 * `npm run demo:vectors`: from a fresh clone to vector search on real data. Sets up, then indexes the 60,000 pictures of
 * fashion-mnist (fetched when this machine has none) four ways and measures. Arguments go on to `quiver bench`.
 */
import { join } from 'node:path';
import { SupplyError, runMain } from './lib/errors.mjs';
import { ROOT } from './lib/native-build.mjs';
import { run } from './lib/run.mjs';

await runMain(async () => {
  const setup = await run(process.execPath, [join(ROOT, 'scripts', 'setup.mjs')], { inherit: true });
  if (setup.code !== 0) throw new SupplyError('the set-up failed; its message is above.');
  const quiver = join(ROOT, 'dist', 'src', 'cli', 'main.js');
  const bench = [quiver, 'bench', '--data', 'fashion-mnist', ...process.argv.slice(2)];
  const { code } = await run(process.execPath, bench, { inherit: true });
  return code;
});
