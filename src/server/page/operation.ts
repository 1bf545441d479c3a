/** Health, service levels, advice and charts, asked for every two seconds while somebody looks. */
import type { EngineReport } from '../../engine/types.js';
import type { SlaRow } from '../../monitor/sla.js';
import { Tile } from './charts.js';
import { getJson } from './client.js';
import { byId, make, seconds } from './dom.js';

const EVERY_MS = 2000;
const MIB = 2 ** 20;

const NAMES: Record<SlaRow['name'], string> = {
  query_response_time: 'Time of an answer',
  availability: 'Availability',
  error_rate: 'Errors',
  memory: 'Memory',
  cpu: 'Processor',
  disk: 'Disk',
};

interface Last {
  time: number;
  queries: number;
  hits: number;
  looks: number;
}

const percent = (value: number): string => `${value.toFixed(value < 10 && value > 0 ? 1 : 0)} %`;

function tiles(): Record<'latency' | 'throughput' | 'cache' | 'memory' | 'score', Tile> {
  return {
    latency: new Tile({ id: 'chart-latency', title: 'Time of an answer', lines: ['median', '95 %'], show: seconds }),
    throughput: new Tile({
      id: 'chart-throughput',
      title: 'Questions a second',
      lines: ['all'],
      show: (value) => value.toFixed(value < 10 ? 1 : 0),
    }),
    cache: new Tile({ id: 'chart-cache', title: 'Answers remembered', lines: ['share'], most: 100, show: percent }),
    memory: new Tile({
      id: 'chart-memory',
      title: 'Memory',
      lines: ['all'],
      show: (value) => `${value.toFixed(0)} MB`,
    }),
    score: new Tile({
      id: 'chart-health',
      title: 'Health',
      lines: ['score'],
      most: 100,
      show: (value) => value.toFixed(0),
    }),
  };
}

function counted({ metrics, cache }: EngineReport): Last {
  const hits = cache === undefined ? 0 : cache.hits.memory + cache.hits.redis;
  return {
    time: Date.now() / 1000,
    queries: (metrics.query_success?.total ?? 0) + (metrics.query_errors?.total ?? 0),
    hits,
    looks: hits + (cache?.misses ?? 0),
  };
}

function showHealth({ health, sla }: EngineReport): void {
  const pill = byId('health');
  const alert = sla.some(({ state }) => state === 'alert');
  pill.dataset.state = alert || health.score < 60 ? 'alert' : health.score < 90 ? 'burning' : 'ok';
  byId('health-text').textContent = `health ${health.score.toFixed(0)}`;
  pill.title = health.lost.map(({ cause }) => cause).join('\n') || 'All is well';
}

function showLevels({ sla }: EngineReport): void {
  const rows = sla.map(({ name, target, alertAt, value, state }) => {
    const now = value === undefined ? '–' : name === 'query_response_time' ? seconds(value) : percent(value);
    return make(
      'tr',
      {},
      make('th', { scope: 'row' }, NAMES[name]),
      make('td', {}, target),
      make('td', {}, alertAt),
      make('td', { class: 'number' }, now),
      make(
        'td',
        {},
        make(
          'span',
          { class: 'state', 'data-state': state },
          make('span', { class: 'dot', 'aria-hidden': 'true' }),
          state,
        ),
      ),
    );
  });
  byId('sla').replaceChildren(...rows);
}

function showAdvice({ recommendations }: EngineReport): void {
  byId('advice').replaceChildren(
    ...recommendations.map(({ cause, setting, advice }) =>
      make('li', {}, make('strong', {}, setting), `: ${advice}. ${cause[0]?.toUpperCase() ?? ''}${cause.slice(1)}.`),
    ),
  );
}

export function startOperation(): void {
  const { latency, throughput, cache, memory, score } = tiles();
  let last: Last | undefined;
  const look = async (): Promise<void> => {
    const report = await getJson<EngineReport>('api/performance');
    const now = counted(report);
    const { query_response_time: time } = report.metrics;
    latency.add(now.time, [time?.median, time?.p95]);
    throughput.add(now.time, [
      last === undefined ? 0 : Math.max(0, (now.queries - last.queries) / (now.time - last.time)),
    ]);
    const rate = report.cache?.hit_rate;
    cache.add(now.time, [rate === undefined ? undefined : 100 * rate]);
    memory.add(now.time, [report.resources.memory.rss / MIB]);
    score.add(now.time, [report.health.score]);
    last = now;
    showHealth(report);
    showLevels(report);
    showAdvice(report);
  };
  const turn = async (): Promise<void> => {
    try {
      // Nobody looks at a page in the background.
      if (!document.hidden) await look();
    } catch (error) {
      byId('health').dataset.state = 'alert';
      byId('health-text').textContent =
        error instanceof Error && error.message.includes('reached') ? 'not reachable' : 'no report';
    }
    setTimeout(() => void turn(), EVERY_MS);
  };
  void turn();
}
