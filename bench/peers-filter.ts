/**
 * Searches of which only some vectors may be found, beside Python's FAISS with an IDSelectorBitmap: through the graph, and over all that may
 * be found, whichever of the two is quicker at the recall. On the images.
 */
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { system } from '../lib/index.js';
import { oursAndFaiss } from './graph/launch.js';
import { Ground, ready, truthOf } from './graph/measure.js';
import { K, OURS } from './graph/setting.js';
import { startAll, versionsOf, type System } from './graph/system.js';
import { mulberry32 } from './support/data.js';
import { GRAPH_DATA, shapeOf } from './support/graph-data.js';
import { atLeast, atMost, ratioCell, type Benchmark, type Context, type Goal, type Outcome } from './support/report.js';
import { alternate, rate, speedRatio, type Times } from './support/rounds.js';
import type { Spread } from './support/statistics.js';

const SHARES = [0.01, 0.1, 0.5];
const TARGET = 0.95;
/** A selector leaves most of what a graph meets out, so that it has to be searched wider. */
const WIDTHS = [10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096];
const GOAL = 2;
/** As good as exact, FAISS's graph takes many milliseconds a query when little may be found. */
const QUERIES = 500;
const ROUND = { full: 0.3, quick: 0.05 };

interface Way {
  peer: System;
  /** `graph` or `exact`. */
  how: string;
  label: string;
  /** Only as good as the target, where ours is better at its least width: shown, but not what ours is held against. */
  worse?: boolean;
}

interface Found extends Pick<Way, 'how' | 'label' | 'worse'> {
  share: number;
  ours: boolean;
  ef: number;
  recall: number;
  /** Places without a hit, over all queries: there are always enough vectors for all of them. */
  empty: number;
  singles: Spread;
  batch: Spread;
  singleRatio: Spread;
  batchRatio: Spread;
}

/** Every id for itself, by chance. */
function bitmapOf(count: number, share: number): Uint8Array {
  const random = mulberry32(29);
  const bitmap = new Uint8Array(Math.ceil(count / 8));
  for (let id = 0; id < count; id++) if (random() < share) bitmap[id >> 3] = (bitmap[id >> 3] ?? 0) | (1 << (id & 7));
  return bitmap;
}

interface Setting extends Way {
  ef: number;
  recall: number;
  chosenOn: number;
  empty: number;
  count: number;
}

async function settingOf(
  way: Way,
  ground: Ground,
  { file, truth, seconds, target }: { file: string; truth: Float64Array; seconds: number; target: number },
): Promise<Setting | undefined> {
  const { peer, how } = way;
  return peer.try('filtered search', async () => {
    await peer.ask('filter', file, how);
    for (const ef of WIDTHS) {
      const { chosenOn, shown, empty } = await ground.recalls(peer, ef, truth);
      if (chosenOn < target) continue;
      return { ...way, ef, recall: shown, chosenOn, empty, count: await peer.countFor(seconds, ef, 2 * ground.half) };
    }
    return undefined;
  });
}

async function measure(ways: readonly Way[], ground: Ground, share: number, context: Context): Promise<Found[]> {
  const { data, half, folder } = ground;
  const bitmap = bitmapOf(data.base.length / data.dim, share);
  const file = join(folder, 'allowed.bits');
  writeFileSync(file, bitmap);
  const truth = await truthOf(data, bitmap);
  const seconds = context.quick ? ROUND.quick : ROUND.full;
  const able: Setting[] = [];
  for (const way of ways) {
    context.say(`${share * 100} %: ${way.label}`);
    // At equal recall: what ours has at its least width, where that is more than what is asked for.
    const equal = Math.max(TARGET, able.find(({ peer }) => peer.ours)?.chosenOn ?? 0);
    const setting = await settingOf(way, ground, { file, truth, seconds, target: way.worse ? TARGET : equal });
    const same = able.some(({ peer, how, ef }) => peer === way.peer && how === way.how && ef === setting?.ef);
    if (setting !== undefined && !same) able.push(setting);
  }
  const times = async (seconds: (one: Setting) => Promise<number>): Promise<Times> =>
    alternate(
      able.map((one) => ({
        name: one.label,
        run: async () => {
          await one.peer.ask('filter', file, one.how);
          return seconds(one);
        },
      })),
      context.rounds,
    );
  const singles = await times(async ({ peer, ef, count }) => (await peer.number('singles', ef, K, count)) / count);
  const batch = await times(async ({ peer, ef }) => peer.number('batch', ef, K, system().threads));
  const ours = able.find(({ peer }) => peer.ours)?.label ?? '';
  return able.map(({ peer, how, worse, label, ef, recall, empty }) => ({
    share,
    ours: peer.name === OURS,
    how,
    ...(worse && { worse }),
    label,
    ef,
    recall,
    empty,
    singles: rate(singles, label, 1),
    batch: rate(batch, label, 2 * half),
    singleRatio: speedRatio(singles, ours, label),
    batchRatio: speedRatio(batch, ours, label),
  }));
}

function goalsOf(found: readonly Found[]): Goal[] {
  const speeds = SHARES.flatMap((share) => {
    const peers = found.filter((one) => one.share === share && !one.ours && !one.worse);
    if (peers.length === 0) return [];
    const least = (of: (one: Found) => number): number => Math.min(...peers.map(of));
    return [
      atLeast(
        `${share * 100} % may be found: one query a call, Quiver / the quicker way of FAISS`,
        least(({ singleRatio }) => singleRatio.median),
        GOAL,
      ),
      atLeast(
        `${share * 100} % may be found: batch, Quiver / the quicker way of FAISS`,
        least(({ batchRatio }) => batchRatio.median),
        GOAL,
      ),
    ];
  });
  const empty = found.filter(({ ours }) => ours).reduce((sum, one) => sum + one.empty, 0);
  return [...speeds, atMost('places without a hit in what Quiver found', empty, 0, 'places')];
}

async function run(context: Context): Promise<Outcome> {
  const notes: string[] = [];
  const images = await GRAPH_DATA.images(context);
  if (typeof images === 'string') throw new Error(images);
  const data = { ...images, queries: images.queries.subarray(0, QUERIES * images.dim) };
  const ground = await Ground.make(data, context);
  const peers = await startAll(await oursAndFaiss(context, notes));
  const found: Found[] = [];
  try {
    for (const peer of peers) {
      context.say(`making ready ${peer.label}`);
      await peer.try('build', () => ready(peer, ground));
    }
    const ways = peers.flatMap((peer): Way[] =>
      peer.ours
        ? [{ peer, how: 'graph', label: '**Quiver**' }]
        : [
            { peer, how: 'graph', label: `${peer.label}, graph` },
            { peer, how: 'graph', label: `${peer.label}, graph, at ${TARGET} only`, worse: true },
            { peer, how: 'exact', label: `${peer.label}, exact` },
          ],
    );
    for (const share of SHARES) found.push(...(await measure(ways, ground, share, context)));
  } finally {
    for (const peer of peers) await peer.close();
  }
  notes.push(
    ...peers.flatMap(({ about, label, failure }) => (failure ? [`${about || label} failed: ${failure}.`] : [])),
  );
  return {
    setting: {
      ...shapeOf(data),
      k: K,
      target: TARGET,
      widths: WIDTHS,
    },
    head: [
      'may be found',
      'library',
      'recall@10',
      'ef',
      'QPS, one at a time',
      'Quiver /',
      'QPS, batch',
      'Quiver /',
      'empty',
    ],
    rows: found.map((one) => [
      `${one.share * 100} %`,
      one.label,
      one.recall.toFixed(4),
      one.how === 'exact' ? '' : String(one.ef),
      one.singles.median.toFixed(0),
      one.ours ? '' : ratioCell(one.singleRatio),
      one.batch.median.toFixed(0),
      one.ours ? '' : ratioCell(one.batchRatio),
      String(one.empty),
    ]),
    goals: goalsOf(found),
    measured: found,
    notes: [
      ...notes,
      versionsOf(peers.map(({ about }) => about)),
      'Each id may be found or not by chance. The filter is the same bitmap on both sides; the width is the least of the list that reaches the recall on the half of the queries for choosing, and the recall is that on the other half. Quiver chooses by itself between its graph and a scan, and searches the graph wider than it is told; FAISS is held to the recall that this gives.',
      'Empty: places of the 10 of each query that held nothing, though enough vectors may be found.',
    ],
  };
}

export const benchmark: Benchmark = { title: 'Searches with a filter, beside FAISS with a selector', run };
