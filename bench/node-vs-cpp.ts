/**
 * searchSync against the same FAISS build called from a C++ program: the same index file, queries, BLAS kernel and number of
 * threads. Several threads means here that the addon splits a batch over its workers, and that C++ lets FAISS use OpenMP.
 */
import { Index, system } from '../lib/index.js';
import { Cpp } from './support/cpp.js';
import { recallOf } from './support/data.js';
import type { Data } from './support/data.js';
import { indexFile, K, KINDS, loadBase, queryFile, singleQueries } from './support/indexes.js';
import type { Kind } from './support/indexes.js';
import { atLeast, ratioCell } from './support/report.js';
import type { Benchmark, Context, Goal, Outcome } from './support/report.js';
import { alternate, rate, repetitions, speedRatio, timed } from './support/rounds.js';
import type { Spread } from './support/statistics.js';

const GOAL = 0.97;
const BATCHES = [1, 100, 10_000];
const QUICK_BATCHES = [1, 100, 2000];

interface Case {
  kind: Kind;
  batch: number;
  threads: number;
  /** Calls in one round. */
  calls: number;
  nodeQps: Spread;
  cppQps: Spread;
  ratio: Spread;
  recall: number;
  cppRecall: number;
}

interface Sides {
  data: Data;
  index: Index;
  cpp: Cpp;
  truth: Float64Array;
  context: Context;
}

/** One round of the Node side. Without options the default path of users runs. */
function nodeRound({ data, index }: Sides, batch: number, threads: number, calls: number): number {
  const { queries, dim, queryCount } = data;
  if (batch === 1) {
    const singles = singleQueries(data);
    return timed(() => {
      for (let call = 0; call < calls; call++) index.searchSync(singles[call % queryCount], K);
    });
  }
  const starts = Math.floor(queryCount / batch);
  const batches = Array.from({ length: starts }, (_, i) => queries.subarray(i * batch * dim, (i + 1) * batch * dim));
  return timed(() => {
    for (let call = 0; call < calls; call++) index.searchSync(batches[call % starts], K, { threads });
  });
}

async function measure(sides: Sides, kind: Kind, batch: number, threads: number): Promise<Case> {
  const { data, index, cpp, truth, context } = sides;
  context.say(`${kind}: batch of ${batch}, ${threads} thread${threads > 1 ? 's' : ''}`);
  await cpp.threads(threads);
  const calls = await repetitions(() => nodeRound(sides, batch, threads, 1), context.quick ? 0.15 : 0.5);
  const times = await alternate(
    [
      { name: 'node', run: () => nodeRound(sides, batch, threads, calls) },
      { name: 'cpp', run: () => cpp.search(kind, batch, K, calls) },
    ],
    context.rounds,
  );
  const asked = Math.max(batch, 1000);
  const found = index.searchSync(data.queries.subarray(0, asked * data.dim), K, { threads }).ids as Float64Array;
  return {
    kind,
    batch,
    threads,
    calls,
    nodeQps: rate(times, 'node', calls * batch),
    cppQps: rate(times, 'cpp', calls * batch),
    ratio: speedRatio(times, 'node', 'cpp'),
    recall: recallOf(truth, found, K),
    cppRecall: recallOf(truth, await cpp.answers(kind, asked, K), K),
  };
}

async function measureKind(kind: Kind, context: Context, data: Data, cpp: Cpp, truth: Float64Array): Promise<Case[]> {
  const file = await indexFile(kind, data, context);
  await cpp.load(kind, file);
  const index = await Index.importFaiss(file, { trusted: true });
  const cases: Case[] = [];
  const all = system().threads;
  for (const batch of context.quick ? QUICK_BATCHES : BATCHES) {
    // A single query takes the shortest way, which has no option for threads: all, on both sides.
    const counts = batch === 1 || all === 1 ? [all] : [1, all];
    for (const threads of counts) cases.push(await measure({ data, index, cpp, truth, context }, kind, batch, threads));
  }
  await index.close();
  return cases;
}

async function exactNeighbours(context: Context, data: Data): Promise<Float64Array> {
  const flat = await Index.importFaiss(await indexFile('flat', data, context), { trusted: true });
  const { ids } = await flat.search(data.queries, K);
  await flat.close();
  return ids as Float64Array;
}

async function run(context: Context): Promise<Outcome> {
  const data = await loadBase(context);
  const cpp = await Cpp.start(context);
  try {
    await cpp.queries(await queryFile(data, context), data.dim);
    const truth = await exactNeighbours(context, data);
    const cases: Case[] = [];
    for (const kind of KINDS) cases.push(...(await measureKind(kind, context, data, cpp, truth)));
    const goals: Goal[] = cases.map(({ kind, batch, threads, ratio }) =>
      atLeast(`${kind}, batch of ${batch}, ${threads} thread(s): Node / C++`, ratio.median, GOAL),
    );
    return {
      setting: { data: data.name, base: data.count, dim: data.dim, k: K, rounds: context.rounds, cpp: cpp.about },
      head: ['index', 'batch', 'threads', 'Node QPS', 'C++ QPS', 'Node / C++ (worst)', 'recall Node', 'recall C++'],
      rows: cases.map((one) => [
        one.kind,
        String(one.batch),
        String(one.threads),
        one.nodeQps.median.toFixed(0),
        one.cppQps.median.toFixed(0),
        ratioCell(one.ratio),
        one.recall.toFixed(4),
        one.cppRecall.toFixed(4),
      ]),
      goals,
      measured: cases,
      notes: ['C++ runs with FAISS’s own OpenMP and the default wait policy of libgomp.'],
    };
  } finally {
    await cpp.close();
  }
}

export const benchmark: Benchmark = { title: 'searchSync in Node against the same FAISS in C++', run };
