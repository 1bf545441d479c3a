/** One number for how a service does, and what it lost points for. */
import type { Resources } from './resources.js';
import type { WindowStats } from './window.js';

export interface HealthInput {
  responseTime: WindowStats | undefined;
  eventLoopDelay: WindowStats | undefined;
  /** Share of queries that failed, 0 to 1. */
  errorRate: number | undefined;
  resources: Resources | undefined;
}

export interface Health {
  /** 0 to 100. */
  score: number;
  lost: { cause: string; points: number }[];
}

/**
 * Slow answers cost up to 30 points (10 for each second above 2 on average) and errors up to 40 (one for each percent, from 5 %
 * on), as in the guide. Those two leave 30 at the worst, so that a machine at its end costs the rest: 10 each.
 */
export function health({ responseTime, eventLoopDelay, errorRate, resources }: HealthInput): Health {
  const lost: Health['lost'] = [];
  if (responseTime && responseTime.avg > 2) {
    const cause = `answers take ${responseTime.avg.toFixed(2)} s on average, expected at most 2 s`;
    lost.push({ cause, points: Math.min(30, (responseTime.avg - 2) * 10) });
  }
  if (errorRate !== undefined && errorRate > 0.05) {
    const cause = `${(100 * errorRate).toFixed(1)} % of the queries fail, expected at most 5 %`;
    lost.push({ cause, points: Math.min(40, errorRate * 100) });
  }
  for (const [what, percent] of [
    ['memory', resources?.memory.pressure],
    ['disk', resources?.disk.percent],
  ] as const) {
    if (percent === undefined || percent <= 90) continue;
    lost.push({ cause: `${what} is ${percent.toFixed(0)} % full, expected at most 90 %`, points: 10 });
  }
  if (eventLoopDelay && eventLoopDelay.median > 0.1) {
    const cause = `the event loop is late by ${(1000 * eventLoopDelay.median).toFixed(0)} ms each second, expected at most 100 ms`;
    lost.push({ cause, points: 10 });
  }
  return { score: Math.max(0, 100 - lost.reduce((sum, { points }) => sum + points, 0)), lost };
}
