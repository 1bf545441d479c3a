/**
 * An index on disk and in little memory: opening a million vectors by mmap, saving and opening beside copying the file, and graphs of smaller
 * codes beside that of whole vectors.
 */
import { copyFile, open as openFile, readFile, rm, stat } from 'node:fs/promises';
import { Index } from '../lib/index.js';
import { oursAlone } from './graph/launch.js';
import { Ground, ready } from './graph/measure.js';
import { EF_CONSTRUCTION, K, M, OURS, WIDTHS } from './graph/setting.js';
import { System } from './graph/system.js';
import { GRAPH_DATA, type GraphData } from './support/graph-data.js';
import { atMost, type Benchmark, type Context, type Goal, type Outcome } from './support/report.js';
import { alternate, rate, timedAsync, timesOf } from './support/rounds.js';
import { spread, type Spread } from './support/statistics.js';

const TARGET = 0.95;
const OPEN_GOAL_MS = 50;
const FIRST_GOAL_MS = 20;
const MEMORY_GOAL = 0.35;
/** In recall, by three wider searches. */
const LEAST_GAIN = 0.0005;

interface Disk {
  data: string;
  fileBytes: number;
  /** Milliseconds. */
  mapped: Spread;
  first: Spread;
  /** Megabytes a second, and milliseconds. */
  ways: { name: string; speed: Spread; ms: Spread }[];
}

interface Kind {
  data: string;
  kind: string;
  fileBytes: number;
  /** Resident, with all queries answered. */
  bytes: number;
  ef: number;
  recall: number;
  qps: number;
  reached: boolean;
  failure?: string;
}

async function flushed(work: () => Promise<void>, file: string): Promise<void> {
  await work();
  const handle = await openFile(file, 'r+');
  await handle.sync();
  await handle.close();
}

/** Opened by mmap and asked one query, as often as there are rounds. */
async function mapped(file: string, query: Float32Array, rounds: number): Promise<Pick<Disk, 'mapped' | 'first'>> {
  const opened: number[] = [];
  const first: number[] = [];
  for (let round = 0; round < rounds; round++) {
    let index: Index | undefined;
    opened.push(1000 * (await timedAsync(async () => (index = await Index.open(file, { mmap: true })))));
    first.push(1000 * (await timedAsync(async () => index?.search(query, K))));
    await index?.close();
  }
  return { mapped: spread(opened), first: spread(first) };
}

async function onDisk(data: GraphData, context: Context): Promise<Disk> {
  const ground = await Ground.make(data, context);
  const peer = await System.start(oursAlone(context));
  context.say(`making ready ${data.name}`);
  await peer.try('build', () => ready(peer, ground));
  await peer.close();
  const file = ground.saved(OURS);
  const copy = `${file}.copy`;
  const { size } = await stat(file);
  context.say('opening, saving and copying');
  const { mapped: opened, first } = await mapped(file, data.queries.subarray(0, data.dim), context.rounds);
  const index = await Index.open(file);
  const sides = [
    { name: 'save()', run: () => timedAsync(() => index.save(copy)) },
    { name: 'copy and fsync', run: () => timedAsync(() => flushed(() => copyFile(file, copy), copy)) },
    { name: 'copy', run: () => timedAsync(() => copyFile(file, copy)) },
    { name: 'open()', run: () => timedAsync(async () => (await Index.open(file)).close()) },
    { name: 'read into a buffer', run: () => timedAsync(() => readFile(file)) },
  ].map(({ name, run }) => ({
    name,
    // What was written before is not on its way to the disk any more.
    run: async () => {
      await rm(copy, { force: true });
      return run();
    },
  }));
  const times = await alternate(sides, context.rounds);
  await index.close();
  await rm(copy, { force: true });
  return {
    data: data.name,
    fileBytes: size,
    mapped: opened,
    first,
    ways: sides.map(({ name }) => ({
      name,
      speed: rate(times, name, size / 1e6),
      ms: spread(timesOf(times, name).map((seconds) => seconds * 1000)),
    })),
  };
}

/** In a process of its own: memory with all queries answered, at the least width that reaches the recall. */
async function inMemory(ground: Ground, kind: string, file: string, how: string, context: Context): Promise<Kind> {
  context.say(`${ground.data.name}: ${kind}`);
  const peer = await System.start(oursAlone(context));
  const found: Kind = {
    data: ground.data.name,
    kind,
    fileBytes: (await stat(file)).size,
    bytes: NaN,
    ef: NaN,
    recall: NaN,
    qps: NaN,
    reached: false,
  };
  await peer.try('search', async () => {
    await ground.prepare(peer, ['queries']);
    const before = await peer.number('resident');
    await peer.ask('open', file, how);
    const recalls: number[] = [];
    for (const ef of WIDTHS) {
      const { chosenOn, shown } = await ground.recalls(peer, ef);
      Object.assign(found, { ef, recall: shown, reached: chosenOn >= TARGET });
      // Codes that are too small hold the recall down, however wide the search.
      const gained = chosenOn - (recalls.at(-3) ?? 0);
      if (found.reached || gained < LEAST_GAIN) break;
      recalls.push(chosenOn);
    }
    found.bytes = (await peer.number('resident')) - before;
    const count = await peer.countFor(context.quick ? 0.1 : 1, found.ef, 2 * ground.half);
    found.qps = count / (await peer.number('singles', found.ef, K, count));
  });
  await peer.close();
  return peer.failure === undefined ? found : { ...found, failure: peer.failure };
}

async function smaller(data: GraphData, context: Context): Promise<Kind[]> {
  const { dim, metric, base } = data;
  const ground = await Ground.make(data, context);
  const peer = await System.start(oursAlone(context));
  await peer.try('build', () => ready(peer, ground));
  await peer.close();
  const whole = ground.saved(OURS);
  const kinds = [
    await inMemory(ground, `HNSW${M},Flat`, whole, 'read', context),
    await inMemory(ground, `HNSW${M},Flat by mmap`, whole, 'mapped', context),
  ];
  for (const factory of [`HNSW${M},SQ8`, `HNSW${M},PQ${dim / 4}`]) {
    context.say(`${data.name}: building ${factory}`);
    // Products of codes are for L2 only, which puts vectors of length 1 in the same order.
    const kind = metric === 'l2' || factory.includes('PQ') ? ('l2' as const) : ('ip' as const);
    const index = await Index.create({ dim, metric: kind, type: factory, efConstruction: EF_CONSTRUCTION });
    await index.train(base.subarray(0, Math.min(base.length, 20_000 * dim)));
    await index.add(base);
    const file = ground.saved(factory.replace(/\W/, '-'));
    await index.save(file);
    await index.close();
    kinds.push(await inMemory(ground, factory, file, 'read', context));
    await rm(file, { force: true });
  }
  return kinds;
}

function goalsOf(disk: Disk, kinds: readonly Kind[]): Goal[] {
  const sets = [...new Set(kinds.map(({ data }) => data))];
  return [
    atMost(`${disk.data}: open by mmap`, disk.mapped.median, OPEN_GOAL_MS, 'ms'),
    atMost(`${disk.data}: first query after it`, disk.first.median, FIRST_GOAL_MS, 'ms'),
    ...sets.flatMap((data) => {
      const own = kinds.filter((one) => one.data === data);
      const codes = own.filter(({ kind, reached }) => reached && !kind.includes('Flat'));
      const least = Math.min(...codes.map(({ bytes }) => bytes)) / (own[0]?.bytes ?? NaN);
      const name = `${data}: memory of a graph of codes at recall ${TARGET} / of whole vectors`;
      return Number.isFinite(least) ? [atMost(name, least, MEMORY_GOAL, 'x')] : [];
    }),
  ];
}

async function run(context: Context): Promise<Outcome> {
  const notes: string[] = [];
  const kinds: Kind[] = [];
  for (const make of [GRAPH_DATA.images, GRAPH_DATA.sentences]) {
    const data = await make(context);
    if (typeof data === 'string') notes.push(data);
    else kinds.push(...(await smaller(data, context)));
  }
  const million = await GRAPH_DATA.million(context);
  if (typeof million === 'string') throw new Error(million);
  const disk = await onDisk(million, context);
  notes.push(...kinds.flatMap(({ data, kind, failure }) => (failure ? [`${data}: ${kind} failed: ${failure}.`] : [])));
  const first = (data: string): number => kinds.find((one) => one.data === data)?.bytes ?? NaN;
  const ms = ({ median, max }: Spread): string => `${median.toFixed(1)} (${max.toFixed(1)})`;
  return {
    setting: {
      k: K,
      M,
      efConstruction: EF_CONSTRUCTION,
      target: TARGET,
      rounds: context.rounds,
      fileBytes: disk.fileBytes,
    },
    head: ['what', 'ms', 'MB a second'],
    rows: [
      ['open({ mmap: true })', ms(disk.mapped), ''],
      ['first query after it', ms(disk.first), ''],
      ...disk.ways.map(({ name, ms: spent, speed }) => [
        name,
        ms(spent),
        `${speed.median.toFixed(0)} (${speed.min.toFixed(0)})`,
      ]),
    ],
    tables: [
      {
        title: 'Graphs of smaller codes',
        head: ['data', 'kind', 'recall@10', 'ef', 'QPS, one at a time', 'RSS MB', 'of whole vectors', 'file MB'],
        rows: kinds.map((one) => [
          one.data,
          one.kind,
          one.reached ? one.recall.toFixed(4) : `${one.recall.toFixed(4)}, not ${TARGET}`,
          String(one.ef),
          one.qps.toFixed(0),
          (one.bytes / 1e6).toFixed(0),
          (one.bytes / first(one.data)).toFixed(3),
          (one.fileBytes / 1e6).toFixed(0),
        ]),
      },
    ],
    goals: goalsOf(disk, kinds),
    measured: { disk, kinds },
    notes: [
      ...new Set(notes),
      `Saved, opened and copied: ${disk.data} in a graph, ${(disk.fileBytes / 1e6).toFixed(0)} MB. Medians, and the worst round in brackets. The file is in the page cache; save() writes checksums and ends with an fsync, open() checks them and makes the 8-bit codes anew.`,
      'RSS: what came with opening the file in a fresh process and answering all queries; pages of a mapped file count once they are used.',
    ],
  };
}

export const benchmark: Benchmark = { title: 'An index on disk and in little memory', run };
