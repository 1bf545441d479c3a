/** One set of vectors, several libraries: what each builds, its curve, what it is once opened again, and all of them turn by turn. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Index, system } from '../../lib/index.js';
import type { LoopDelay } from '../../src/cli/bench/event-loop.js';
import { recallOf } from '../support/data.js';
import type { GraphData } from '../support/graph-data.js';
import type { Context } from '../support/report.js';
import { alternate, timesOf, type Side } from '../support/rounds.js';
import { median, spread, type Quantiles, type Spread } from '../support/statistics.js';
import { mixed, mixedSpeed, reaching, type Between, type Point } from './curve.js';
import { EF_CONSTRUCTION, K, M, OURS, WIDTHS } from './setting.js';
import { System, type Launcher } from './system.js';

export interface Built {
  seconds: number;
  fileBytes: number;
  /** Of libraries for Node. */
  loop?: LoopDelay;
}

export interface Opened {
  seconds: number;
  /** Milliseconds of the first query after it. */
  first: number;
  /** Memory that came with it, the libraries themselves not counted. */
  bytes: number;
}

export interface Compared {
  target: number;
  name: string;
  label: string;
  setting: Between;
  recall: number;
  singles: Spread;
  batch: Spread;
  waits: Pick<Quantiles, 'p50' | 'p99'>;
  /** How many times as fast ours is. */
  singleRatio: Spread;
  batchRatio: Spread;
}

/** Seconds of one round of single queries. */
const roundSeconds = ({ quick }: Context): number => (quick ? 0.04 : 0.15);

const LOOKS = 3;
/** Past this recall curves are not followed. */
const ENOUGH = 0.997;

/** Vectors and queries as files, with the true neighbours: what every process needs. */
export class Ground {
  readonly data: GraphData;
  readonly truth: Float64Array;
  readonly half: number;
  readonly folder: string;
  readonly base: string;
  readonly queries: string;

  private constructor(data: GraphData, truth: Float64Array, folder: string) {
    this.data = data;
    this.truth = truth;
    this.half = (truth.length / K) >> 1;
    this.folder = folder;
    this.base = join(folder, 'base.f32');
    this.queries = join(folder, `queries-${truth.length / K}.f32`);
  }

  static async make(data: GraphData, context: Context): Promise<Ground> {
    const folder = join(context.folder, 'graphs', data.key);
    mkdirSync(folder, { recursive: true });
    const known = join(folder, `truth-${data.queries.length / data.dim}.f64`);
    if (!existsSync(known)) writeFileSync(known, await truthOf(data));
    const ground = new Ground(data, new Float64Array(new Uint8Array(readFileSync(known)).buffer), folder);
    if (!existsSync(ground.base)) writeFileSync(ground.base, data.base);
    if (!existsSync(ground.queries)) writeFileSync(ground.queries, data.queries);
    return ground;
  }

  /** Where a library's index is kept for the benchmarks that come after. */
  saved(name: string): string {
    return join(this.folder, `${name}.index`);
  }

  /** A file that nobody opens again. */
  forget(name: string): void {
    rmSync(this.saved(name), { recursive: true, force: true });
  }

  /** Recall of what a library answers, on each half of the queries; and how many places hold no hit. */
  async recalls(
    peer: System,
    ef: number,
    truth = this.truth,
  ): Promise<{ chosenOn: number; shown: number; empty: number }> {
    const file = join(this.folder, `${peer.name}.i64`);
    const bytes = readFileSync(await peer.ask('answers', ef, K, file));
    const found = Float64Array.from({ length: bytes.length / 8 }, (_, i) => Number(bytes.readBigInt64LE(i * 8)));
    const cut = this.half * K;
    return {
      chosenOn: recallOf(truth.subarray(0, cut), found.subarray(0, cut), K),
      shown: recallOf(truth.subarray(cut), found.subarray(cut), K),
      empty: found.filter((id) => id < 0).length,
    };
  }

  async prepare(peer: System, what: readonly ('base' | 'queries')[] = ['base', 'queries']): Promise<void> {
    await peer.ask('space', this.data.dim, this.data.metric);
    for (const one of what) await peer.ask(one, this[one]);
  }
}

export async function truthOf({ base, queries, dim, metric }: GraphData, bitmap?: Uint8Array): Promise<Float64Array> {
  const index = await Index.create({ dim, metric: metric === 'l2' ? 'l2' : 'ip', type: 'flat' });
  await index.add(base);
  const { ids } = await index.search(queries, K, bitmap === undefined ? {} : { filter: { bitmap } });
  await index.close();
  return Float64Array.from(ids as ArrayLike<number>);
}

export async function build(peer: System, ground: Ground): Promise<Built | undefined> {
  return peer.try('build', async () => {
    await ground.prepare(peer);
    const seconds = await peer.number('build', M, EF_CONSTRUCTION, system().threads);
    const fileBytes = await peer.number('save', ground.saved(peer.name));
    const loop = peer.name.startsWith('python') ? {} : { loop: await peer.json<LoopDelay>('built') };
    return { seconds, fileBytes, ...loop };
  });
}

/** With its index from an earlier benchmark of this run, else built now. */
export async function ready(peer: System, ground: Ground): Promise<void> {
  if (!existsSync(ground.saved(peer.name))) {
    if ((await build(peer, ground)) === undefined) throw new Error(peer.failure ?? 'not built');
    return;
  }
  await ground.prepare(peer, ['queries']);
  await peer.ask('open', ground.saved(peer.name));
}

/** In a fresh process, so that nothing of the build counts. The file is in the page cache. */
export async function open(
  launcher: Launcher,
  ground: Ground,
  ef: number,
  file = ground.saved(launcher.name),
): Promise<Opened | undefined> {
  const peer = await System.start(launcher);
  try {
    return await peer.try('open', async () => {
      await ground.prepare(peer, ['queries']);
      const before = await peer.number('resident');
      const seconds = await peer.number('open', file);
      const first = await peer.number('first', ef, K);
      if (peer.ours) await peer.ask('settled');
      return { seconds, first, bytes: (await peer.number('resident')) - before };
    });
  } finally {
    await peer.close();
  }
}

/** Each point is the middle of three short looks: what else the machine does comes and goes. */
export async function curveOf(peer: System, ground: Ground, context: Context, widths = WIDTHS): Promise<Point[]> {
  const points: Point[] = [];
  const { quick } = context;
  await peer.try('search', async () => {
    for (const ef of widths.filter((_, i) => !quick || i % 2 === 0)) {
      const { chosenOn, shown } = await ground.recalls(peer, ef);
      const count = await peer.countFor(roundSeconds(context) / 2, ef, ground.half);
      const looks: number[] = [];
      for (let i = 0; i < (quick ? 1 : LOOKS); i++) looks.push(count / (await peer.number('singles', ef, K, count)));
      points.push({ ef, chosenOn, shown, qps: median(looks) });
      if (chosenOn >= ENOUGH) break;
    }
  });
  return points;
}

/** Speed round by round at a setting between two that were measured. */
function between(low: readonly number[], high: readonly number[], part: number): number[] {
  return low.map((value, round) => mixedSpeed(value, high[round] ?? NaN, part));
}

/** Queries a second, round by round, of each library at the recall. */
async function rounds(
  able: readonly { peer: System; setting: Between }[],
  context: Context,
  command: (peer: System, ef: number) => Promise<number>,
): Promise<Map<string, number[]>> {
  const side = (peer: System, ef: number, end: string): Side => ({
    name: `${peer.name} ${end}`,
    run: async () => (await peer.try('search', () => command(peer, ef))) ?? NaN,
  });
  const sides = able.flatMap(({ peer, setting: { low, high } }) => [
    side(peer, low, 'low'),
    ...(high === low ? [] : [side(peer, high, 'high')]),
  ]);
  const times = await alternate(sides, context.rounds);
  return new Map(
    able.map(({ peer, setting: { low, high, part } }) => {
      const lows = timesOf(times, `${peer.name} low`);
      return [peer.name, between(lows, high === low ? lows : timesOf(times, `${peer.name} high`), part)];
    }),
  );
}

const ratios = (ours: readonly number[], theirs: readonly number[]): Spread =>
  spread(ours.map((value, round) => value / (theirs[round] ?? NaN)));

/** The libraries turn by turn, each at the recall: between the two widths around it. */
export async function compare(
  peers: readonly { peer: System; points: readonly Point[] }[],
  ground: Ground,
  target: number,
  context: Context,
): Promise<Compared[]> {
  const able = peers.flatMap(({ peer, points }) => {
    const setting = peer.failure === undefined ? reaching(points, target) : undefined;
    return setting === undefined ? [] : [{ peer, points, setting }];
  });
  const ours = able.find(({ peer }) => peer.ours);
  if (ours === undefined) return [];
  context.say(`${ground.data.name}: recall ${target}`);
  const counts = new Map<string, number>();
  for (const { peer, setting } of able) {
    const count = await peer.try('search', () => peer.countFor(roundSeconds(context), setting.high, 2 * ground.half));
    counts.set(peer.name, count ?? 1);
  }
  const singles = await rounds(able, context, async (peer, ef) => {
    const count = counts.get(peer.name) ?? 1;
    return count / (await peer.number('singles', ef, K, count));
  });
  const batches = await rounds(
    able,
    context,
    async (peer, ef) => (2 * ground.half) / (await peer.number('batch', ef, K, system().threads)),
  );
  const found: Compared[] = [];
  for (const { peer, points, setting } of able) {
    const { name, label } = peer;
    const waits = await peer.try('search', () => peer.json<Quantiles>('waits', setting.high, K, counts.get(name) ?? 1));
    if (waits === undefined) continue;
    const shown = (ef: number): number => points.find((point) => point.ef === ef)?.shown ?? NaN;
    found.push({
      target,
      name,
      label,
      setting,
      recall: mixed(shown(setting.low), shown(setting.high), setting.part),
      singles: spread(singles.get(name) ?? []),
      batch: spread(batches.get(name) ?? []),
      waits: { p50: waits.p50, p99: waits.p99 },
      singleRatio: ratios(singles.get(OURS) ?? [], singles.get(name) ?? []),
      batchRatio: ratios(batches.get(OURS) ?? [], batches.get(name) ?? []),
    });
  }
  return found;
}
