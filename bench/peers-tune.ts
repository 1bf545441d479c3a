/**
 * tune() and recommend() held to their word: the recall on queries that tune() has not seen, its time, the speed that it gives beside the best
 * width of Python's FAISS out of all of them; and the memory that recommend() states.
 */
import { Index } from '../lib/index.js';
import { oursAlone, oursAndFaiss } from './graph/launch.js';
import { Ground, open, ready } from './graph/measure.js';
import { K, M, OURS } from './graph/setting.js';
import { startAll, System, versionsOf, type Launcher } from './graph/system.js';
import { recallOf } from './support/data.js';
import { codesOfOpened } from './support/indexes.js';
import { GRAPH_DATA, shapeOf, type GraphData } from './support/graph-data.js';
import { atLeast, atMost, ratioCell, type Benchmark, type Context, type Goal, type Outcome } from './support/report.js';
import { alternate, rate, speedRatio } from './support/rounds.js';
import type { Spread } from './support/statistics.js';

const TARGETS = [0.95, 0.98, 0.99];
const RECALL_GOAL = 0.005;
const SECONDS_GOAL = 5;
const SPEED_GOAL = 0.95;
const SAMPLE = 1_000;
const MEMORY_GOAL = 0.05;
/** Every width up to here: what somebody with patience finds by hand. */
const WIDEST = 200;
const ROUND = { full: 0.3, quick: 0.05 };

interface Tuned {
  target: number;
  seconds: number;
  ef: number;
  /** What tune() says, and what other queries show. */
  said: number;
  shown: number;
  /** By a sample of the index's own vectors. */
  alone: { seconds: number; ef: number; shown: number };
  /** The least width of each library that reaches the target on the queries that tune() saw. */
  byHand: { name: string; label: string; ef: number; recall: number; singles: Spread; ratio: Spread }[];
}

interface Stated {
  data: string;
  factory: string;
  stated: number;
  stats: number;
  resident: number;
}

async function recallAt(index: Index, ground: Ground, efSearch: number): Promise<number> {
  const { data, half, truth } = ground;
  const { ids } = await index.search(data.queries.subarray(half * data.dim), K, { efSearch });
  return recallOf(truth.subarray(half * K), ids as Float64Array, K);
}

/** The least width out of all, by halving: recall grows with it. */
async function byHand(peer: System, ground: Ground, target: number): Promise<{ ef: number; recall: number }> {
  let [low, high] = [K - 1, WIDEST];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((await ground.recalls(peer, middle)).chosenOn >= target) high = middle;
    else low = middle;
  }
  return { ef: high, recall: (await ground.recalls(peer, high)).shown };
}

async function tuneTo(
  target: number,
  index: Index,
  peers: readonly System[],
  ground: Ground,
  context: Context,
): Promise<Tuned> {
  const { data, half } = ground;
  context.say(`tuning to ${target}`);
  const queries = data.queries.subarray(0, half * data.dim);
  const timed = async (options: { queries?: Float32Array }) => {
    const began = performance.now();
    const found = await index.tune({ recall: target, k: K, ...options });
    const seconds = (performance.now() - began) / 1000;
    return { seconds, ef: found.value, said: found.recall, shown: await recallAt(index, ground, found.value) };
  };
  const tuned = await timed({ queries });
  const { seconds, ef, shown } = await timed({});
  const sides: { peer: System; ef: number; recall: number; count: number; label: string }[] = [];
  for (const peer of peers) {
    const found = await peer.try('search', () => byHand(peer, ground, target));
    if (found === undefined) continue;
    const count = await peer.countFor(context.quick ? ROUND.quick : ROUND.full, found.ef, 2 * half);
    sides.push({ peer, ...found, count, label: peer.ours ? `${peer.label}, by hand` : peer.label });
    if (peer.ours) sides.push({ peer, ef: tuned.ef, recall: tuned.shown, count, label: `${peer.label}, tuned` });
  }
  const times = await alternate(
    sides.map(({ peer, ef, count, label }) => ({
      name: label,
      run: async () => (await peer.number('singles', ef, K, count)) / count,
    })),
    context.rounds,
  );
  const ours = sides.find((side) => side.peer.ours && side.ef === tuned.ef && side.label.endsWith('tuned'));
  return {
    target,
    ...tuned,
    alone: { seconds, ef, shown },
    byHand: sides.map(({ peer, label, ef, recall }) => ({
      name: peer.name,
      label,
      ef,
      recall,
      singles: rate(times, label, 1),
      ratio: speedRatio(times, ours?.label ?? '', label),
    })),
  };
}

/** The index of the other benchmarks where that is what is recommended, as it is for all but few vectors. */
async function fileOf(factory: string, ground: Ground, launcher: Launcher, metric: 'l2' | 'ip'): Promise<string> {
  const { dim, base } = ground.data;
  if (factory === `HNSW${M},Flat`) {
    const peer = await System.start(launcher);
    await peer.try('build', () => ready(peer, ground));
    await peer.close();
    return ground.saved(launcher.name);
  }
  const index = await Index.create({ dim, metric, type: factory });
  await index.train(base);
  await index.add(base);
  const file = ground.saved('recommended');
  await index.save(file);
  await index.close();
  return file;
}

/** What recommend() says of so many vectors, and what a process holds that opens them. */
async function stated(data: GraphData, context: Context): Promise<Stated> {
  context.say(`memory of ${data.name}`);
  const ground = await Ground.make(data, context);
  const { dim, metric, base } = data;
  const kind = metric === 'l2' ? ('l2' as const) : ('ip' as const);
  const sample = base.subarray(0, SAMPLE * dim);
  const said = Index.recommend({ n: base.length / dim, dim, metric: kind, recall: TARGETS[0] ?? 0.95, sample });
  const launcher = oursAlone(context);
  const file = await fileOf(said.factory, ground, launcher, kind);
  const opened = await open(launcher, ground, 64, file);
  const index = await Index.open(file);
  await codesOfOpened(index);
  const { bytes } = index.stats();
  await index.close();
  return {
    data: data.name,
    factory: said.factory,
    stated: said.bytes,
    stats: bytes,
    resident: opened?.bytes ?? NaN,
  };
}

function goalsOf(tuned: readonly Tuned[], memory: readonly Stated[]): Goal[] {
  const of = (one: Tuned): Goal[] => {
    const ratio = (ours: boolean): number[] =>
      one.byHand
        .filter(({ name, label }) => (name === OURS) === ours && !label.endsWith('tuned'))
        .map((side) => side.ratio.median);
    return [
      atMost(`tune to ${one.target}: recall missed on other queries`, one.target - one.shown, RECALL_GOAL, ''),
      atMost(`tune to ${one.target}: time`, one.seconds, SECONDS_GOAL, 's'),
      ...ratio(false).map((value) =>
        atLeast(`tune to ${one.target}: speed / FAISS in Python by hand`, value, SPEED_GOAL),
      ),
      ...ratio(true).map((value) => atLeast(`tune to ${one.target}: speed / our own by hand`, value, SPEED_GOAL)),
    ];
  };
  return [
    ...tuned.flatMap(of),
    ...memory.map((one) =>
      atMost(
        `recommend() for ${one.data}: off from what a process holds`,
        Math.abs(one.stated / one.resident - 1),
        MEMORY_GOAL,
        'x',
      ),
    ),
  ];
}

async function tuneImages(data: GraphData, context: Context, notes: string[]): Promise<Tuned[]> {
  const ground = await Ground.make(data, context);
  const peers = await startAll(await oursAndFaiss(context, notes));
  try {
    for (const peer of peers) await peer.try('build', () => ready(peer, ground));
    const index = await Index.open(ground.saved(OURS));
    const tuned: Tuned[] = [];
    for (const target of TARGETS) tuned.push(await tuneTo(target, index, peers, ground, context));
    await index.close();
    notes.push(versionsOf(peers.map(({ about }) => about)));
    return tuned;
  } finally {
    for (const peer of peers) await peer.close();
  }
}

async function run(context: Context): Promise<Outcome> {
  const notes: string[] = [];
  const images = await GRAPH_DATA.images(context);
  if (typeof images === 'string') throw new Error(images);
  const tuned = await tuneImages(images, context, notes);
  const memory: Stated[] = [];
  for (const make of [GRAPH_DATA.images, GRAPH_DATA.sentences, GRAPH_DATA.million]) {
    const data = await make(context);
    if (typeof data === 'string') notes.push(data);
    else memory.push(await stated(data, context));
  }
  return {
    setting: { ...shapeOf(images), k: K, targets: TARGETS },
    head: ['target', 'setting', 'ef', 'recall@10 on other queries', 'QPS, one at a time', 'tuned /'],
    rows: tuned.flatMap(({ target, byHand }) =>
      byHand.map((side) => [
        String(target),
        side.name === OURS ? `**${side.label}**` : side.label,
        String(side.ef),
        side.recall.toFixed(4),
        side.singles.median.toFixed(0),
        ratioCell(side.ratio),
      ]),
    ),
    tables: [
      {
        title: 'tune()',
        head: ['target', 'with', 'seconds', 'ef', 'recall on other queries'],
        rows: tuned.flatMap(({ target, seconds, ef, shown, alone }) => [
          [String(target), 'queries', seconds.toFixed(2), String(ef), shown.toFixed(4)],
          [String(target), 'vectors of its own', alone.seconds.toFixed(2), String(alone.ef), alone.shown.toFixed(4)],
        ]),
      },
      {
        title: 'Memory that recommend() states',
        head: ['data', 'kind', 'stated MB', 'stats() MB', 'RSS MB', 'stated / RSS'],
        rows: memory.map((one) => [
          one.data,
          one.factory,
          ...[one.stated, one.stats, one.resident].map((bytes) => (bytes / 1e6).toFixed(1)),
          (one.stated / one.resident).toFixed(3),
        ]),
      },
    ],
    goals: goalsOf(tuned, memory),
    measured: { tuned, memory },
    notes: [
      ...new Set(notes),
      `By hand: the least efSearch out of all from ${K} to ${WIDEST} that reaches the target on the queries that tune() is given.`,
      'RSS: what came with opening the file in a fresh process.',
    ],
  };
}

export const benchmark: Benchmark = { title: 'tune() and recommend()', run };
