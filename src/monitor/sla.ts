/** The service levels that are promised, and how far what was measured is from them. */
import type { Resources } from './resources.js';

export type SlaState = 'ok' | 'burning' | 'alert' | 'unknown';

export type SlaName = 'query_response_time' | 'availability' | 'error_rate' | 'memory' | 'cpu' | 'disk';

export interface SlaRow {
  name: SlaName;
  target: string;
  alertAt: string;
  /** Seconds for query_response_time (its p95), else percent. Undefined while nothing was measured. */
  value: number | undefined;
  /** What the target allows, used up this many times: above 1 it is missed. */
  burn: number | undefined;
  state: SlaState;
}

export interface SlaInput {
  /** Of the queries in the window. */
  responseTime: { p95: number; shareOver2s: number } | undefined;
  /** Percent of queries that failed. */
  errorPercent: number | undefined;
  /** Percent of the time. */
  availablePercent: number | undefined;
  resources: Resources | undefined;
}

interface Level {
  target: string;
  alertAt: string;
  targetAt: number;
  alert: number;
}

const LEVELS: Record<SlaName, Level> = {
  query_response_time: { target: '95 % < 2 s', alertAt: 'p95 > 3 s', targetAt: 2, alert: 3 },
  availability: { target: '99.9 %', alertAt: '< 99.5 %', targetAt: 99.9, alert: 99.5 },
  error_rate: { target: '< 1 %', alertAt: '> 2 %', targetAt: 1, alert: 2 },
  memory: { target: '< 80 %', alertAt: '> 90 %', targetAt: 80, alert: 90 },
  cpu: { target: '< 70 %', alertAt: '> 85 %', targetAt: 70, alert: 85 },
  disk: { target: '< 80 %', alertAt: '> 90 %', targetAt: 80, alert: 90 },
};

export function slaTable(input: SlaInput): SlaRow[] {
  const { responseTime: time, resources } = input;
  const down = input.availablePercent === undefined ? undefined : 100 - input.availablePercent;
  return [
    // 5 % of the queries may be slower than 2 s.
    row('query_response_time', time?.p95, time && time.shareOver2s / 0.05),
    row('availability', input.availablePercent, down === undefined ? undefined : down / 0.1),
    row('error_rate', input.errorPercent),
    row('memory', resources?.memory.pressure),
    row('cpu', resources?.cpu.system),
    row('disk', resources?.disk.percent),
  ];
}

function row(name: SlaName, value: number | undefined, burn?: number): SlaRow {
  const { target, alertAt, targetAt, alert } = LEVELS[name];
  if (value === undefined) return { name, target, alertAt, value, burn: undefined, state: 'unknown' };
  const over = name === 'availability' ? value < alert : value > alert;
  // Availability of just 99.9 % holds the promise; all others promise to stay below.
  const missed = name === 'availability' ? value < targetAt : value >= targetAt;
  return {
    name,
    target,
    alertAt,
    value,
    burn: burn ?? value / targetAt,
    state: over ? 'alert' : missed ? 'burning' : 'ok',
  };
}
