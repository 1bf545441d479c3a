/**
 * What an index takes against what its vectors or codes must take: by stats(), and by the growth of the resident set of a process
 * that holds nothing else. And what of it is left after close().
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { MemoryJob, MemoryResult } from './memory-child.js';
import { atMost } from './support/report.js';
import type { Benchmark, Context, Goal, Outcome } from './support/report.js';
import { spread } from './support/statistics.js';
import type { Spread } from './support/statistics.js';

const GOAL = 1.05;
/** Part of the index's size that may stay after close(): the heap and the stacks of the process move by that much by themselves. */
const LEFT_GOAL = 0.05;
const DIM = 128;
const PQ_BYTES = 32;
const CENTROIDS = 256;
const FLOAT = 4;

interface Kind {
  type: string;
  count: number;
  /** Bytes for count vectors, and for what was trained. */
  theory: (count: number) => number;
}

/** About 100 MB each, so that some megabytes of heap do not matter. */
const KINDS: readonly Kind[] = [
  { type: 'Flat', count: 200_000, theory: (count) => count * DIM * FLOAT },
  { type: 'SQ8', count: 800_000, theory: (count) => count * DIM + 2 * DIM * FLOAT },
  { type: `PQ${PQ_BYTES}`, count: 2_000_000, theory: (count) => count * PQ_BYTES + CENTROIDS * DIM * FLOAT },
];

interface Case {
  type: string;
  count: number;
  theoryBytes: number;
  statsRatio: number;
  rssRatio: Spread;
  left: Spread;
  peakRatio: Spread;
  runs: MemoryResult[];
}

const childFile = fileURLToPath(new URL('memory-child.js', import.meta.url));

async function inChild(job: MemoryJob): Promise<MemoryResult> {
  return new Promise((resolve, reject) => {
    const child = fork(childFile, [JSON.stringify(job)], { execArgv: ['--expose-gc'] });
    let result: MemoryResult | undefined;
    child.once('message', (message) => (result = message as MemoryResult));
    child.once('error', reject);
    child.once('close', (code) => {
      if (result !== undefined && code === 0) resolve(result);
      else reject(new Error(`expected ${childFile} to measure ${job.type}, found exit code ${code ?? 'none'}`));
    });
  });
}

async function measure({ type, count, theory }: Kind, context: Context): Promise<Case> {
  const wanted = context.quick ? count / 4 : count;
  const theoryBytes = theory(wanted);
  const runs: MemoryResult[] = [];
  const rounds = context.quick ? 2 : context.rounds;
  for (let round = 0; round < rounds; round++) {
    context.say(`${type}, ${wanted} x ${DIM}: process ${round + 1} of ${rounds}`);
    runs.push(await inChild({ type, dim: DIM, count: wanted }));
  }
  const ratio = (value: (run: MemoryResult) => number): Spread => spread(runs.map((run) => value(run) / theoryBytes));
  return {
    type,
    count: wanted,
    theoryBytes,
    statsRatio: (runs[0]?.statsBytes ?? NaN) / theoryBytes,
    rssRatio: ratio(({ before, filled }) => filled - before),
    left: ratio(({ before, closed }) => closed - before),
    peakRatio: ratio(({ before, peak }) => peak - before),
    runs,
  };
}

async function run(context: Context): Promise<Outcome> {
  const cases: Case[] = [];
  for (const kind of KINDS) cases.push(await measure(kind, context));
  const goals: Goal[] = cases.flatMap(({ type, statsRatio, rssRatio, left }) => [
    atMost(`${type}: stats().bytes / theory`, statsRatio, GOAL, 'x'),
    atMost(`${type}: RSS growth / theory`, rssRatio.median, GOAL, 'x'),
    atMost(`${type}: RSS left after close() / theory`, left.median, LEFT_GOAL, 'x'),
  ]);
  return {
    setting: { dim: DIM, processes: context.quick ? 2 : context.rounds },
    head: [
      'index',
      'vectors',
      'theory MB',
      'stats / theory',
      'RSS / theory',
      'worst',
      'peak while adding',
      'left after close',
    ],
    rows: cases.map((one) => [
      one.type,
      String(one.count),
      (one.theoryBytes / 1e6).toFixed(1),
      one.statsRatio.toFixed(3),
      one.rssRatio.median.toFixed(3),
      one.rssRatio.max.toFixed(3),
      one.peakRatio.median.toFixed(3),
      one.left.median.toFixed(3),
    ]),
    goals,
    measured: cases,
    notes: [
      'Vectors come in batches of 20,000, so that room is made again and again. The peak counts the batch on its way too.',
      'Before the first look the process has trained, searched and closed a small index of the same kind.',
    ],
  };
}

export const benchmark: Benchmark = { title: 'Memory of an index against theory', run };
