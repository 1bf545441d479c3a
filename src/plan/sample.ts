/** Real documents to measure with: a sample that stands for all of them in size, from files or from a collection. */
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { QuiverError } from '../../lib/errors.js';
import type { CallOptions } from '../../lib/index.js';
import type { Collection } from '../collection/collection.js';
import type { Document } from '../document/types.js';
import { ingest } from '../ingest/ingest.js';
import { checkIngestOptions, checkPaths } from '../ingest/options.js';
import { scan } from '../ingest/scan.js';

export const FEWEST = 20;

export interface Sample {
  /** Neighbours in size are far apart in order, so that each half stands for all, too. */
  documents: Document[];
  chunks: number;
  /** Of all documents that the sample stands for. */
  chunksPerDocument: number;
  /** Seconds that it took to read and cut them; 0 where they were cut already. */
  readSeconds: number;
  source: string;
}

/**
 * So many of the items, evenly over their sizes: documents differ in size by a factor of a thousand, and a blind draw misses the few
 * large ones that make half of the chunks, or has one too many.
 */
export function evenly<T>(items: readonly T[], sizeOf: (item: T) => number, most: number): T[] {
  const sorted = [...items].sort((a, b) => sizeOf(a) - sizeOf(b));
  const count = Math.min(most, sorted.length);
  const step = sorted.length / count;
  const chosen = Array.from({ length: count }, (_, i) => Math.floor((i + 0.5) * step)).flatMap((at) =>
    sorted.slice(at, at + 1),
  );
  return [...chosen.filter((_, i) => i % 2 === 0), ...chosen.filter((_, i) => i % 2 === 1)];
}

function tooFew(found: number, source: string): QuiverError {
  const expected = `at least ${String(FEWEST)} documents`;
  const message = `${source} has ${String(found)} documents that can be read, and measuring needs ${expected}. Give other files, or a collection.`;
  return new QuiverError('E_RANGE', message, { expected, actual: String(found) });
}

function chunksOf(documents: readonly Document[]): number {
  return documents.reduce((sum, { chunks }) => sum + chunks.length, 0);
}

const PACKAGE_DOCUMENTS = {
  include: ['**/*.md', '**/*.markdown', '**/README*', '**/LICEN[CS]E*'],
  exclude: ['**/.bin/**'],
};

/** The nearest node_modules: of this package in a checkout, the one around it where it is installed, or the current folder's. */
function nodeModules(): string {
  let folder = fileURLToPath(new URL('.', import.meta.url));
  for (let above = dirname(folder); above !== folder; [folder, above] = [above, dirname(above)]) {
    if (basename(above) === 'node_modules') return above;
    if (existsSync(join(above, 'node_modules'))) return realpathSync(join(above, 'node_modules'));
  }
  return join(process.cwd(), 'node_modules');
}

export async function sampleOfFiles(
  files: string | readonly string[] | undefined,
  most: number,
  options: CallOptions,
): Promise<Sample> {
  const given = files === undefined ? { ...options, ...PACKAGE_DOCUMENTS } : options;
  const paths = files === undefined ? [nodeModules()] : checkPaths(files);
  const source = files === undefined ? `${paths[0] ?? ''} (READMEs, Markdown, licences)` : paths.join(', ');
  const found = (await scan(paths, checkIngestOptions(given))).files;
  if (found.length === 0) throw tooFew(0, source);
  const chosen = evenly(found, ({ size }) => size, most);
  const sizes = new Map(chosen.map(({ id, size }) => [id, size]));
  const documents: Document[] = [];
  const began = performance.now();
  const inputs = chosen.map(({ path }) => path);
  let isOneEach = true;
  let bytes = 0;
  for await (const event of ingest(inputs, options)) {
    if (event.kind !== 'document') continue;
    const [first] = event.documents;
    if (event.documents.length !== 1 || first?.id !== event.file) isOneEach = false;
    bytes += sizes.get(event.file) ?? 0;
    documents.push(...event.documents.slice(0, most - documents.length));
    // Files of records may hold any number of them.
    if (documents.length >= most) break;
  }
  const readSeconds = (performance.now() - began) / 1000;
  if (documents.length < FEWEST) throw tooFew(documents.length, source);
  // Files come in the order in which they are done: back to that of the choice.
  const order = new Map(chosen.map(({ id }, i) => [id, i]));
  if (isOneEach) documents.sort((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0));
  const chunks = chunksOf(documents);
  // The sizes of all files are known, so that what the sample has too much or too little is taken off again.
  const meanOfAll = found.reduce((sum, { size }) => sum + size, 0) / found.length;
  const correction = isOneEach && bytes > 0 ? (meanOfAll * documents.length) / bytes : 1;
  return { documents, chunks, chunksPerDocument: (chunks / documents.length) * correction, readSeconds, source };
}

export async function sampleOfCollection(collection: Collection, most: number, options: CallOptions): Promise<Sample> {
  const source = `the collection ${collection.folder}`;
  const all: { id: string; length: number }[] = [];
  let chunksOfAll = 0;
  for (let after: string | undefined; ;) {
    const page = await collection.list({ ...options, limit: 10_000, ...(after !== undefined && { after }) });
    for (const { id, length, chunks } of page.documents) {
      all.push({ id, length });
      chunksOfAll += chunks;
    }
    if (page.next === undefined) break;
    after = page.next;
  }
  if (all.length < FEWEST) throw tooFew(all.length, source);
  const documents: Document[] = [];
  for (const { id } of evenly(all, ({ length }) => length, most)) {
    const document = await collection.get(id, options);
    if (document !== undefined) documents.push(document);
  }
  if (documents.length < FEWEST) throw tooFew(documents.length, source);
  const chunks = chunksOf(documents);
  return { documents, chunks, chunksPerDocument: chunksOfAll / all.length, readSeconds: 0, source };
}
