/** The process of a probe: opens a collection, asks it one query after the other and many at a time, and tells what that took. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { QuiverError } from '../../lib/errors.js';
import { Collection } from '../collection/collection.js';
import { HttpEmbedder } from '../embed/http/http-embedder.js';
import { StaticEmbedder } from '../embed/static/embedder.js';
import type { SearchMode } from '../store/backend.js';
import type { ProbeJob, Told } from './probe.js';

const SETTLE_MS = 200;

const job = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as ProbeJob;

/** Tells, and waits until the parent has looked. */
async function tell(told: Told): Promise<void> {
  const heard = new Promise((resolve) => process.once('message', resolve));
  process.send?.(told);
  await heard;
}

async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await sleep(SETTLE_MS);
  }
}

/** The value below which a part `q` of them lies. */
function percentile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

async function times(work: (query: string) => Promise<unknown>): Promise<number[]> {
  // Once for the caches and the compiler: a service that runs has both.
  for (const query of job.queries) await work(query);
  const ms: number[] = [];
  for (const query of job.queries) {
    const began = performance.now();
    await work(query);
    ms.push(performance.now() - began);
  }
  return ms;
}

/** As many at a time as keep the cores busy: queries a second, and CPU seconds of each. */
async function load(collection: Collection): Promise<{ qps: number; cpuSeconds: number }> {
  // The second reader was hardly asked until now, and its caches are its own.
  await Promise.all(job.queries.map((query) => collection.search(query, { k: 10 })));
  await Promise.all(job.queries.map((query) => collection.search(query, { k: 10 })));
  const before = process.cpuUsage();
  const began = performance.now();
  const end = began + job.loadSeconds * 1000;
  let done = 0;
  const lane = async (first: number): Promise<void> => {
    for (let i = first; performance.now() < end; i++) {
      await collection.search(job.queries[i % job.queries.length] ?? '', { k: 10 });
      done++;
    }
  };
  await Promise.all(Array.from({ length: 2 * availableParallelism() }, (_, i) => lane(i * 7)));
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - began) / 1000;
  const own = (user + system) / 1e6 / done;
  // An ONNX model works in a process of its own, whose time is not counted here: then the cores count as busy all the time.
  const all = (seconds * availableParallelism()) / done;
  const isHere = collection.embedder instanceof StaticEmbedder || collection.embedder instanceof HttpEmbedder;
  return { qps: done / seconds, cpuSeconds: isHere ? own : Math.max(own, all) };
}

async function measure(): Promise<void> {
  await settle();
  await tell({ step: 'empty' });
  const { folder, model, index } = job;
  const collection = await Collection.open(folder, { model, index, create: false, cache: false });
  try {
    const mode = (one: SearchMode) => times((query) => collection.search(query, { k: 10, mode: one }));
    const embed = await times((query) => collection.embedder.embed([query], { input: 'query' }));
    const vector = await mode('vector');
    const keyword = await mode('keyword');
    const hybrid = await mode('hybrid');
    const loaded = await load(collection);
    await settle();
    const { documents, chunks, bytes, index: stats } = await collection.stats();
    await tell({
      step: 'asked',
      reading: {
        documents,
        chunks,
        databaseBytes: bytes.database + bytes.log,
        snapshotBytes: bytes.snapshot,
        indexBytes: stats.bytes,
        factory: stats.factory,
        embedMs: percentile(embed, 0.5),
        vectorMs: percentile(vector, 0.5),
        keywordMs: percentile(keyword, 0.5),
        p50Ms: percentile(hybrid, 0.5),
        p95Ms: percentile(hybrid, 0.95),
        ...loaded,
      },
    });
  } finally {
    await collection.close();
  }
}

try {
  await measure();
} catch (error) {
  const known = error instanceof QuiverError;
  await tell({
    step: 'failed',
    code: known ? error.code : 'E_INTERNAL',
    message: error instanceof Error ? error.message : String(error),
  });
}
process.disconnect();
