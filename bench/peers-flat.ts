/**
 * Exact batch search against Python FAISS (the wheel faiss-cpu), with as many threads. The wheel brings an OpenBLAS of its own,
 * which may pick an old kernel; so it is measured as it comes, and with the fastest kernel that can be forced upon it.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Index, system } from '../lib/index.js';
import { recallOf } from './support/data.js';
import type { Data } from './support/data.js';
import { indexFile, K, loadBase, queryFile } from './support/indexes.js';
import { pythonWith } from '../test/support/python.js';
import { startPython } from './support/python.js';
import { atLeast, ratioCell } from './support/report.js';
import type { Benchmark, Context, Outcome } from './support/report.js';
import { alternate, rate, repetitions, speedRatio, timed } from './support/rounds.js';
import type { LineServer } from '../test/support/line-server.js';
import { spread } from './support/statistics.js';
import type { Spread } from './support/statistics.js';

const GOAL = 1.5;
const KERNELS = ['Haswell', 'SkylakeX', 'Cooperlake', 'Zen'];

interface Case {
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

async function peer(python: string, kernel: string | undefined, data: Data, context: Context): Promise<Peer> {
  const server = startPython(python, kernel);
  const base = join(context.folder, 'base.f32');
  await server.ask('base', base, data.dim);
  await server.ask('queries', await queryFile(data, context), data.dim);
  await server.ask('threads', system().threads);
  return { server, about: await server.ask('about') };
}

/** The kernel with which the wheel answers a batch fastest. */
async function bestKernel(python: string, data: Data, context: Context): Promise<string> {
  const speeds: { kernel: string; seconds: number }[] = [];
  for (const kernel of KERNELS) {
    const { server, about } = await peer(python, kernel, data, context);
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

async function measure(index: Index, peers: [Peer, Peer], batch: number, data: Data, context: Context): Promise<Case> {
  context.say(`batch of ${batch}`);
  const { queries, dim, queryCount } = data;
  const starts = Math.floor(queryCount / batch);
  const batches = Array.from({ length: starts }, (_, i) => queries.subarray(i * batch * dim, (i + 1) * batch * dim));
  const node = (calls: number): number =>
    timed(() => {
      for (let call = 0; call < calls; call++) index.searchSync(batches[call % starts], K);
    });
  const calls = await repetitions(() => node(1), context.quick ? 0.2 : 0.6);
  const [plain, best] = peers;
  const times = await alternate(
    [
      { name: 'node', run: () => node(calls) },
      { name: 'default', run: () => plain.server.askNumber('search', batch, K, calls) },
      { name: 'best', run: () => best.server.askNumber('search', batch, K, calls) },
    ],
    context.rounds,
  );
  return {
    batch,
    calls,
    nodeQps: rate(times, 'node', calls * batch),
    defaultQps: rate(times, 'default', calls * batch),
    bestQps: rate(times, 'best', calls * batch),
    overDefault: speedRatio(times, 'node', 'default'),
    overBest: speedRatio(times, 'node', 'best'),
  };
}

/** Part of Python's neighbours that Node found too. Ties may differ. */
async function agreement(index: Index, server: LineServer, data: Data, context: Context): Promise<number> {
  const asked = 1000;
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

async function run(context: Context): Promise<Outcome> {
  let python: string;
  try {
    python = await pythonWith('faiss');
  } catch (error) {
    return absent(error instanceof Error ? error.message : String(error));
  }
  const data = await loadBase(context);
  await writeFile(
    join(context.folder, 'base.f32'),
    new Uint8Array(data.base.buffer, data.base.byteOffset, data.base.byteLength),
  );
  const index = await Index.importFaiss(await indexFile('flat', data, context), { trusted: true });
  const kernel = await bestKernel(python, data, context);
  const peers: [Peer, Peer] = [await peer(python, undefined, data, context), await peer(python, kernel, data, context)];
  try {
    const cases: Case[] = [];
    for (const batch of context.quick ? [1000] : [1000, 10_000]) {
      cases.push(await measure(index, peers, batch, data, context));
    }
    const recall = await agreement(index, peers[0].server, data, context);
    return {
      setting: {
        data: data.name,
        base: data.count,
        dim: data.dim,
        k: K,
        rounds: context.rounds,
        threads: system().threads,
        python: peers.map(({ about }) => about),
      },
      head: ['batch', 'Node QPS', 'Python QPS', `Python ${kernel} QPS`, 'Node / Python', `Node / Python ${kernel}`],
      rows: cases.map((one) => [
        String(one.batch),
        one.nodeQps.median.toFixed(0),
        one.defaultQps.median.toFixed(0),
        one.bestQps.median.toFixed(0),
        ratioCell(one.overDefault),
        ratioCell(one.overBest),
      ]),
      goals: cases.map(({ batch, overDefault }) =>
        atLeast(`flat, batch of ${batch}: Node / Python FAISS as it comes`, overDefault.median, GOAL),
      ),
      measured: { recallAgainstPython: recall, cases },
      notes: [
        `As it comes: ${peers[0].about}. Forced: ${peers[1].about}.`,
        `Recall of Node against Python’s exact answers: ${recall.toFixed(4)}.`,
      ],
    };
  } finally {
    for (const { server } of peers) await server.close();
    await index.close();
  }
}

export const benchmark: Benchmark = { title: 'Exact batch search against Python FAISS', run };
