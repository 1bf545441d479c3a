/** One step of the collection's benchmark, in a process of its own: read files, fill, open, or search. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Collection } from '../src/collection/collection.js';
import { mulberry32 } from './support/data.js';
import { passage, passages, questions } from './support/passages.js';

export interface CollectionJob {
  step: 'files' | 'fill' | 'open' | 'search';
  folder: string;
  chunks: number;
  searches: number;
}

export interface FilesResult {
  documents: number;
  chunks: number;
  seconds: number;
  /** The same once more, with nothing changed. */
  againSeconds: number;
}
export interface FillResult {
  seconds: number;
  settleSeconds: number;
  peakBytes: number;
}
export interface OpenResult {
  how: string;
  openMs: number;
  firstAnswerMs: number;
}
export interface SearchResult {
  searchMs: number[];
  askMs: number[];
}

const DOCUMENTS = ['**/*.md', '**/*.markdown', '**/README*', '**/LICEN[CS]E*'];
const CHUNK = 900;
const CHUNKS_EACH = 5;
const AT_ONCE = 200;

const job = JSON.parse(process.argv[2] ?? '') as CollectionJob;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function files(): Promise<FilesResult> {
  const collection = await Collection.open(job.folder);
  const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));
  const options = { include: DOCUMENTS, exclude: ['**/.bin/**'] };
  const ms = await timed(async () => {
    await collection.addFiles(modules, options);
    await collection.ready();
  });
  const again = await timed(() => collection.addFiles(modules, options));
  const { documents, chunks } = await collection.count();
  await collection.close();
  return { documents, chunks, seconds: ms / 1000, againSeconds: again / 1000 };
}

async function fill(): Promise<FillResult> {
  const collection = await Collection.open(job.folder);
  const { lines } = passages();
  const random = mulberry32(3);
  let seconds = 0;
  for (let at = 0; at < job.chunks / CHUNKS_EACH; at += AT_ONCE) {
    const texts = Array.from({ length: AT_ONCE }, (_, i) => {
      const parts = Array.from({ length: CHUNKS_EACH }, () => passage(lines, random, CHUNK));
      const chunks = parts.map((text, n) => ({ text, start: n * CHUNK, end: (n + 1) * CHUNK }));
      return { id: `document-${at + i}`, text: parts.join(''), chunks };
    });
    seconds += (await timed(() => collection.add(texts))) / 1000;
  }
  const settleSeconds = (await timed(() => collection.ready())) / 1000;
  await collection.close();
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return { seconds, settleSeconds, peakBytes: 1024 * Number(peak) };
}

async function open(): Promise<OpenResult> {
  const began = performance.now();
  const collection = await Collection.open(job.folder);
  const openMs = performance.now() - began;
  await collection.search('terminal emulator for wayland');
  const firstAnswerMs = performance.now() - began;
  const { how } = collection.opened;
  await collection.close();
  return { how, openMs, firstAnswerMs };
}

async function search(): Promise<SearchResult> {
  const collection = await Collection.open(job.folder);
  const asked = questions(job.searches);
  const searchMs: number[] = [];
  const askMs: number[] = [];
  for (const text of asked) searchMs.push(await timed(() => collection.search(text, { k: 10 })));
  for (const text of asked) askMs.push(await timed(() => collection.ask(text)));
  await collection.close();
  return { searchMs, askMs };
}

const steps = { files, fill, open, search };
process.send?.(await steps[job.step]());
process.disconnect();
