/** The planner against reality: what it predicts for ten times its sample, and what that then takes. */
import { join } from 'node:path';
import { DEFAULT_MODEL } from '../src/embed/models/registry.js';
import { fill, planMeasured, queriesFrom } from '../src/plan/measured.js';
import { probe } from '../src/plan/probe.js';
import { sampleOfFiles } from '../src/plan/sample.js';
import { atMost, type Benchmark, type Context, type Outcome } from './support/report.js';

const TIMES = 10;
/** Predicted and actual may differ by so much, either way. */
const GOAL = 0.2;
const LOAD_SECONDS = 3;
/** What larger plans have; at this size an automatic index would still be flat. */
const INDEX = { type: 'hnsw' };

async function run({ quick, folder, say }: Context): Promise<Outcome> {
  const sample = quick ? 40 : 120;
  const documents = TIMES * sample;
  say(`measuring ${sample} documents`);
  const plan = await planMeasured({ documents, qps: 50, sample, index: INDEX });
  const { predicted, measured } = plan;
  say(`building ${documents}`);
  const read = await sampleOfFiles(undefined, documents, {});
  const model = DEFAULT_MODEL;
  const place = { folder: join(folder, 'plan'), model, choice: INDEX };
  const seconds = (await fill(place, read.documents, {})) + read.readSeconds;
  say('asking it');
  const queries = queriesFrom(read.documents);
  const job = { folder: place.folder, model, index: place.choice, queries, loadSeconds: LOAD_SECONDS };
  const actual = await probe(job, {});
  // Files that cannot be read are in neither; a plan for exactly as many documents as there are is what is compared.
  const share = documents / actual.documents;
  const rows: [name: string, sample: number, predicted: number, actual: number, unit: number][] = [
    ['chunks', measured.all.chunks, predicted.chunks / share, actual.chunks, 1],
    ['database, MB', measured.all.databaseBytes, predicted.disk.databaseBytes / share, actual.databaseBytes, 1e6],
    ['snapshot, MB', measured.all.snapshotBytes, predicted.disk.snapshotBytes / share, actual.snapshotBytes, 1e6],
    ['index in memory, MB', measured.all.indexBytes, predicted.memory.indexBytes / share, actual.indexBytes, 1e6],
    ['process, MB', measured.all.residentBytes, predicted.memory.bytes, actual.residentBytes, 1e6],
    ['build, s', measured.all.chunks / measured.chunksPerSecond, predicted.buildSeconds / share, seconds, 1],
    ['query p50, ms', measured.all.p50Ms, predicted.query.p50Ms, actual.p50Ms, 1],
    ['queries/s of a core', 1 / measured.all.cpuSeconds, predicted.query.qpsPerCore, 1 / actual.cpuSeconds, 1],
  ];
  const disk = predicted.disk.bytes / share / (actual.databaseBytes + actual.snapshotBytes);
  const memory = predicted.memory.bytes / actual.residentBytes;
  return {
    setting: {
      sample,
      documents: actual.documents,
      times: TIMES,
      model,
      index: actual.factory,
      source: 'node_modules',
    },
    head: ['what', 'sample', 'predicted', 'actual', 'predicted / actual'],
    rows: rows.map(([name, small, guess, real, unit]) => [
      name,
      ...[small, guess, real].map((value) => (value / unit).toFixed(value / unit < 100 ? 1 : 0)),
      (guess / real).toFixed(2),
    ]),
    goals: [
      atMost('disk, predicted against actual', Math.abs(disk - 1), GOAL, 'off'),
      atMost('memory, predicted against actual', Math.abs(memory - 1), GOAL, 'off'),
    ],
    measured: { plan, actual, seconds, disk, memory },
    notes: [
      `predicted from ${measured.all.documents} documents for ${TIMES} times as many, then built (${actual.factory})`,
    ],
  };
}

export const benchmark: Benchmark = { title: 'The planner against reality', run };
