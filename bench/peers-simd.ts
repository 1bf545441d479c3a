/**
 * Builds for older CPUs, each beside Python's FAISS held to the same level: one graph, searched by both, and all vectors compared. And whether
 * every build finds what the best does. On the images.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Index, system } from '../lib/index.js';
import { packageRoot } from '../lib/loader.js';
import { oursAlone, oursAndFaissAt, type Level } from './graph/launch.js';
import { Ground, ready } from './graph/measure.js';
import { EF_CONSTRUCTION, K, M, OURS, TARGETS, WIDTHS } from './graph/setting.js';
import { startAll, System } from './graph/system.js';
import { recallOf } from './support/data.js';
import { GRAPH_DATA, shapeOf } from './support/graph-data.js';
import { atLeast, ratioCell, type Benchmark, type Context, type Goal, type Outcome } from './support/report.js';
import { alternate, rate, speedRatio } from './support/rounds.js';
import type { Spread } from './support/statistics.js';

const LEVELS: readonly Level[] = ['v2', 'v3', 'v4'];
const GOAL = 1;
/** Results that differ only where two distances are the same but for rounding. */
const SAME_GOAL = 0.999;
const WIDTH_TO_COMPARE = 64;
const QUERIES = { full: 2_000, quick: 200 };
const ROUND = { full: 0.3, quick: 0.05 };
/** Exact searches after which an index has made its codes, if they pay: asked in batches, twice. */
const WARM_UPS = 2;

interface Found {
  level: Level;
  /** `graph`, or `exact`. */
  how: string;
  target: number;
  ours: { ef: number; recall: number; singles: Spread; batch: Spread };
  theirs: { ef: number; recall: number; singles: Spread; batch: Spread };
  singleRatio: Spread;
  batchRatio: Spread;
}

const addonOf = (level: Level): string => join(packageRoot, 'build', level, 'quiver.node');

async function widthFor(peer: System, ground: Ground, target: number): Promise<{ ef: number; recall: number }> {
  for (const ef of WIDTHS) {
    const { chosenOn, shown } = await ground.recalls(peer, ef);
    if (chosenOn >= target) return { ef, recall: shown };
  }
  throw new Error(`${peer.label} does not reach ${target}`);
}

async function pair(
  [ours, theirs]: readonly [System, System],
  ground: Ground,
  { level, how, target }: Pick<Found, 'level' | 'how' | 'target'>,
  context: Context,
): Promise<Found> {
  context.say(`${level}: ${how === 'exact' ? how : `recall ${target}`}`);
  const seconds = context.quick ? ROUND.quick : ROUND.full;
  const sides = await Promise.all(
    [ours, theirs].map(async (peer) => {
      if (how === 'exact') for (let i = 0; i < WARM_UPS; i++) await ground.recalls(peer, K);
      return { peer, ...(await widthFor(peer, ground, target)) };
    }),
  );
  const counts: number[] = [];
  for (const { peer, ef } of sides) counts.push(await peer.countFor(seconds, ef, 2 * ground.half));
  const singles = await alternate(
    sides.map(({ peer, ef }, i) => ({
      name: peer.name,
      run: async () => (await peer.number('singles', ef, K, counts[i] ?? 1)) / (counts[i] ?? 1),
    })),
    context.rounds,
  );
  const batch = await alternate(
    sides.map(({ peer, ef }) => ({ name: peer.name, run: () => peer.number('batch', ef, K, system().threads) })),
    context.rounds,
  );
  const side = (i: 0 | 1): Found['ours'] => {
    const { peer, ef, recall } = sides[i] ?? { peer: ours, ef: NaN, recall: NaN };
    return { ef, recall, singles: rate(singles, peer.name, 1), batch: rate(batch, peer.name, 2 * ground.half) };
  };
  return {
    ...{ level, how, target, ours: side(0), theirs: side(1) },
    singleRatio: speedRatio(singles, ours.name, theirs.name),
    batchRatio: speedRatio(batch, ours.name, theirs.name),
  };
}

/** Ids that each of our builds answers, over graph and all vectors. */
async function answersOf(peer: System, ground: Ground): Promise<Record<string, Float64Array>> {
  const found: Record<string, Float64Array> = {};
  for (const how of ['graph', 'exact']) {
    await peer.ask('exact', how === 'exact' ? 'yes' : 'no');
    const bytes = readFileSync(await peer.ask('answers', WIDTH_TO_COMPARE, K, join(ground.folder, `${peer.name}.i64`)));
    found[how] = Float64Array.from({ length: bytes.length / 8 }, (_, i) => Number(bytes.readBigInt64LE(i * 8)));
  }
  await peer.ask('exact', 'no');
  return found;
}

interface Same {
  level: Level;
  graph: number;
  exact: number;
}

async function measure(
  level: Level,
  ground: Ground,
  context: Context,
  notes: string[],
): Promise<{ found: Found[]; about: string; answers: Record<string, Float64Array> }> {
  const peers = await startAll(await oursAndFaissAt(level, context, notes));
  const [ours, theirs] = peers;
  try {
    if (ours === undefined) throw new Error('expected our own launcher');
    for (const peer of peers) {
      await ground.prepare(peer, ['queries']);
      await peer.ask('open', ground.saved(peer === ours ? OURS : 'plain'));
    }
    const answers = await answersOf(ours, ground);
    const found: Found[] = [];
    if (theirs !== undefined) {
      for (const target of TARGETS)
        found.push(await pair([ours, theirs], ground, { level, how: 'graph', target }, context));
      for (const peer of peers) await peer.ask('exact', 'yes');
      found.push(await pair([ours, theirs], ground, { level, how: 'exact', target: 0.999 }, context));
    }
    return { found, about: peers.map((peer) => peer.about).join(' and '), answers };
  } finally {
    for (const peer of peers) await peer.close();
  }
}

function goalsOf(found: readonly Found[], same: readonly Same[]): Goal[] {
  return [
    ...found.flatMap(({ level, how, target, singleRatio, batchRatio }) => {
      const what = how === 'exact' ? 'exact' : `recall ${target}`;
      return [
        atLeast(`${level}, ${what}: one query a call, Quiver / FAISS of that level`, singleRatio.median, GOAL),
        atLeast(`${level}, ${what}: batch, Quiver / FAISS of that level`, batchRatio.median, GOAL),
      ];
    }),
    ...same.flatMap(({ level, graph, exact }) => [
      atLeast(`${level}: neighbours by the graph that the best build finds, too`, graph, SAME_GOAL, ''),
      atLeast(`${level}: exact neighbours that the best build finds, too`, exact, SAME_GOAL, ''),
    ]),
  ];
}

async function run(context: Context): Promise<Outcome> {
  const notes: string[] = [];
  const images = await GRAPH_DATA.images(context);
  if (typeof images === 'string') throw new Error(images);
  const count = context.quick ? QUERIES.quick : QUERIES.full;
  const data = { ...images, queries: images.queries.subarray(0, count * images.dim) };
  const ground = await Ground.make(data, context);
  const levels = LEVELS.filter((level) => existsSync(addonOf(level)));
  const missing = LEVELS.filter((level) => !levels.includes(level));
  if (missing.length > 0) {
    notes.push(`${missing.join(' and ')} not measured: no such build here (node scripts/build.mjs --simd all).`);
  }
  context.say('one graph for all');
  const builder = await System.start(oursAlone(context));
  await builder.try('build', () => ready(builder, ground));
  await builder.close();
  const plain = await Index.open(ground.saved(OURS));
  await plain.exportFaiss(ground.saved('plain'));
  await plain.close();
  const measured: (Awaited<ReturnType<typeof measure>> & { level: Level })[] = [];
  for (const level of levels) measured.push({ level, ...(await measure(level, ground, context, notes)) });
  const best = measured.at(-1)?.answers ?? {};
  const same = measured.map(({ level, answers }): Same => {
    const share = (how: string): number =>
      recallOf(best[how] ?? new Float64Array(), answers[how] ?? new Float64Array(), K);
    return { level, graph: share('graph'), exact: share('exact') };
  });
  const found = measured.flatMap((one) => one.found);
  return {
    setting: {
      ...shapeOf(data),
      k: K,
      M,
      efConstruction: EF_CONSTRUCTION,
    },
    head: [
      ...['level', 'how', 'library', 'recall@10', 'ef', 'QPS, one at a time', 'Quiver /', 'QPS, batch', 'Quiver /'],
    ],
    rows: found.flatMap(({ level, how, target, ours, theirs, singleRatio, batchRatio }) =>
      [ours, theirs].map((side) => [
        level,
        how === 'exact' ? how : `recall ${target}`,
        side === ours ? '**Quiver**' : 'faiss, Python',
        side.recall.toFixed(4),
        how === 'exact' ? '' : String(side.ef),
        side.singles.median.toFixed(0),
        side === ours ? '' : ratioCell(singleRatio),
        side.batch.median.toFixed(0),
        side === ours ? '' : ratioCell(batchRatio),
      ]),
    ),
    tables: [
      {
        title: 'Neighbours that the best build finds, too',
        head: ['level', `graph, efSearch ${WIDTH_TO_COMPARE}`, 'exact'],
        rows: same.map(({ level, graph, exact }) => [level, graph.toFixed(4), exact.toFixed(4)]),
      },
    ],
    goals: goalsOf(found, same),
    measured: { found, same },
    notes: [
      ...new Set(notes),
      `Levels: ${measured.map(({ level, about }) => `${level} is ${about}`).join('; ')}.`,
      'Both search one graph, which Quiver has built and exported; the width is the least that reaches the recall on one half of the queries, the recall is that on the other half. Exact single queries of FAISS run on one thread, those of Quiver on all.',
    ],
  };
}

export const benchmark: Benchmark = { title: 'Builds for older CPUs, beside FAISS of the same level', run };
