/**
 * What long work costs those beside it: how late the event loop's timers come while an index is filled, trained, saved, opened
 * or imported, and how long single searches wait meanwhile. On the same index where it can be searched, else on another one.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Index } from '../lib/index.js';
import { watchLoop, type LoopDelay } from '../src/cli/bench/event-loop.js';
import type { Data } from './support/data.js';
import { indexFile, K, kindOptions, loadBase, openIndex, singleQueries } from './support/indexes.js';
import { atMost } from './support/report.js';
import type { Benchmark, Context, Goal, Outcome } from './support/report.js';
import { median, quantiles, type Quantiles } from './support/statistics.js';

const LOOP_GOAL_MS = 2;
/** Longest wait of a search, as a part of the work beside it. */
const WAIT_GOAL = 0.5;
/** Between two searches: a service that is used, but not full. */
const PAUSE_MS = 4;
/** Work that is over sooner says nothing about waiting for the whole of it. */
const LONG_SECONDS = 0.5;

interface Job {
  name: string;
  /** Makes what the work needs, and says which index is searched meanwhile. */
  prepare: () => Promise<{ work: () => Promise<unknown>; searched: Index; close: () => Promise<unknown> }>;
}

interface Round {
  seconds: number;
  loop: LoopDelay;
  waits: Quantiles;
}

/** Searches until told to stop; returns how long each took, in milliseconds. */
async function searchMeanwhile(index: Index, data: Data, until: { stopped: boolean }): Promise<number[]> {
  const singles = singleQueries(data);
  const waits: number[] = [];
  while (!until.stopped) {
    const began = performance.now();
    await index.search(singles[waits.length % singles.length], K);
    waits.push(performance.now() - began);
    await sleep(PAUSE_MS);
  }
  return waits;
}

async function once(job: Job, data: Data): Promise<Round> {
  const { work, searched, close } = await job.prepare();
  // The collection of what came before is not part of what is measured.
  globalThis.gc?.();
  await sleep(50);
  const until = { stopped: false };
  const searching = searchMeanwhile(searched, data, until);
  const began = performance.now();
  const { delay } = await watchLoop(work);
  const seconds = (performance.now() - began) / 1000;
  until.stopped = true;
  const waits = quantiles(await searching);
  await close();
  return { seconds, loop: delay, waits };
}

function jobs(data: Data, beside: Index, context: Context): Job[] {
  const { base, dim, count } = data;
  const sample = base.subarray(0, Math.min(count, 20_000) * dim);
  const added = base.subarray(0, Math.min(count, 20_000) * dim);
  const file = join(context.folder, 'event-loop.quiver');
  const onto = async (type: 'flat' | 'hnsw'): Promise<Awaited<ReturnType<Job['prepare']>>> => {
    const index = await Index.create(kindOptions(type, dim));
    await index.add(base.subarray(0, 1000 * dim));
    return { work: () => index.add(added), searched: index, close: () => index.close() };
  };
  return [
    { name: 'add to flat', prepare: () => onto('flat') },
    { name: 'add to hnsw', prepare: () => onto('hnsw') },
    {
      name: 'train ivf',
      prepare: async () => {
        const index = await Index.create({ dim, type: 'IVF256,Flat' });
        return { work: () => index.train(sample), searched: beside, close: () => index.close() };
      },
    },
    {
      name: 'add to ivf',
      prepare: async () => {
        const index = await Index.create({ dim, type: 'IVF256,Flat' });
        await index.train(sample);
        return { work: () => index.add(base), searched: index, close: () => index.close() };
      },
    },
    {
      name: 'save hnsw',
      prepare: () =>
        Promise.resolve({ work: () => beside.save(file), searched: beside, close: () => Promise.resolve() }),
    },
    {
      name: 'open hnsw',
      prepare: async () => {
        await beside.save(file);
        let opened: Index | undefined;
        const work = async (): Promise<unknown> => (opened = await Index.open(file));
        return { work, searched: beside, close: async () => opened?.close() };
      },
    },
    {
      name: 'import hnsw',
      prepare: async () => {
        const foreign = await indexFile('hnsw', data, context);
        let opened: Index | undefined;
        const work = async (): Promise<unknown> => (opened = await Index.importFaiss(foreign, { trusted: true }));
        return { work, searched: beside, close: async () => opened?.close() };
      },
    },
  ];
}

interface Case {
  name: string;
  seconds: number;
  loopP99: number;
  loopMax: number;
  waitP50: number;
  waitMax: number;
  rounds: Round[];
}

async function measure(job: Job, data: Data, context: Context): Promise<Case> {
  const rounds: Round[] = [];
  for (let round = 0; round < (context.quick ? 2 : context.rounds); round++) {
    context.say(`${job.name}: round ${round + 1}`);
    rounds.push(await once(job, data));
  }
  const middle = (value: (round: Round) => number): number => median(rounds.map(value));
  return {
    name: job.name,
    seconds: middle(({ seconds }) => seconds),
    loopP99: middle(({ loop }) => loop.p99),
    loopMax: middle(({ loop }) => loop.max),
    waitP50: middle(({ waits }) => waits.p50),
    waitMax: middle(({ waits }) => waits.max),
    rounds,
  };
}

async function run(context: Context): Promise<Outcome> {
  const data = await loadBase(context);
  const beside = await openIndex('hnsw', data, context);
  const idle = await watchLoop(() => sleep(1000));
  const cases: Case[] = [];
  for (const job of jobs(data, beside, context)) cases.push(await measure(job, data, context));
  await beside.close();
  const goals: Goal[] = cases.flatMap(({ name, seconds, loopP99, waitMax }) => [
    atMost(`${name}: event-loop delay p99`, loopP99, LOOP_GOAL_MS, 'ms'),
    ...(seconds < LONG_SECONDS
      ? []
      : [atMost(`${name}: longest wait of a search / the whole work`, waitMax / 1000 / seconds, WAIT_GOAL, 'x')]),
  ]);
  return {
    setting: { data: data.name, base: data.count, dim: data.dim, k: K, rounds: context.rounds, pauseMs: PAUSE_MS },
    head: ['work', 'seconds', 'loop p99 ms', 'loop max ms', 'search p50 ms', 'search max ms'],
    rows: cases.map((one) => [
      one.name,
      one.seconds.toFixed(2),
      one.loopP99.toFixed(2),
      one.loopMax.toFixed(2),
      one.waitP50.toFixed(2),
      one.waitMax.toFixed(2),
    ]),
    goals,
    measured: { idle: idle.delay, cases },
    notes: [
      `The delay is that of a timer of 1 ms, so an idle loop shows a little over 1 (here ${idle.delay.p99.toFixed(2)} at p99).`,
      `Meanwhile one client searches, ${PAUSE_MS} ms between two searches. Medians over the rounds.`,
    ],
  };
}

export const benchmark: Benchmark = { title: 'The event loop and searches beside long work', run };
