/** What was measured of the graphs, as tables, curves and goals. */
import type { Chart } from '../support/chart.js';
import { atLeast, atMost, ratioCell, type Goal } from '../support/report.js';
import type { Point } from './curve.js';
import type { Built, Compared, Opened } from './measure.js';
import { OURS, TARGETS } from './setting.js';

export interface Made {
  name: string;
  label: string;
  about: string;
  built: Built | undefined;
  opened: Opened | undefined;
  points: Point[];
  failure: string | undefined;
}

export interface Measured {
  key: string;
  data: string;
  dim: number;
  metric: string;
  count: number;
  queries: number;
  made: Made[];
  compared: Compared[];
}

const SINGLE_GOALS = [4.5, 5];
const BATCH_GOALS = [5, 6];
const BUILD_GOAL = 0.55;

export const HEAD = [
  'data',
  'library',
  'recall@10',
  'ef',
  'QPS, one at a time',
  'Quiver /',
  'p50 ms',
  'p99 ms',
  'QPS, batch',
  'Quiver /',
];

export const MADE_HEAD = [
  'data',
  'library',
  'build s',
  'loop delay ms (p99, max)',
  'RSS MB',
  'file MB',
  'open ms',
  'first query ms',
];

export const bold = (name: string, label: string): string => (name === OURS ? `**${label}**` : label);
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

export function rowsOf({ data, made, compared }: Measured): string[][] {
  const rows = compared.map((one) => {
    const { low, high } = one.setting;
    return [
      data,
      bold(one.name, one.label),
      one.recall.toFixed(4),
      low === high ? String(low) : `${low} to ${high}`,
      one.singles.median.toFixed(0),
      one.name === OURS ? '' : ratioCell(one.singleRatio),
      one.waits.p50.toFixed(3),
      one.waits.p99.toFixed(3),
      one.batch.median.toFixed(0),
      one.name === OURS ? '' : ratioCell(one.batchRatio),
    ];
  });
  const gone = made.flatMap(({ name, label, points, failure }) => {
    if (failure !== undefined) return [[data, label, 'failed (see below)']];
    return TARGETS.filter((target) => !compared.some((one) => one.name === name && one.target === target)).map(
      (target) => [data, label, `never reached ${target}: ${Math.max(...points.map(({ shown }) => shown)).toFixed(4)}`],
    );
  });
  return [...rows, ...gone.map((row) => [...row, ...HEAD.slice(row.length).map(() => '')])];
}

export function failures({ data, made }: Measured): string[] {
  return made.flatMap(({ label, about, failure }) =>
    failure === undefined ? [] : [`${data}: ${about === '' ? label : about} failed: ${failure}.`],
  );
}

export function madeRows({ data, made }: Measured): string[][] {
  return made.map(({ name, label, built, opened }) => [
    data,
    bold(name, label),
    built === undefined ? 'failed' : built.seconds.toFixed(1),
    built?.loop === undefined ? '' : `${built.loop.p99.toFixed(1)}, ${built.loop.max.toFixed(0)}`,
    opened === undefined ? '' : megabytes(opened.bytes),
    built === undefined ? '' : megabytes(built.fileBytes),
    opened === undefined ? '' : (opened.seconds * 1000).toFixed(0),
    opened === undefined ? '' : opened.first.toFixed(2),
  ]);
}

export function chartOf({ key, data, made }: Measured): Chart {
  const series = made.map(({ label, points }) => ({
    label,
    points: points.map(({ shown, qps }) => ({ recall: shown, qps })),
  }));
  return { file: `recall-${key}`, title: data, series: series.filter(({ points }) => points.length > 0) };
}

/** Beside the best peer: the one that leaves the least ratio. */
export function goalsOf({ data, made, compared }: Measured): Goal[] {
  const best = (target: number, of: (one: Compared) => number): number =>
    Math.min(...compared.filter((one) => one.target === target && one.name !== OURS).map(of));
  const speed = TARGETS.flatMap((target, i) => {
    const single = best(target, ({ singleRatio }) => singleRatio.median);
    const batch = best(target, ({ batchRatio }) => batchRatio.median);
    if (!Number.isFinite(single)) return [];
    return [
      atLeast(`${data}: one query a call at recall ${target}, Quiver / best peer`, single, SINGLE_GOALS[i] ?? 1),
      atLeast(`${data}: batch per core at recall ${target}, Quiver / best peer`, batch, BATCH_GOALS[i] ?? 1),
    ];
  });
  const seconds = (ours: boolean): number =>
    Math.min(...made.filter(({ name }) => (name === OURS) === ours).map(({ built }) => built?.seconds ?? Infinity));
  const build = seconds(true) / seconds(false);
  if (!Number.isFinite(seconds(false))) return speed;
  return [...speed, atMost(`${data}: build, Quiver / best peer`, build, BUILD_GOAL, 'x')];
}
