/** The page: a few files that come with the package, read once. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';

const require = createRequire(import.meta.url);
/** Compiled code lies in dist/src/server/routes, the page's own files in src/server/page. */
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../../..');
const SOURCES = join(ROOT, 'src/server/page');
const BUILT = join(ROOT, 'dist/src/server/page');

const FILES: Record<string, { path: () => string; type: string }> = {
  '': { path: () => join(SOURCES, 'index.html'), type: 'text/html; charset=utf-8' },
  'page/style.css': { path: () => join(SOURCES, 'style.css'), type: 'text/css; charset=utf-8' },
  'page/icon.svg': { path: () => join(SOURCES, 'icon.svg'), type: 'image/svg+xml' },
  'page/app.js': { path: () => join(BUILT, 'main.js'), type: 'text/javascript; charset=utf-8' },
  'page/uplot.css': {
    path: () => join(dirname(require.resolve('uplot')), 'uPlot.min.css'),
    type: 'text/css; charset=utf-8',
  },
};

export async function pageRoutes(app: FastifyInstance): Promise<void> {
  for (const [name, { path, type }] of Object.entries(FILES)) {
    const content = await readFile(path());
    app.get(`/${name}`, { schema: { hide: true }, config: { open: true, rateLimit: false } }, ({ url }, reply) => {
      // Below a prefix: what the page asks for is relative to its folder.
      const [path = ''] = url.split('?');
      if (name === '' && !path.endsWith('/')) return reply.redirect(`${path}/`);
      return reply.header('content-type', type).header('cache-control', 'no-cache').send(content);
    });
  }
}
