/**
 * HNSW beside other libraries: the same vectors, M and efConstruction, each in a process of its own. For every library the
 * narrowest search that reaches a recall on one half of the queries is taken; its speed and its recall are those on the other half.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Index, system } from '../lib/index.js';
import { scriptModule } from '../test/support/run.js';
import { LineServer } from '../test/support/line-server.js';
import { pythonWith } from '../test/support/python.js';
import { recallOf } from './support/data.js';
import { graphData, type GraphData } from './support/graph-data.js';
import { atLeast, atMost, ratioCell, type Benchmark, type Context, type Goal, type Outcome } from './support/report.js';
import { alternate, rate, speedRatio } from './support/rounds.js';
import { spread, type Spread } from './support/statistics.js';

const K = 10;
const M = 32;
const EF_CONSTRUCTION = 200;
const WIDTHS = [10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 128, 160, 200, 256, 320, 400, 512];
const TARGETS = [0.95, 0.99];
const SPEED_GOALS: Record<number, number> = { 0.95: 4.5, 0.99: 5 };
const BUILD_GOAL = 0.55;
const OURS = 'quiver';
const NODE_PEERS = [
  ['hnswlib-node', '3.0.0'],
  ['usearch', '2.25.3'],
] as const;

interface Peer {
  name: string;
  about: string;
  server: LineServer;
}

interface Built {
  name: string;
  about: string;
  buildSeconds: number;
  fileBytes: number;
  /** Memory that came with the index, what it was built from not counted. */
  residentBytes: number;
  curve: { ef: number; recall: number; qps: number }[];
}

interface AtRecall {
  target: number;
  name: string;
  ef: number;
  recall: number;
  singles: Spread;
  batch: Spread;
  /** How many times as fast ours is. */
  singleRatio: Spread;
  batchRatio: Spread;
}

const script = fileURLToPath(new URL('../../bench/peers/graph_loop.py', import.meta.url));
const loop = fileURLToPath(new URL('peers/node-loop.js', import.meta.url));

/** All that can be had; what cannot is a note. */
async function startPeers(context: Context, notes: string[]): Promise<Peer[]> {
  const peers: Peer[] = [];
  const add = async (name: string, make: () => Promise<LineServer> | LineServer): Promise<void> => {
    try {
      const server = await make();
      peers.push({ name, server, about: await server.ask('about') });
    } catch (error) {
      notes.push(
        `${name} could not be had: ${(error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''}`,
      );
    }
  };
  const node = (name: string, folder: string): LineServer =>
    new LineServer(name, process.execPath, [loop, name, folder, join(context.folder, name)]);
  await add(OURS, () => node(OURS, ''));
  for (const name of ['faiss', 'hnswlib', 'usearch']) {
    await add(`${name}, Python`, async () => new LineServer(name, await pythonWith('graphs'), [script, name]));
  }
  const { nodePeer } = await scriptModule<{ nodePeer: (name: string, version: string) => Promise<string> }>(
    'lib/node-peers.mjs',
  );
  for (const [name, version] of NODE_PEERS) {
    await add(`${name}, Node`, async () => node(name, await nodePeer(name, version)));
  }
  return peers;
}

async function truthOf({ base, queries, dim, metric }: GraphData): Promise<Float64Array> {
  const index = await Index.create({ dim, metric: metric === 'l2' ? 'l2' : 'ip', type: 'flat' });
  await index.add(base);
  const { ids } = await index.search(queries, K);
  await index.close();
  return Float64Array.from(ids as ArrayLike<number>);
}

function labels(file: string): Float64Array {
  const bytes = readFileSync(file);
  return Float64Array.from({ length: bytes.length / 8 }, (_, i) => Number(bytes.readBigInt64LE(i * 8)));
}

class Measurement {
  readonly #data: GraphData;
  readonly #truth: Float64Array;
  readonly #context: Context;
  readonly #half: number;

  constructor(data: GraphData, truth: Float64Array, context: Context) {
    this.#data = data;
    this.#truth = truth;
    this.#context = context;
    this.#half = (truth.length / K) >> 1;
  }

  async #recalls({ server, name }: Peer, ef: number): Promise<[chosenOn: number, shown: number]> {
    const file = join(this.#context.folder, `${name.replace(/\W/g, '')}.i64`);
    const found = labels(await server.ask('answers', ef, K, file));
    const cut = this.#half * K;
    return [
      recallOf(this.#truth.subarray(0, cut), found.subarray(0, cut), K),
      recallOf(this.#truth.subarray(cut), found.subarray(cut), K),
    ];
  }

  async build(peer: Peer, files: { base: string; queries: string }): Promise<Built & { chosen: Map<number, number> }> {
    const { server, name, about } = peer;
    const { dim, metric } = this.#data;
    this.#context.say(`${this.#data.name}: building ${name}`);
    await server.ask('base', files.base, dim, metric);
    await server.ask('queries', files.queries);
    const before = await server.askNumber('resident');
    const buildSeconds = await server.askNumber('build', M, EF_CONSTRUCTION, system().threads);
    const residentBytes = (await server.askNumber('resident')) - before;
    const fileBytes = await server.askNumber('save', join(this.#context.folder, 'saved'));
    const curve: Built['curve'] = [];
    const chosen = new Map<number, number>();
    for (const ef of WIDTHS) {
      const [chosenOn, recall] = await this.#recalls(peer, ef);
      const count = this.#half;
      curve.push({ ef, recall, qps: count / (await server.askNumber('singles', ef, K, count)) });
      for (const target of TARGETS) if (chosenOn >= target && !chosen.has(target)) chosen.set(target, ef);
      if (chosenOn >= Math.max(...TARGETS)) break;
    }
    return { name, about, buildSeconds, fileBytes, residentBytes, curve, chosen };
  }

  /** The libraries turn by turn, each as narrow as the recall allows. */
  async compare(peers: readonly Peer[], widths: ReadonlyMap<string, number>, target: number): Promise<AtRecall[]> {
    const able = peers.filter(({ name }) => widths.has(name));
    this.#context.say(`${this.#data.name}: recall ${target}`);
    const count = 2 * this.#half;
    const ef = (name: string): number => widths.get(name) ?? NaN;
    const side = (words: (name: string) => (string | number)[]) =>
      able.map(({ name, server }) => ({ name, run: () => server.askNumber(...words(name)) }));
    const { rounds } = this.#context;
    const singles = await alternate(
      side((name) => ['singles', ef(name), K, count]),
      rounds,
    );
    const batches = await alternate(
      side((name) => ['batch', ef(name), K, system().threads]),
      rounds,
    );
    const found: AtRecall[] = [];
    for (const peer of able) {
      const { name } = peer;
      found.push({
        target,
        name,
        ef: ef(name),
        recall: (await this.#recalls(peer, ef(name)))[1],
        singles: rate(singles, name, count),
        batch: rate(batches, name, count),
        singleRatio: speedRatio(singles, OURS, name),
        batchRatio: speedRatio(batches, OURS, name),
      });
    }
    return found;
  }
}

function goalsOf(data: string, built: readonly Built[], compared: readonly AtRecall[]): Goal[] {
  const others = built.filter(({ name }) => name !== OURS);
  const fastest = Math.min(...others.map(({ buildSeconds }) => buildSeconds));
  const ours = built.find(({ name }) => name === OURS)?.buildSeconds ?? NaN;
  const goals = TARGETS.flatMap((target) => {
    const ratios = compared.filter((one) => one.target === target && one.name !== OURS);
    if (ratios.length === 0) return [];
    const least = Math.min(...ratios.map(({ singleRatio }) => singleRatio.median));
    return [
      atLeast(`${data}: one query a call at recall ${target}, Quiver / best peer`, least, SPEED_GOALS[target] ?? 1),
    ];
  });
  return [...goals, atMost(`${data}: build, Quiver / best peer`, ours / fastest, BUILD_GOAL, 'x')];
}

async function measureData(data: GraphData, context: Context, notes: string[]) {
  const files = { base: join(context.folder, 'base.f32'), queries: join(context.folder, 'queries.f32') };
  writeFileSync(files.base, data.base);
  writeFileSync(files.queries, data.queries);
  const measurement = new Measurement(data, await truthOf(data), context);
  const peers = await startPeers(context, notes);
  try {
    const built: (Built & { chosen: Map<number, number> })[] = [];
    for (const peer of peers) built.push(await measurement.build(peer, files));
    const compared: AtRecall[] = [];
    for (const target of TARGETS) {
      const widths = new Map(
        built.flatMap(({ name, chosen }) => (chosen.has(target) ? [[name, chosen.get(target) ?? 0]] : [])),
      );
      if (widths.has(OURS)) compared.push(...(await measurement.compare(peers, widths, target)));
    }
    return {
      data: data.name,
      built: built.map(({ name, about, buildSeconds, fileBytes, residentBytes, curve }) => ({
        name,
        about,
        buildSeconds,
        fileBytes,
        residentBytes,
        curve,
      })),
      compared,
    };
  } finally {
    for (const { server } of peers) await server.close();
  }
}

async function run(context: Context): Promise<Outcome> {
  const notes: string[] = [];
  const { sets, missing } = await graphData(context);
  notes.push(...missing);
  const measured: Awaited<ReturnType<typeof measureData>>[] = [];
  for (const data of sets) measured.push(await measureData(data, context, notes));
  const text = (value: Spread, digits = 0): string => value.median.toFixed(digits);
  return {
    setting: {
      M,
      efConstruction: EF_CONSTRUCTION,
      k: K,
      threads: system().threads,
      rounds: context.rounds,
      data: sets.map(({ name, dim, base, queries }) => ({
        name,
        dim,
        base: base.length / dim,
        queries: queries.length / dim,
      })),
    },
    head: [
      'data',
      'library',
      'build s',
      'recall@10',
      'ef',
      'QPS, 1 thread',
      'Quiver /',
      'QPS, batch',
      'Quiver /',
      'index MB',
      'file MB',
    ],
    rows: measured.flatMap(({ data, built, compared }) =>
      compared.map((one) => {
        const made = built.find(({ name }) => name === one.name);
        return [
          data,
          one.name === OURS ? '**Quiver**' : one.name,
          (made?.buildSeconds ?? NaN).toFixed(1),
          one.recall.toFixed(4),
          String(one.ef),
          text(one.singles),
          ratioCell(one.singleRatio),
          text(one.batch),
          ratioCell(one.batchRatio),
          ((made?.residentBytes ?? NaN) / 1e6).toFixed(0),
          ((made?.fileBytes ?? NaN) / 1e6).toFixed(0),
        ];
      }),
    ),
    goals: measured.flatMap(({ data, built, compared }) => goalsOf(data, built, compared)),
    measured,
    notes: [
      ...new Set(notes),
      `Versions: ${[...new Set(measured.flatMap(({ built }) => built.map(({ about }) => about)))].join('; ')}.`,
      'hnswlib-node builds and searches on one thread, and blocks the event loop while it does.',
      `Builds were made once each, on ${system().threads} threads: ${spread(measured.flatMap(({ built }) => built.map(({ buildSeconds }) => buildSeconds))).min.toFixed(1)} s was the shortest.`,
    ],
  };
}

export const benchmark: Benchmark = { title: 'HNSW beside other libraries', run };
