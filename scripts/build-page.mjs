/** Bundles the scripts of the page into one file, without which a browser would ask for a dozen: dist/src/server/page/main.js. */
import { join } from 'node:path';
import { runMain } from './lib/errors.mjs';
import { ROOT } from './lib/native-build.mjs';

export async function buildPage() {
  const { build } = await import('esbuild');
  const folder = join('src', 'server', 'page');
  await build({
    entryPoints: [join(ROOT, folder, 'main.ts')],
    outfile: join(ROOT, 'dist', folder, 'main.js'),
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2022'],
    legalComments: 'inline',
    logLevel: 'error',
  });
}

if (process.argv[1] === import.meta.filename) await runMain(buildPage);
