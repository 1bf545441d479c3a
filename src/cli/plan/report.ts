/** A plan as tables. */
import type { CapacityPlan } from '../../plan/formula.js';
import type { MeasuredPlan } from '../../plan/types.js';
import { bytes, count, plural, seconds, table, wrap } from '../format.js';

interface Style {
  bold: (text: string) => string;
  dim: (text: string) => string;
}

function short(value: number): string {
  return value < 100 ? String(Number(value.toPrecision(3))) : count(value);
}

function headOf({ documents, qps, peak }: Pick<CapacityPlan, 'documents' | 'qps' | 'peak'>): string {
  return `${plural(documents, 'document')}, ${short(qps)} queries/s, ${short(qps * peak)}/s at the peak`;
}

export async function formulaText(plan: CapacityPlan, { bold, dim }: Style): Promise<string> {
  const { need, get, cost, prices } = plan;
  const money = (value: number): string => value.toFixed(2);
  const rows = [
    ['cores', short(need.cores), count(get.cores), money(cost.aws.compute), money(cost.gcp.compute)],
    ['memory, GB', short(need.memoryGB), count(get.memoryGB), money(cost.aws.memory), money(cost.gcp.memory)],
    ['storage, GB', short(need.storageGB), count(get.storageGB), money(cost.aws.storage), money(cost.gcp.storage)],
    ['a month', '', '', money(cost.aws.total), money(cost.gcp.total)],
  ];
  const right = 'right' as const;
  const lines = await table(
    ['by the formula', 'need', 'with buffer', `AWS ${prices.currency}`, `GCP ${prices.currency}`],
    ['left', right, right, right, right],
    rows,
  );
  const source = `Rules of thumb; prices of ${prices.date}: ${prices.source}. \`--measured\` measures instead.`;
  return [bold(headOf(plan)), '', lines, '', dim(source)].join('\n');
}

/** Name, at the sample, at the plan. */
type Row = readonly [name: string, measured: string, predicted: string];

function sizes({ measured: { all, ...rates }, predicted, documents, setting }: MeasuredPlan): Row[] {
  const { chunks, disk, memory, query } = predicted;
  const ms = (value: number): string => seconds(value / 1000);
  const seconds1 = all.chunks / rates.chunksPerSecond;
  return [
    ['documents', count(all.documents), count(documents)],
    ['chunks', count(all.chunks), count(chunks)],
    ['database on disk', bytes(all.databaseBytes), bytes(disk.databaseBytes)],
    ['index on disk', bytes(all.snapshotBytes), bytes(disk.snapshotBytes)],
    ['index in memory', bytes(all.indexBytes), bytes(memory.indexBytes)],
    ['memory of the process', bytes(all.residentBytes), bytes(memory.bytes)],
    ['to build it', `${seconds(seconds1)} (${count(rates.documentsPerMinute)}/min)`, seconds(predicted.buildSeconds)],
    ['query, p50', ms(all.p50Ms), ms(query.p50Ms)],
    ['query, p95', ms(all.p95Ms), ms(query.p95Ms)],
    ['queries/s of a core', short(1 / all.cpuSeconds), short(query.qpsPerCore)],
    ['cores for the peak', `(this machine: ${String(setting.cores)})`, count(predicted.cores)],
    ['shards', `(this machine: ${bytes(setting.memoryBytes)})`, count(predicted.shards.count)],
  ];
}

export async function measuredText(plan: MeasuredPlan, { bold, dim }: Style): Promise<string> {
  const { setting, predicted, notes } = plan;
  const head = `Measured here with ${setting.model} (${String(setting.dim)} dimensions), index ${setting.index}`;
  const lines = await table(
    ['', 'sample, measured', 'plan, predicted'],
    ['left', 'right', 'right'],
    sizes(plan).map((row) => [...row]),
  );
  const { count: shards, memoryBytes, diskBytes } = predicted.shards;
  const each =
    shards === 1
      ? 'One collection is enough.'
      : `Each of the ${count(shards)} shards: ${bytes(memoryBytes)} in memory, ${bytes(diskBytes)} on disk.`;
  const about = [`Documents: ${setting.source}.`, each, ...notes].map((line) => wrap(line, ''));
  return [bold(head), '', lines, '', dim(about.join('\n'))].join('\n');
}
