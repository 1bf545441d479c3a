/** `quiver report`: what a running server says about itself. */
import { QuiverError } from '../../../lib/errors.js';
import type { EngineReport } from '../../engine/types.js';
import { METRICS, type MetricName } from '../../monitor/metrics.js';
import type { SlaRow } from '../../monitor/sla.js';
import type { ReportCommandOptions } from '../commands/report.js';
import type { Context } from '../context.js';
import { variable } from '../environment.js';
import { bytes, count, plural, seconds, table } from '../format.js';
import type { Output } from '../output.js';
import { EXIT } from '../output.js';

async function fetchReport(url: string, key: string | undefined, signal: AbortSignal): Promise<EngineReport> {
  const address = `${url.replace(/\/+$/, '')}/api/performance`;
  let response: Response;
  try {
    response = await fetch(address, { signal, headers: key === undefined ? {} : { authorization: `Bearer ${key}` } });
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    throw new QuiverError(
      'E_REMOTE',
      `${address} cannot be reached: ${reason}. Is it running? Start one: quiver serve <collection>`,
      {
        expected: 'a running server',
        actual: reason,
        cause,
      },
    );
  }
  if (response.ok) return (await response.json()) as EngineReport;
  const advice = response.status === 401 ? ' Give its key with --key or QUIVER_API_KEY.' : '';
  throw new QuiverError('E_REMOTE', `${address} answered ${response.status}.${advice}`, {
    expected: '200',
    actual: String(response.status),
  });
}

function valueOf(name: MetricName, value: number): string {
  const { unit } = METRICS[name];
  if (unit === 'seconds') return seconds(value);
  return unit === 'share' ? `${(100 * value).toFixed(0)} %` : value.toFixed(1);
}

function metricRows({ metrics }: EngineReport): string[][] {
  return (Object.keys(metrics) as MetricName[]).flatMap((name) => {
    const stats = metrics[name];
    // Of what only counts, the table would show ones.
    if (stats === undefined || name === 'query_success' || name === 'query_errors') return [];
    const { avg, median, p95, p99, max } = stats;
    return [[name, count(stats.total), ...[avg, median, p95, p99, max].map((value) => valueOf(name, value))]];
  });
}

function slaRow(output: Output, { name, target, alertAt, value, state }: SlaRow): string[] {
  const colors = { ok: 'green', burning: 'yellow', alert: 'red' } as const;
  const shown = value === undefined ? '-' : name === 'query_response_time' ? seconds(value) : `${value.toFixed(1)} %`;
  return [name, target, alertAt, shown, state === 'unknown' ? state : output.color(colors[state], state)];
}

async function reportText(output: Output, report: EngineReport): Promise<string> {
  const { health, collection, model, index, cache, resources, recommendations } = report;
  const color = health.score >= 90 ? 'green' : health.score >= 60 ? 'yellow' : 'red';
  const queries = (report.metrics.query_success?.total ?? 0) + (report.metrics.query_errors?.total ?? 0);
  const hits = cache?.hit_rate === undefined ? '' : `, ${(100 * cache.hit_rate).toFixed(0)} % from the cache`;
  return [
    `${output.bold('health')} ${output.color(color, `${health.score.toFixed(0)}/100`)}   up ${seconds(report.uptime)}   ${plural(queries, 'query').replace(/querys$/, 'queries')}${hits}`,
    ...health.lost.map(({ cause, points }) => `  -${points.toFixed(0)}: ${cause}`),
    `${collection.name}: ${plural(collection.documents, 'document')} in ${plural(collection.chunks, 'chunk')}, ${bytes(collection.bytes)} on disk; ${index.kind} index of ${bytes(index.bytes)}; ${model.embedding}, answers by ${model.answer}`,
    `memory ${bytes(resources.memory.rss)} (${resources.memory.percent.toFixed(0)} %), cores ${resources.cpu.system.toFixed(0)} % busy`,
    '',
    await table(
      ['metric', 'samples', 'avg', 'median', 'p95', 'p99', 'max'],
      ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
      metricRows(report),
    ),
    '',
    await table(
      ['service level', 'target', 'alert at', 'now', 'state'],
      ['left', 'left', 'left', 'right', 'left'],
      report.sla.map((row) => slaRow(output, row)),
    ),
    ...(recommendations.length === 0 ? [] : ['', output.bold('What to change')]),
    ...recommendations.map(({ cause, setting, advice }) => `  ${setting}: ${advice} (${cause})`),
  ].join('\n');
}

export async function reportServer(context: Context, url: string, { key }: ReportCommandOptions): Promise<void> {
  const { output, signal } = context;
  const report = await fetchReport(url, key ?? variable('QUIVER_API_KEY')?.split(',')[0], signal);
  const text = output.json ? '' : await reportText(output, report);
  output.result(report, () => text);
  // For scripts that watch a server.
  if (report.sla.some(({ state }) => state === 'alert')) context.exitCode = EXIT.failed;
}
