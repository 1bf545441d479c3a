/** Mozilla's pdf.js in the cache: the usual way to get at the text of a PDF in Node. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { variable } from '../../src/cli/environment.js';

const run = promisify(execFile);
/** The last one for Node 20. */
const VERSION = '5.4.624';

interface TextItem {
  str?: string;
  hasEOL?: boolean;
}

interface PdfJs {
  getDocument: (options: object) => {
    promise: Promise<{
      numPages: number;
      getPage: (number: number) => Promise<{
        getTextContent: () => Promise<{ items: TextItem[] }>;
        cleanup: () => void;
      }>;
    }>;
    destroy: () => Promise<void>;
  };
}

export interface PdfReader {
  version: string;
  /** The text of each page. */
  read: (bytes: Uint8Array) => Promise<string[]>;
}

/** Throws where the package cannot be had. */
export async function loadPdfJs(): Promise<PdfReader> {
  const cache =
    variable('QUIVER_CACHE') ?? join(variable('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'faiss-quiver');
  const folder = join(cache, 'peers', `pdfjs-dist-${VERSION}`);
  const ready = join(folder, 'installed');
  if (!existsSync(ready)) {
    await mkdir(folder, { recursive: true });
    // With its optional canvas: it does not load without the classes that come with it.
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', ['install', '--prefix', folder, ...options, `pdfjs-dist@${VERSION}`]);
    await writeFile(ready, '');
  }
  const home = join(folder, 'node_modules', 'pdfjs-dist');
  const { getDocument } = (await import(pathToFileURL(join(home, 'legacy', 'build', 'pdf.mjs')).href)) as PdfJs;
  const options = {
    cMapPacked: true,
    cMapUrl: join(home, 'cmaps/'),
    standardFontDataUrl: join(home, 'standard_fonts/'),
    disableFontFace: true,
    isEvalSupported: false,
    verbosity: 0,
  };
  return {
    version: VERSION,
    async read(bytes) {
      // It takes the bytes away from us.
      const task = getDocument({ ...options, data: new Uint8Array(bytes) });
      const document = await task.promise;
      const pages: string[] = [];
      for (let number = 1; number <= document.numPages; number++) {
        const page = await document.getPage(number);
        const { items } = await page.getTextContent();
        pages.push(items.map(({ str = '', hasEOL }) => (hasEOL === true ? `${str}\n` : str)).join(''));
        page.cleanup();
      }
      await task.destroy();
      return pages;
    },
  };
}
