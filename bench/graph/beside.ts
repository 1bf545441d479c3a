/**
 * HNSW beside other libraries: the same vectors, M and efConstruction, each in a process of its own. The width of a search is chosen on one
 * half of the queries; speed and recall are those on the other half.
 */
import { system } from '../../lib/index.js';
import { commonLeast } from './curve.js';
import { launchers, type Language } from './launch.js';
import { build, compare, curveOf, Ground, open, type Compared } from './measure.js';
import { chartOf, failures, goalsOf, HEAD, MADE_HEAD, madeRows, rowsOf, type Made, type Measured } from './rows.js';
import { EF_CONSTRUCTION, K, M, OURS, TARGETS } from './setting.js';
import { startAll, versionsOf, type Launcher } from './system.js';
import { GRAPH_DATA, type GraphData } from '../support/graph-data.js';
import type { Context, Outcome } from '../support/report.js';

/** Enough to see what the first query costs after opening. */
const FIRST_EF = 64;

async function measure(data: GraphData, starts: readonly Launcher[], context: Context): Promise<Measured> {
  const ground = await Ground.make(data, context);
  const peers = await startAll(starts);
  const made: Made[] = [];
  const compared: Compared[] = [];
  try {
    for (const peer of peers) {
      context.say(`${data.name}: building ${peer.label}`);
      const built = await build(peer, ground);
      const points = built === undefined ? [] : await curveOf(peer, ground, context);
      const launcher = starts.find(({ name }) => name === peer.name);
      const opened = built === undefined || launcher === undefined ? undefined : await open(launcher, ground, FIRST_EF);
      // What is opened by later benchmarks stays.
      if (data.key === 'million' && peer.name !== OURS) ground.forget(peer.name);
      made.push({ name: peer.name, label: peer.label, about: peer.about, built, opened, points, failure: undefined });
    }
    const both = peers.map((peer, i) => ({ peer, points: made[i]?.points ?? [] }));
    const curves = both.flatMap(({ peer, points }) => (peer.failure === undefined ? [points] : []));
    const least = commonLeast(curves, Math.max(...TARGETS));
    const between = least > Math.min(...TARGETS) ? [least] : [];
    const targets = [...between, ...TARGETS].sort((a, b) => a - b);
    for (const target of targets) compared.push(...(await compare(both, ground, target, context)));
  } finally {
    for (const peer of peers) await peer.close();
  }
  peers.forEach((peer, i) => Object.assign(made[i] ?? {}, { failure: peer.failure }));
  const { key, name, dim, base, queries, metric } = data;
  return { key, data: name, dim, metric, count: base.length / dim, queries: queries.length / dim, made, compared };
}

export async function beside(
  keys: readonly (keyof typeof GRAPH_DATA)[],
  languages: readonly Language[],
  context: Context,
): Promise<Outcome> {
  const notes: string[] = [];
  const { ours, python, node } = await launchers(context, languages, notes);
  const measured: Measured[] = [];
  for (const key of keys) {
    const data = await GRAPH_DATA[key](context);
    if (typeof data === 'string') notes.push(data);
    else measured.push(await measure(data, [ours, ...python, ...node], context));
  }
  const abouts = measured.flatMap(({ made }) => made.map(({ about }) => about));
  return {
    setting: {
      k: K,
      M,
      efConstruction: EF_CONSTRUCTION,
      threads: system().threads,
      rounds: context.rounds,
      data: measured.map(({ data, dim, count, queries, metric }) => ({ data, dim, count, queries, metric })),
    },
    head: HEAD,
    rows: measured.flatMap(rowsOf),
    tables: [{ title: 'Building, keeping and opening', head: MADE_HEAD, rows: measured.flatMap(madeRows) }],
    charts: measured.map(chartOf),
    goals: measured.flatMap(goalsOf),
    measured,
    notes: [
      ...new Set(notes),
      ...measured.flatMap(failures),
      versionsOf(abouts),
      'Speed at a recall is read between the two widths around it, along a line that is straight in the logarithm; both were measured in the same rounds. A width in the table names them. Where the least width is past the recall, it is the least width that is shown, with its recall; a line at the recall that all can be narrowed to is added then.',
      'One at a time: on one thread, the next query when the answer has come (LanceDB has threads of its own, and every call is a promise). Batch: all queries in one call on all threads; hnswlib-node has no such call, LanceDB is asked 64 at a time.',
      'Cells `2.1 (1.9)`: the median of the rounds and the worst. Each build was made once, on all threads save with hnswlib-node, which has one.',
      'Memory is what came with opening the file in a fresh process. Quiver walks by codes of 4 or 8 bits beside the whole vectors, which are counted. Files were in the page cache.',
    ],
  };
}
