import type { system } from '../../../lib/index.js';
import { count, plural, seconds, table } from '../format.js';
import type { Align } from '../format.js';
import { machine } from '../machine.js';
import type { BenchData } from './data.js';
import type { LoopDelay } from './event-loop.js';
import { K } from './measure.js';
import type { Measured, Row } from './measure.js';

type System = ReturnType<typeof system>;

/** The result as JSON: what the table shows, and what it was measured on. */
export function toReport(data: BenchData, metric: string, measured: Measured, system: System): object {
  const { cpu, cores, memory } = machine();
  const { version, faiss, simd, blasKernel, threads } = system;
  return {
    data: { name: data.name, base: data.count, queries: data.queryCount, dim: data.dim, metric, k: K },
    machine: {
      cpu,
      cores,
      threads,
      memoryBytes: memory,
      node: process.version,
      quiver: version,
      faiss,
      simd,
      blasKernel,
    },
    date: new Date().toISOString(),
    seconds: measured.seconds,
    eventLoopDelayMs: measured.loop,
    rows: measured.rows,
  };
}

const COLUMNS: [head: string, align: Align, cell: (row: Row) => string][] = [
  ['type', 'left', (row) => row.type],
  ['runs as', 'left', (row) => [row.factory, ...settings(row)].join(' ')],
  ['build', 'right', (row) => seconds(row.buildSeconds)],
  [`recall@${K}`, 'right', (row) => row.recall.toFixed(4)],
  ['p50', 'right', (row) => milliseconds(row.single.p50)],
  ['p99', 'right', (row) => milliseconds(row.single.p99)],
  ['batch', 'right', (row) => `${count(row.batch.queriesPerSecond)}/s`],
  ['bytes/vector', 'right', (row) => count(row.bytesPerVector)],
  ['loop: build', 'right', (row) => pair(row.loop.build)],
  ['loop: search', 'right', (row) => pair(row.loop.search)],
];

export async function toTable(
  data: BenchData,
  metric: string,
  measured: Measured,
  system: System,
  style: { bold: (text: string) => string; dim: (text: string) => string },
): Promise<string> {
  const { cpu, cores } = machine();
  const head = `${data.name}: ${count(data.count)} vectors x ${data.dim}, ${count(data.queryCount)} queries, ${metric}, k ${K}`;
  const setup =
    `${cpu}, ${plural(cores, 'core')}, ${plural(system.threads, 'thread')} · Node ${process.versions.node} · ` +
    `FAISS ${system.faiss} ${system.simd}${system.blasKernel === 'unknown' ? '' : ` · BLAS ${system.blasKernel}`}`;
  const rows = await table(
    COLUMNS.map(([name]) => name),
    COLUMNS.map(([, align]) => align),
    measured.rows.map((row) => COLUMNS.map(([, , cell]) => cell(row))),
  );
  return [style.bold(head), style.dim(setup), '', rows, '', style.dim(notes(measured))].join('\n');
}

function notes({ rows, loop, seconds: spent }: Measured): string {
  const singles = Math.max(...rows.map((row) => row.single.queries));
  const batch = Math.max(...rows.map((row) => row.batch.queries));
  return [
    `p50, p99     one async search at a time, ${count(singles)} queries (fewer where they take over 10 s)`,
    `batch        ${count(batch)} queries in one call`,
    `loop         event-loop delay, p99 / max: how late a timer of 1 ms came (a little over 1 ms when idle)`,
    `             ${pair(loop)} over the whole run`,
    `took         ${seconds(spent)}`,
  ].join('\n');
}

function pair({ p99, max }: LoopDelay): string {
  return `${p99.toFixed(1)} / ${max.toFixed(max < 10 ? 1 : 0)} ms`;
}

/** Those that the factory string does not say. */
const SETTINGS: [name: string, short: string][] = [
  ['efConstruction', 'efC'],
  ['efSearch', 'efS'],
  ['nprobe', 'nprobe'],
];

function settings(row: Row): string[] {
  return SETTINGS.flatMap(([name, short]) => (name in row.settings ? [`${short} ${row.settings[name]}`] : []));
}

/** Three digits that matter, in the unit that suits. */
function milliseconds(value: number): string {
  if (value < 1) return `${Math.round(value * 1000)} µs`;
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
}
