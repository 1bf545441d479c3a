/** Other vector libraries of npm, in a folder of the cache: benchmarks compare with them. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, makeOnce } from './cache.mjs';
import { SupplyError, tail } from './errors.mjs';
import { say } from './progress.mjs';
import { run } from './run.mjs';

/**
 * The folder in whose node_modules a package lies, installed when it is not there.
 *
 * @param {string} name
 * @param {string} version
 * @returns {Promise<string>}
 */
export async function nodePeer(name, version) {
  const folder = join(
    cacheFolder(),
    'peers',
    `${name.replace(/^\W+/, '').replace(/\W+/g, '-')}-${version}-node${process.versions.modules}`,
  );
  await makeOnce(folder, async (temporary) => {
    say(`installing ${name} ${version}`);
    await mkdir(temporary, { recursive: true });
    await writeFile(join(temporary, 'package.json'), '{ "private": true }\n');
    const args = [
      'install',
      '--no-audit',
      '--no-fund',
      '--no-package-lock',
      '--prefix',
      temporary,
      `${name}@${version}`,
    ];
    const { code, output } = await run('npm', args, { timeoutMs: 300_000, cwd: temporary });
    if (code !== 0 || !existsSync(join(temporary, 'node_modules', name))) {
      throw new SupplyError(`expected npm to install ${name} ${version}, found exit code ${code}:\n${tail(output, 8)}`);
    }
  });
  return folder;
}
