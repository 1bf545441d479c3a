/**
 * Searches as a service makes them, in libraries for Node: many at once, at half of what a library can answer, and with new vectors between
 * them; with what the event loop feels of it. On the images, at the least width that reaches the recall.
 */
import { launchers } from './graph/launch.js';
import { Ground, ready } from './graph/measure.js';
import { bold } from './graph/rows.js';
import { K, WIDTHS } from './graph/setting.js';
import { startAll, versionsOf, type System } from './graph/system.js';
import type { Load } from './peers/node/load.js';
import { GRAPH_DATA, shapeOf } from './support/graph-data.js';
import { atLeast, atMost, ratioCell, type Benchmark, type Context, type Goal, type Outcome } from './support/report.js';
import { alternate, speedRatio } from './support/rounds.js';
import { spread, type Spread } from './support/statistics.js';

const TARGET = 0.95;
const MANY = 256;
const AT_ONCE = [16, MANY];
const TOGETHER_GOAL = 0.95;
const TAIL_GOAL = 3;
const MIXED_GOAL = 0.8;
const NEW = 0.1;
/** A library that answers more slowly is not waited for. */
const SECONDS = { full: 0.6, quick: 0.15 };

interface Case {
  name: string;
  label: string;
  about: string;
  ef?: number;
  recall?: number;
  clients: { atOnce: number; qps: Spread; load: Load }[];
  /** 256 in one turn of the event loop, by one batch of the same. */
  together?: Spread;
  togetherQps?: Spread;
  steady?: Load & { rate: number };
  /** Operations a second by those without new vectors. */
  mixed?: Spread;
  mixedLoad?: Load;
  failure?: string;
}

/** Loads of several rounds: the one in the middle stands for them. */
const middle = (loads: readonly Load[]): Load => {
  const sorted = [...loads].sort((a, b) => a.seconds - b.seconds);
  const found = sorted[sorted.length >> 1];
  if (found === undefined) throw new Error('expected a round, found none');
  return found;
};

async function withClients(
  peer: System,
  ef: number,
  atOnce: number,
  count: number,
  rounds: number,
): Promise<Case['clients'][number]> {
  const loads: Load[] = [];
  for (let round = 0; round < rounds; round++) loads.push(await peer.json<Load>('clients', ef, K, atOnce, count, 0));
  return { atOnce, qps: spread(loads.map(({ seconds }) => count / seconds)), load: middle(loads) };
}

/** As many new vectors as there are queries at most: the index must stay what it was. */
async function withNew(
  peer: System,
  ef: number,
  count: number,
  rounds: number,
): Promise<{ ratio: Spread; load: Load }> {
  const loads: Load[] = [];
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const alone = await peer.json<Load>('clients', ef, K, 16, count, 0);
    const load = await peer.json<Load>('clients', ef, K, 16, count, NEW);
    ratios.push(alone.seconds / load.seconds);
    loads.push(load);
  }
  return { ratio: spread(ratios), load: middle(loads) };
}

async function measure(peer: System, ground: Ground, context: Context): Promise<Case> {
  const { name, label, about } = peer;
  const found: Case = { name, label, about, clients: [] };
  await peer.try('search', async () => {
    await ready(peer, ground);
    let recall = { chosenOn: 0, shown: 0 };
    let ef = 0;
    for (ef of WIDTHS) {
      recall = await ground.recalls(peer, ef);
      if (recall.chosenOn >= TARGET) break;
    }
    Object.assign(found, { ef, recall: recall.shown });
    const seconds = context.quick ? SECONDS.quick : SECONDS.full;
    // On one thread; with all of them and the event loop beside, about as many.
    const count = Math.max(MANY, await peer.countFor(seconds, ef, 200_000));
    for (const atOnce of AT_ONCE) {
      context.say(`${label}: ${atOnce} clients`);
      found.clients.push(await withClients(peer, ef, atOnce, count, context.rounds));
    }
    const capacity = found.clients.at(-1)?.qps.median ?? 0;
    const repeats = Math.max(1, Math.round(count / MANY));
    const times = await alternate(
      ['together', 'slices'].map((side) => ({ name: side, run: () => peer.number(side, ef, K, MANY, repeats) })),
      context.rounds,
    );
    found.together = speedRatio(times, 'together', 'slices');
    found.togetherQps = spread((times.get('together') ?? []).map((spent) => (repeats * MANY) / spent));
    context.say(`${label}: half of what it can answer`);
    const rate = capacity / 2;
    const asked = Math.max(100, Math.round(rate * seconds * 2));
    const loads: Load[] = [];
    for (let round = 0; round < context.rounds; round++)
      loads.push(await peer.json<Load>('steady', ef, K, rate, asked));
    found.steady = { ...middle(loads), rate };
    context.say(`${label}: a tenth of new vectors`);
    const { ratio, load } = await withNew(peer, ef, Math.min(count, 10_000), context.rounds);
    found.mixed = ratio;
    found.mixedLoad = load;
  });
  return peer.failure === undefined ? found : { ...found, failure: peer.failure };
}

function goalsOf(one: Case): Goal[] {
  if (!one.together || !one.steady || !one.mixed) return [];
  return [
    atLeast('256 single searches asked in one turn / one batch of the same', one.together.median, TOGETHER_GOAL),
    atMost('p99 / p50 at half of what can be answered', one.steady.waits.p99 / one.steady.waits.p50, TAIL_GOAL, 'x'),
    atLeast('with a tenth of new vectors / searches alone, operations a second', one.mixed.median, MIXED_GOAL),
  ];
}

const delay = ({ loop }: Load): string => `${loop.p99.toFixed(1)}, ${loop.max.toFixed(0)}`;

function rowsOf(one: Case): string[][] {
  const { name, label, ef, recall = NaN, clients, togetherQps, failure } = one;
  if (failure !== undefined) return [[bold(name, label), 'failed (see below)', ...Array.from({ length: 7 }, () => '')]];
  return clients.map(({ atOnce, qps, load }) => [
    bold(name, label),
    recall.toFixed(4),
    String(ef),
    String(atOnce),
    qps.median.toFixed(0),
    load.waits.p50.toFixed(2),
    load.waits.p99.toFixed(2),
    delay(load),
    atOnce === MANY ? (togetherQps?.median ?? NaN).toFixed(0) : '',
  ]);
}

const STEADY_HEAD = ['library', 'a second', 'p50 ms', 'p99 ms', 'p99 / p50', 'loop delay ms (p99, max)'];
const MIXED_HEAD = [
  'library',
  'operations / searches alone',
  'search p50 ms',
  'search p99 ms',
  'loop delay ms (p99, max)',
];

function tablesOf(cases: readonly Case[]) {
  const steady = cases.flatMap(({ name, label, steady }) => {
    if (steady === undefined) return [];
    const { p50, p99 } = steady.waits;
    const ms = [p50.toFixed(3), p99.toFixed(3), (p99 / p50).toFixed(2)];
    return [[bold(name, label), steady.rate.toFixed(0), ...ms, delay(steady)]];
  });
  const mixed = cases.flatMap(({ name, label, mixed, mixedLoad }) => {
    if (mixed === undefined || mixedLoad === undefined) return [];
    const { p50, p99 } = mixedLoad.waits;
    return [[bold(name, label), ratioCell(mixed), p50.toFixed(3), p99.toFixed(3), delay(mixedLoad)]];
  });
  return [
    { title: 'Queries at random moments, half as many as it can answer', head: STEADY_HEAD, rows: steady },
    { title: '16 clients, a tenth of what they ask is a new vector', head: MIXED_HEAD, rows: mixed },
  ];
}

async function run(context: Context): Promise<Outcome> {
  const notes: string[] = [];
  const { ours, node } = await launchers(context, ['node'], notes);
  const data = await GRAPH_DATA.images(context);
  if (typeof data === 'string') throw new Error(data);
  const ground = await Ground.make(data, context);
  const cases: Case[] = [];
  // One at a time: threads of another library would take the cores of this one.
  for (const launcher of [ours, ...node]) {
    const [peer] = await startAll([launcher]);
    if (peer === undefined) continue;
    cases.push(await measure(peer, ground, context));
    await peer.close();
  }
  const failed = cases.flatMap(({ label, about, failure }) =>
    failure ? [`${about || label} failed: ${failure}.`] : [],
  );
  return {
    setting: {
      ...shapeOf(data),
      k: K,
      target: TARGET,
      atOnce: AT_ONCE,
    },
    head: [
      'library',
      'recall@10',
      'ef',
      'clients',
      'QPS',
      'p50 ms',
      'p99 ms',
      'loop delay ms (p99, max)',
      'QPS, 256 in one turn',
    ],
    rows: cases.flatMap(rowsOf),
    tables: tablesOf(cases),
    goals: cases.filter(({ name }) => name === ours.name).flatMap(goalsOf),
    measured: cases,
    notes: [
      ...notes,
      ...failed,
      versionsOf(cases.map(({ about }) => about)),
      'A client asks its next query when its answer has come, each by a turn of the event loop of its own, as requests come to a service; its wait includes that turn. hnswlib-node, usearch and faiss-node answer on the JavaScript thread: nothing else runs there meanwhile, so that the delay of the event loop is that of all clients together.',
      'Queries at random moments are asked by the same JavaScript thread, which looks at the clock without a pause: one core is never idle, whatever the library. Waits count from the moment at which a query was due.',
      'The libraries come one after the other, so that none has threads beside another; medians of the rounds.',
      'The delay is that of a timer of 1 ms: an idle loop shows a little over 1. Libraries for Python are left out: they have no event loop.',
    ],
  };
}

export const benchmark: Benchmark = { title: 'Searches in a service, beside other libraries for Node', run };
