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
  responseTime: { p95: number; shareOver2s: number; queries: number } | undefined;
  errors: { percent: number; queries: number } | undefined;
  /** Queries that the window has room for. */
  room: number;
  /** Percent of the time. */
  availablePercent: number | undefined;
  resources: Resources | undefined;
  /** Seconds for which the cores have been above the bound of their alert, at every look. */
  busySeconds: number;
}

/** Of fewer queries a level says too little to wake anybody: one slow answer after a start is all of them. */
const LEAST_QUERIES = 20;
/** Cores are busy for moments whenever something is done: an alert is for what lasts. */
const LEAST_BUSY_SECONDS = 60;

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

/** `before`: the states of the last table. An alert ends only when its target is held again, so that a value at the bound gives one and not many. */
export function slaTable(input: SlaInput, before: ReadonlyMap<SlaName, SlaState>): SlaRow[] {
  const { responseTime: time, errors, room, resources, busySeconds } = input;
  const down = input.availablePercent === undefined ? undefined : 100 - input.availablePercent;
  const isFew = (queries = 0): boolean => queries < Math.min(LEAST_QUERIES, room);
  const row = (name: SlaName, value: number | undefined, more: { burn?: number; wait?: boolean } = {}): SlaRow => {
    const { target, alertAt, targetAt } = LEVELS[name];
    if (value === undefined) return { name, target, alertAt, value, burn: undefined, state: 'unknown' };
    const state = stateOf(name, value, { alerted: before.get(name) === 'alert', wait: more.wait ?? false });
    return { name, target, alertAt, value, burn: more.burn ?? value / targetAt, state };
  };
  return [
    // 5 % of the queries may be slower than 2 s.
    row('query_response_time', time?.p95, {
      ...(time && { burn: time.shareOver2s / 0.05 }),
      wait: isFew(time?.queries),
    }),
    row('availability', input.availablePercent, down === undefined ? {} : { burn: down / 0.1 }),
    row('error_rate', errors?.percent, { wait: isFew(errors?.queries) }),
    row('memory', resources?.memory.pressure),
    row('cpu', resources?.cpu.system, { wait: busySeconds < LEAST_BUSY_SECONDS }),
    row('disk', resources?.disk.percent),
  ];
}

/** Whether the cores are so busy that an alert follows when it lasts. */
export function isBusy({ cpu }: Resources): boolean {
  return cpu.system > LEVELS.cpu.alert;
}

/** `wait`: too little is known for an alert. */
function stateOf(name: SlaName, value: number, { alerted, wait }: { alerted: boolean; wait: boolean }): SlaState {
  const { targetAt, alert } = LEVELS[name];
  const over = name === 'availability' ? value < alert : value > alert;
  // Availability of just 99.9 % holds the promise; all others promise to stay below.
  const missed = name === 'availability' ? value < targetAt : value >= targetAt;
  if (missed && (alerted || (over && !wait))) return 'alert';
  return missed ? 'burning' : 'ok';
}
