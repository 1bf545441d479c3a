/**
 * HNSW of libraries for Node as peers, ours among them: the commands of graph_loop.py, for the library that the first argument
 * names, which lies in the folder that the second names; the third is a place for files of its own. And more:
 *
 *     together EF K ATONCE REPEATS    seconds of so many turns in each of which that many queries are asked
 *     slices EF K ATONCE REPEATS      seconds of as many searches of that many queries each
 *     clients EF K ATONCE COUNT SHARE a Load as JSON; a share of what is asked is new vectors
 *     steady EF K RATE COUNT          a Load as JSON
 *     built                           event-loop delay while it was built, as JSON
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LoopDelay } from '../../src/cli/bench/event-loop.js';
import { sizeOf } from '../support/files.js';
import { quantiles } from '../support/statistics.js';
import { FaissNode } from './node/faiss-node.js';
import { HnswlibNode } from './node/hnswlib.js';
import { LanceDb } from './node/lancedb.js';
import { rows, type Library, type Space } from './node/library.js';
import { clients, steady, watched } from './node/load.js';
import { Quiver } from './node/quiver.js';
import { UsearchNode } from './node/usearch.js';

function open(name: string, folder: string, scratch: string): Library {
  if (name === 'quiver') return new Quiver();
  const require = createRequire(join(folder, 'package.json'));
  // From its own file: not every package exports it.
  const about = readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8');
  const { version } = JSON.parse(about) as { version: string };
  if (name === 'hnswlib-node') return new HnswlibNode(require, version);
  if (name === 'usearch') return new UsearchNode(require, version, scratch);
  if (name === 'faiss-node') return new FaissNode(require, version);
  return new LanceDb(require, version, scratch);
}

const [, , name = '', folder = '', scratch = ''] = process.argv;
const library = open(name, folder, scratch);
let space: Space = { dim: 0, metric: 'l2' };
let base = new Float32Array();
let queries = new Float32Array();
let each: Float32Array[] = [];
let built: LoopDelay | undefined;

function floats(file: string): Float32Array<ArrayBuffer> {
  return new Float32Array(new Uint8Array(readFileSync(file)).buffer);
}

async function seconds(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

const query = (i: number): Float32Array => each[i % each.length] ?? queries;

/** One after the other; not awaited where there is nothing to wait for. */
async function ask(count: number, k: number, answered?: (i: number) => void): Promise<void> {
  for (let i = 0; i < count; i++) {
    const found = library.one(query(i), k);
    if (found instanceof Promise) await found;
    answered?.(i);
  }
}

async function waitsOf(count: number, k: number): Promise<string> {
  const waits: number[] = [];
  let last = performance.now();
  await ask(count, k, () => {
    const now = performance.now();
    waits.push(now - last);
    last = performance.now();
  });
  return JSON.stringify(quantiles(waits));
}

const commands: Record<string, (...words: number[]) => unknown> = {
  build: async (m, ef, threads) => {
    const seen = await watched(() => library.build(base, space, m ?? 0, ef ?? 0, threads ?? 1));
    built = seen.loop;
    return seen.seconds;
  },
  built: () => JSON.stringify(built ?? {}),
  singles: async (_, k = 0, count = 0) => {
    await ask(Math.min(count, 50), k);
    return seconds(() => ask(count, k));
  },
  waits: (_, k = 0, count = 0) => waitsOf(count, k),
  batch: (_, k = 0, threads = 1) => seconds(() => library.all(queries, k, threads)),
  together: (_, k = 0, atOnce = 0, repeats = 0) =>
    seconds(async () => {
      for (let turn = 0; turn < repeats; turn++)
        await Promise.all(Array.from({ length: atOnce }, (_, i) => library.ask(query(turn * atOnce + i), k)));
    }),
  slices: (_, k = 0, atOnce = 0, repeats = 0) =>
    seconds(async () => {
      const whole = Math.floor(each.length / atOnce);
      for (let turn = 0; turn < repeats; turn++) {
        const from = (turn % whole) * atOnce * space.dim;
        await library.all(queries.subarray(from, from + atOnce * space.dim), k, 0);
      }
    }),
  clients: async (_, k = 0, atOnce = 0, count = 0, share = 0) =>
    JSON.stringify(await clients(library, each, { k, atOnce, count, share })),
  steady: async (_, k = 0, rate = 0, count = 0) => JSON.stringify(await steady(library, each, { k, rate, count })),
  first: async (_, k = 0) => (await seconds(() => ask(1, k))) * 1000,
  resident: () => process.memoryUsage.rss(),
};

const EF_FIRST = ['singles', 'waits', 'batch', 'together', 'slices', 'clients', 'steady', 'first'];

const byName: Record<string, (...words: string[]) => unknown> = {
  space: (dim, metric) => (space = { dim: Number(dim), metric: metric === 'l2' ? 'l2' : 'cosine' }).dim,
  base: (file = '') => (base = floats(file)).length / space.dim,
  queries: (file = '') => {
    queries = floats(file);
    each = rows(queries, space.dim);
    return each.length;
  },
  answers: async (ef, k, file = '') => {
    await library.setEf(Math.max(Number(ef), Number(k)));
    writeFileSync(file, BigInt64Array.from(Array.from(await library.all(queries, Number(k), 1), BigInt)));
    return file;
  },
  filter: (file = '', how) => {
    if (library.filter === undefined) throw new Error(`expected a library with filters, found ${name}`);
    library.filter(how === 'none' ? undefined : new Uint8Array(readFileSync(file)));
  },
  exact: (how) => {
    if (library.exact === undefined) throw new Error(`expected a library with exact search, found ${name}`);
    library.exact(how === 'yes');
  },
  save: async (file = '') => {
    await library.save(file);
    return sizeOf(file);
  },
  open: (file = '', how) => seconds(() => library.open(file, space, how === 'mapped')),
  settled: async () => (await library.settled?.(), 'settled'),
  about: () => library.about,
};

async function answer(command: string, words: readonly string[]): Promise<unknown> {
  if (command in byName) return byName[command]?.(...words);
  const numbers = words.map(Number);
  if (EF_FIRST.includes(command)) await library.setEf(Math.max(numbers[0] ?? 0, numbers[1] ?? 0));
  return commands[command]?.(...numbers);
}

// Whoever asked is gone, perhaps in the middle of a long build.
process.stdin.once('end', () => process.exit());

for await (const line of createInterface({ input: process.stdin })) {
  const [command = '', ...words] = line.split('\t');
  try {
    console.log('ok', String(await answer(command, words)));
  } catch (error) {
    console.log('error', String(error).replaceAll('\n', ' '));
  }
}
process.exit(0);
