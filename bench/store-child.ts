/** One step of the store's benchmark, in a process of its own: fill a store, open it, or search it. */
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import Database from 'better-sqlite3';
import { join } from 'node:path';
import type { Backend, SearchRequest } from '../src/store/backend.js';
import { openStore } from '../src/store/embedded/open.js';
import { mulberry32 } from './support/data.js';
import { clusters, passage, passages, questions } from './support/passages.js';

export interface StoreJob {
  step: 'fill' | 'open' | 'search';
  folder: string;
  chunks: number;
  dim: number;
  /** Searches of each kind. */
  searches: number;
}

export interface FillResult {
  text: string;
  seconds: number;
  /** From the last document to an index that is what it will be, and saved. */
  settleSeconds: number;
  peakBytes: number;
  loopP99Ms: number;
  kind: string;
  diskBytes: number;
}
export interface OpenResult {
  how: string;
  /** Until search() may be called, and until the first answer. */
  openMs: number;
  firstAnswerMs: number;
}
export type SearchResult = Record<string, number[]>;

const CHUNK_LENGTH = 900;
const CHUNKS_EACH = 5;
const DOCUMENTS_AT_ONCE = 100;
const YEARS = 30;

const job = JSON.parse(process.argv[2] ?? '') as StoreJob;
const model = { name: 'synthetic', fingerprint: 'clusters-1', dim: job.dim };

function peak(): number {
  return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

async function put(store: Backend, lines: readonly string[], from: number, count: number): Promise<void> {
  const random = mulberry32(from + 1);
  const vectors = clusters(count * CHUNKS_EACH, job.dim, from + 1);
  const entries = Array.from({ length: count }, (_, i) => {
    const parts = Array.from({ length: CHUNKS_EACH }, () => passage(lines, random, CHUNK_LENGTH));
    const chunks = parts.map((text, n) => ({ text, start: n * CHUNK_LENGTH, end: (n + 1) * CHUNK_LENGTH }));
    const number = from + i;
    return {
      document: {
        id: `document-${number}`,
        title: `Package list ${number}`,
        source: `/lists/${number}.txt`,
        hash: String(number),
        text: parts.join(''),
        chunks,
        metadata: { year: 1990 + (number % YEARS), tags: [`t${number % 7}`, `u${number % 11}`] },
      },
      vectors: vectors.subarray(i * CHUNKS_EACH * job.dim, (i + 1) * CHUNKS_EACH * job.dim),
    };
  });
  await store.put(entries);
}

async function fill(): Promise<FillResult> {
  const { name, lines } = passages();
  const store = await openStore(job.folder, { model });
  const loop = monitorEventLoopDelay({ resolution: 1 });
  const documents = job.chunks / CHUNKS_EACH;
  const began = performance.now();
  let busy = 0;
  for (let from = 0; from < documents; from += DOCUMENTS_AT_ONCE) {
    // Two on the way, as a pipeline of parsing and embedding would have it.
    while (busy >= 2) await new Promise((resolve) => setTimeout(resolve, 1));
    busy++;
    loop.disable(); // the making of the text is not the store's
    const stored = put(store, lines, from, Math.min(DOCUMENTS_AT_ONCE, documents - from));
    loop.enable();
    void stored.finally(() => busy--);
  }
  while (busy > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const filled = performance.now();
  await store.ready();
  const settled = performance.now();
  const { bytes, index } = await store.stats();
  await store.close();
  return {
    text: name,
    seconds: (filled - began) / 1000,
    settleSeconds: (settled - filled) / 1000,
    peakBytes: peak(),
    loopP99Ms: loop.percentile(99) / 1e6,
    kind: index.factory,
    diskBytes: bytes.database + bytes.log + bytes.snapshot,
  };
}

async function open(): Promise<OpenResult> {
  const began = performance.now();
  const store = await openStore(job.folder, { model });
  const opened = performance.now();
  await store.search({ text: 'terminal emulator for wayland', vector: clusters(1, job.dim, 99) });
  const answered = performance.now();
  const { how } = store.opened;
  await store.close();
  return { how, openMs: opened - began, firstAnswerMs: answered - began };
}

async function search(): Promise<SearchResult> {
  const store = await openStore(job.folder, { model });
  const vectors = clusters(job.searches, job.dim, 4_242);
  const times: SearchResult = {};
  const kinds: Record<string, (text: string, vector: Float32Array) => SearchRequest> = {
    hybrid: (text, vector) => ({ text, vector, k: 10 }),
    vector: (_, vector) => ({ vector, k: 10 }),
    keyword: (text) => ({ text, k: 10 }),
    'hybrid, filter of 1/3': (text, vector) => ({ text, vector, k: 10, filter: { year: { $gte: 2010 } } }),
    'hybrid, mmr, 1 a document': (text, vector) => ({ text, vector, k: 10, mmr: { lambda: 0.7 }, perDocument: 1 }),
  };
  const texts = questions(job.searches);
  for (const [name, ask] of Object.entries(kinds)) {
    const list: number[] = [];
    for (const [i, text] of texts.entries()) {
      const request = ask(text, vectors.subarray(i * job.dim, (i + 1) * job.dim));
      const began = performance.now();
      await store.search(request);
      list.push(performance.now() - began);
    }
    times[name] = list;
  }
  await store.close();
  times["FTS5's own bm25()"] = plainFts(texts.slice(0, 50));
  return times;
}

/** What the words' part would take if FTS5 ranked it: the yardstick of the same run. */
function plainFts(texts: readonly string[]): number[] {
  const db = new Database(join(job.folder, 'collection.db'), { readonly: true });
  const statement = db.prepare('SELECT rowid, rank FROM words WHERE words MATCH ? ORDER BY rank LIMIT 100');
  const times = texts.map((text) => {
    const terms = text.split(/\W+/).filter(Boolean);
    const began = performance.now();
    statement.all(terms.map((term) => `"${term}"`).join(' OR '));
    return performance.now() - began;
  });
  db.close();
  return times;
}

const steps = { fill, open, search };
const result = await steps[job.step]();
process.send?.(result);
