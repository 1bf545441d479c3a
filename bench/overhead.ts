/**
 * What a call costs over FAISS itself, where FAISS has next to nothing to do: a flat index of one vector of 4 numbers, and one
 * of the same dimension just too large for an async search to be answered on the JavaScript thread at once.
 */
import { join } from 'node:path';
import { Index } from '../lib/index.js';
import { Cpp } from './support/cpp.js';
import { uniform } from './support/data.js';
import { writeFile } from 'node:fs/promises';
import { atMost } from './support/report.js';
import type { Benchmark, Context, Outcome } from './support/report.js';
import { alternate, timed, timedAsync, timesOf } from './support/rounds.js';
import type { Times } from './support/rounds.js';
import { spread } from './support/statistics.js';
import type { Spread } from './support/statistics.js';

const DIM = 4;
const K = 1;
/** lib/search answers searches over at most 16,384 floats inline. */
const POOL_COUNT = 16_384 / DIM + 1;
const QUERIES = 1024;
const SYNC_GOAL_US = 1;
const ASYNC_GOAL_US = 15;

interface Cost {
  name: string;
  faissUs: Spread;
  nodeUs: Spread;
  overUs: Spread;
}

/** Microseconds of one call over those of one C++ call of the same round. */
function cost(times: Times, name: string, ours: string, theirs: string, ourCalls: number, theirCalls: number): Cost {
  const node = timesOf(times, ours).map((seconds) => (seconds / ourCalls) * 1e6);
  const faiss = timesOf(times, theirs).map((seconds) => (seconds / theirCalls) * 1e6);
  return {
    name,
    faissUs: spread(faiss),
    nodeUs: spread(node),
    overUs: spread(node.map((value, round) => value - (faiss[round] ?? NaN))),
  };
}

async function makeIndex(name: string, count: number, context: Context): Promise<{ index: Index; file: string }> {
  const file = join(context.folder, `${name}.faiss`);
  const index = await Index.create({ dim: DIM, type: 'flat' });
  await index.add(uniform(count, DIM, count));
  await index.exportFaiss(file);
  return { index, file };
}

async function run(context: Context): Promise<Outcome> {
  const queries = uniform(QUERIES, DIM, 7);
  const singles = Array.from({ length: QUERIES }, (_, i) => queries.subarray(i * DIM, (i + 1) * DIM));
  const queryAt = (call: number): Float32Array => singles[call % QUERIES];
  const file = join(context.folder, 'queries-4.f32');
  await writeFile(file, new Uint8Array(queries.buffer));
  const one = await makeIndex('one', 1, context);
  const pool = await makeIndex('pool', POOL_COUNT, context);
  const cpp = await Cpp.start(context);
  const [many, some] = context.quick ? [100_000, 5_000] : [400_000, 20_000];
  try {
    await cpp.queries(file, DIM);
    await cpp.threads(1);
    await cpp.load('one', one.file);
    await cpp.load('pool', pool.file);
    const sync = (index: Index, calls: number): number =>
      timed(() => {
        for (let call = 0; call < calls; call++) index.searchSync(queryAt(call), K);
      });
    const async = (index: Index, calls: number): Promise<number> =>
      timedAsync(async () => {
        for (let call = 0; call < calls; call++) await index.search(queryAt(call), K);
      });
    const times = await alternate(
      [
        { name: 'cpp one', run: () => cpp.search('one', 1, K, many) },
        { name: 'sync one', run: () => sync(one.index, many) },
        { name: 'async one', run: () => async(one.index, many) },
        { name: 'cpp pool', run: () => cpp.search('pool', 1, K, some) },
        { name: 'sync pool', run: () => sync(pool.index, some) },
        { name: 'async pool', run: () => async(pool.index, some) },
      ],
      Math.max(context.rounds, 7),
    );
    const costs = [
      cost(times, 'searchSync, 1 vector', 'sync one', 'cpp one', many, many),
      cost(times, 'search inline, 1 vector', 'async one', 'cpp one', many, many),
      cost(times, `searchSync, ${POOL_COUNT} vectors`, 'sync pool', 'cpp pool', some, some),
      cost(times, `search by a worker, ${POOL_COUNT} vectors`, 'async pool', 'cpp pool', some, some),
    ];
    const over = (at: number): number => costs[at]?.overUs.median ?? NaN;
    return {
      setting: { dim: DIM, k: K, rounds: Math.max(context.rounds, 7), calls: { sync: many, pool: some } },
      head: ['call', 'FAISS in C++ us', 'Node us', 'over FAISS us', 'worst round us'],
      rows: costs.map(({ name, faissUs, nodeUs, overUs }) => [
        name,
        faissUs.median.toFixed(2),
        nodeUs.median.toFixed(2),
        overUs.median.toFixed(2),
        overUs.max.toFixed(2),
      ]),
      goals: [
        atMost('searchSync over FAISS', over(0), SYNC_GOAL_US, 'us'),
        atMost('async search, inline, over FAISS', over(1), ASYNC_GOAL_US, 'us'),
        atMost('async search, by a worker, over FAISS', over(3), ASYNC_GOAL_US, 'us'),
      ],
      measured: costs,
      notes: ['Async calls are awaited one after the other: the time is that of the whole way there and back.'],
    };
  } finally {
    await cpp.close();
    await one.index.close();
    await pool.index.close();
  }
}

export const benchmark: Benchmark = { title: 'Cost of a call over FAISS itself', run };
