/**
 * Many single searches at a time against one batch call of the same queries. `together`: all are asked in one turn of the
 * event loop. `clients`: each asks its next query when its answer has come, as the requests of a service do.
 */
import type { Index } from '../lib/index.js';
import { recallOf } from './support/data.js';
import type { Data } from './support/data.js';
import { K, KINDS, loadBase, openIndex, singleQueries } from './support/indexes.js';
import type { Kind } from './support/indexes.js';
import { atLeast, ratioCell } from './support/report.js';
import type { Benchmark, Context, Outcome } from './support/report.js';
import { alternate, rate, repetitions, speedRatio, timedAsync } from './support/rounds.js';
import type { Spread } from './support/statistics.js';

const AT_ONCE = [16, 256];
const GOAL = 0.9;

interface Case {
  kind: Kind;
  atOnce: number;
  repeats: number;
  batchQps: Spread;
  togetherQps: Spread;
  clientsQps: Spread;
  together: Spread;
  clients: Spread;
  /** Of the single searches, against exact ones. */
  recall: number;
}

async function measure(index: Index, kind: Kind, atOnce: number, data: Data, context: Context): Promise<Case> {
  context.say(`${kind}: ${atOnce} at once`);
  const singles = singleQueries(data).slice(0, atOnce);
  const all = data.queries.subarray(0, atOnce * data.dim);
  const batch = async (): Promise<unknown> => index.search(all, K);
  const together = async (): Promise<unknown> => Promise.all(singles.map(async (query) => index.search(query, K)));
  const repeats = await repetitions(batch, context.quick ? 0.2 : 0.6);
  const repeated = async (work: () => Promise<unknown>): Promise<number> =>
    timedAsync(async () => {
      for (let i = 0; i < repeats; i++) await work();
    });
  const clients = async (): Promise<number> =>
    timedAsync(async () => {
      const client = async (query: Float32Array): Promise<void> => {
        for (let i = 0; i < repeats; i++) await index.search(query, K);
      };
      await Promise.all(singles.map(client));
    });
  const times = await alternate(
    [
      { name: 'batch', run: () => repeated(batch) },
      { name: 'together', run: () => repeated(together) },
      { name: 'clients', run: clients },
    ],
    context.rounds,
  );
  const found = await Promise.all(singles.map(async (query) => index.search(query, K)));
  const truth = await index.search(all, K, { exact: true });
  return {
    kind,
    atOnce,
    repeats,
    batchQps: rate(times, 'batch', atOnce * repeats),
    togetherQps: rate(times, 'together', atOnce * repeats),
    clientsQps: rate(times, 'clients', atOnce * repeats),
    together: speedRatio(times, 'together', 'batch'),
    clients: speedRatio(times, 'clients', 'batch'),
    recall: recallOf(
      truth.ids as Float64Array,
      found.flatMap(({ ids }) => Array.from(ids, Number)),
      K,
    ),
  };
}

async function run(context: Context): Promise<Outcome> {
  const data = await loadBase(context);
  const cases: Case[] = [];
  for (const kind of KINDS) {
    const index = await openIndex(kind, data, context);
    for (const atOnce of AT_ONCE) cases.push(await measure(index, kind, atOnce, data, context));
    await index.close();
  }
  return {
    setting: { data: data.name, base: data.count, dim: data.dim, k: K, rounds: context.rounds },
    head: [
      'index',
      'at once',
      'batch QPS',
      'together QPS',
      'clients QPS',
      'together / batch',
      'clients / batch',
      'recall',
    ],
    rows: cases.map((one) => [
      one.kind,
      String(one.atOnce),
      one.batchQps.median.toFixed(0),
      one.togetherQps.median.toFixed(0),
      one.clientsQps.median.toFixed(0),
      ratioCell(one.together),
      ratioCell(one.clients),
      one.recall.toFixed(4),
    ]),
    goals: cases
      .filter(({ atOnce }) => atOnce === 256)
      .flatMap(({ kind, together, clients }) => [
        atLeast(`${kind}: 256 singles together / one batch`, together.median, GOAL),
        atLeast(`${kind}: 256 clients / one batch`, clients.median, GOAL),
      ]),
    measured: cases,
    notes: ['In brackets: the worst round.'],
  };
}

export const benchmark: Benchmark = { title: 'Single searches at the same time against one batch', run };
