/**
 * Exact search against Python FAISS (the wheel faiss-cpu), with as many threads: one query a call, and batches. The wheel brings
 * an OpenBLAS of its own, which may pick an old kernel; so it is measured as it comes, and with the fastest kernel that can be
 * forced upon it.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Index, system } from '../lib/index.js';
import { recallOf } from './support/data.js';
import { GRAPH_DATA, type GraphData } from './support/graph-data.js';
import { codesOf, K } from './support/indexes.js';
import { pythonWith } from '../test/support/python.js';
import { startPython } from './support/python.js';
import { atLeast, ratioCell, type Benchmark, type Context, type Goal, type Outcome } from './support/report.js';
import { alternate, rate, repetitions, speedRatio, timed } from './support/rounds.js';
import type { LineServer } from '../test/support/line-server.js';
import { spread, type Spread } from './support/statistics.js';

const BATCH_GOAL = 3;
const SINGLE_GOAL = 15;
const BATCHES = [1, 1000];
/** Numbers of an index past which batches take minutes, with Python. */
const MOST_FOR_BATCHES = 1e8;
const KERNELS = ['Haswell', 'SkylakeX', 'Cooperlake', 'Zen'];

interface Case {
  data: string;
  batch: number;
  calls: number;
  nodeQps: Spread;
  defaultQps: Spread;
  bestQps: Spread;
  overDefault: Spread;
  overBest: Spread;
}

interface Peer {
  server: LineServer;
  about: string;
}

interface Files {
  base: string;
  queries: string;
}

async function peer(python: string, kernel: string | undefined, data: GraphData, files: Files): Promise<Peer> {
  const server = startPython(python, kernel);
  await server.ask('base', files.base, data.dim, data.metric);
  await server.ask('queries', files.queries, data.dim);
  await server.ask('threads', system().threads);
  return { server, about: await server.ask('about') };
}

/** The kernel with which the wheel answers a batch fastest. */
async function bestKernel(python: string, data: GraphData, files: Files): Promise<string> {
  const speeds: { kernel: string; seconds: number }[] = [];
  for (const kernel of KERNELS) {
    const { server, about } = await peer(python, kernel, data, files);
    await server.ask('search', 500, K, 1);
    const seconds: number[] = [];
    for (let round = 0; round < 3; round++) seconds.push(await server.askNumber('search', 500, K, 1));
    await server.close();
    // OpenBLAS ignores a kernel that it was built without or that the CPU cannot run.
    if (about.endsWith(kernel)) speeds.push({ kernel, seconds: spread(seconds).min });
  }
  speeds.sort((a, b) => a.seconds - b.seconds);
  const [best] = speeds;
  if (best === undefined) throw new Error(`expected one of ${KERNELS.join(', ')} in the wheel's OpenBLAS, found none`);
  return best.kernel;
}

async function measure(
  index: Index,
  peers: [Peer, Peer],
  batch: number,
  data: GraphData,
  context: Context,
): Promise<Case> {
  context.say(`${data.name}: batch of ${batch}`);
  const { queries, dim } = data;
  const starts = Math.floor(queries.length / dim / batch);
  const batches = Array.from({ length: starts }, (_, i) => queries.subarray(i * batch * dim, (i + 1) * batch * dim));
  const node = (calls: number): number =>
    timed(() => {
      for (let call = 0; call < calls; call++) index.searchSync(batches[call % starts], K);
    });
  const calls = await repetitions(() => node(1), context.quick ? 0.2 : 0.6);
  const [plain, best] = peers;
  // Python is asked for as long, not as often: many times slower, it would take minutes.
  const fewer = Math.max(1, Math.round(calls / (batch === 1 ? 16 : 1)));
  const theirs = async ({ server }: Peer): Promise<number> =>
    (await server.askNumber('search', batch, K, fewer)) * (calls / fewer);
  const times = await alternate(
    [
      { name: 'node', run: () => node(calls) },
      { name: 'default', run: () => theirs(plain) },
      { name: 'best', run: () => theirs(best) },
    ],
    context.rounds,
  );
  return {
    data: data.name,
    batch,
    calls,
    nodeQps: rate(times, 'node', calls * batch),
    defaultQps: rate(times, 'default', calls * batch),
    bestQps: rate(times, 'best', calls * batch),
    overDefault: speedRatio(times, 'node', 'default'),
    overBest: speedRatio(times, 'node', 'best'),
  };
}

/** Part of Python's neighbours that Node found too. Ties may differ, and so may what float sums in another order round to. */
async function agreement(index: Index, server: LineServer, data: GraphData, context: Context): Promise<number> {
  const asked = Math.min(data.base.length > MOST_FOR_BATCHES ? 100 : 1000, data.queries.length / data.dim);
  const file = join(context.folder, 'python.i64');
  await server.ask('answers', asked, K, file);
  const bytes = readFileSync(file);
  const theirs = Float64Array.from({ length: asked * K }, (_, i) => Number(bytes.readBigInt64LE(i * 8)));
  const ours = index.searchSync(data.queries.subarray(0, asked * data.dim), K).ids as Float64Array;
  return recallOf(theirs, ours, K);
}

function absent(reason: string): Outcome {
  const text = `not measured: Python FAISS could not be had (${reason.split('\n')[0] ?? ''})`;
  return { setting: {}, head: ['peer'], rows: [[text]], goals: [], measured: undefined, notes: [text] };
}

async function measureData(python: string, data: GraphData, known: string | undefined, context: Context) {
  const files = { base: join(context.folder, 'flat.f32'), queries: join(context.folder, 'flat-queries.f32') };
  await writeFile(files.base, data.base);
  await writeFile(files.queries, data.queries);
  const index = await Index.create({ dim: data.dim, metric: data.metric === 'l2' ? 'l2' : 'ip', type: 'flat' });
  await index.add(data.base);
  await codesOf(index, data);
  const kernel = known ?? (await bestKernel(python, data, files));
  const peers: [Peer, Peer] = [await peer(python, undefined, data, files), await peer(python, kernel, data, files)];
  try {
    const cases: Case[] = [];
    for (const batch of BATCHES) {
      if (batch > 1 && data.base.length > MOST_FOR_BATCHES) continue;
      if (batch * data.dim <= data.queries.length) cases.push(await measure(index, peers, batch, data, context));
    }
    const recall = await agreement(index, peers[0].server, data, context);
    const { count } = index;
    const { bytes, derivedBytes } = index.stats();
    return {
      data: data.name,
      dim: data.dim,
      count,
      bytes,
      derivedBytes,
      recall,
      kernel,
      about: peers.map((one) => one.about),
      cases,
    };
  } finally {
    for (const { server } of peers) await server.close();
    await index.close();
  }
}

function goalsOf({ data, batch, overBest }: Case): Goal {
  return batch === 1
    ? atLeast(`${data}: one exact query, Quiver / Python FAISS at its best`, overBest.median, SINGLE_GOAL)
    : atLeast(`${data}: exact batch of ${batch}, Quiver / Python FAISS at its best`, overBest.median, BATCH_GOAL);
}

async function run(context: Context): Promise<Outcome> {
  let python: string;
  try {
    python = await pythonWith('faiss');
  } catch (error) {
    return absent(error instanceof Error ? error.message : String(error));
  }
  const missing: string[] = [];
  const measured: Awaited<ReturnType<typeof measureData>>[] = [];
  for (const make of Object.values(GRAPH_DATA)) {
    const data = await make(context);
    if (typeof data === 'string') missing.push(data);
    else measured.push(await measureData(python, data, measured[0]?.kernel, context));
  }
  const cases = measured.flatMap((one) => one.cases);
  return {
    setting: {
      data: measured.map(({ data, dim, count }) => ({ data, dim, count })),
      k: K,
      rounds: context.rounds,
      threads: system().threads,
      python: measured.map(({ about }) => about),
    },
    head: [
      'data',
      'queries a call',
      'Quiver QPS',
      'Python QPS',
      'Python’s best QPS',
      'Quiver / Python',
      'Quiver / best',
    ],
    rows: cases.map((one) => [
      one.data,
      String(one.batch),
      one.nodeQps.median.toFixed(0),
      one.defaultQps.median.toFixed(0),
      one.bestQps.median.toFixed(0),
      ratioCell(one.overDefault),
      ratioCell(one.overBest),
    ]),
    goals: cases.map(goalsOf),
    measured,
    notes: [
      ...missing,
      ...measured.map(
        ({ data, about, recall, bytes, derivedBytes }) =>
          `${data}: as it comes ${about[0] ?? ''}, at its best ${about[1] ?? ''}; ${recall.toFixed(4)} of its neighbours are ours; ` +
          `our codes take ${((100 * derivedBytes) / bytes).toFixed(1)} % of what the vectors take.`,
      ),
    ],
  };
}

export const benchmark: Benchmark = { title: 'Exact search against Python FAISS', run };
