/** `npm run format`: puts the layout of all TypeScript, JavaScript, JSON and C++ right. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatNative } from './house/clang-format.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const prettier = join(root, 'node_modules/prettier/bin/prettier.cjs');
const run = spawnSync(process.execPath, [prettier, '--write', '--log-level', 'warn', '.'], {
  cwd: root,
  stdio: 'inherit',
});
const changed = await formatNative(root, { write: true });
for (const { file } of changed) console.log(`formatted ${file}`);
process.exitCode = run.status ?? 1;
