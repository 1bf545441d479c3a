/**
 * Several sides measured turn by turn on one machine. What slows the machine down for a while then slows all sides, and the
 * ratio of one round stays what it is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { spread } from './statistics.js';
import type { Spread } from './statistics.js';

/** Threads of the side before spin for some milliseconds after their work; they must not do so in the next turn. */
const PAUSE_MS = 30;

export interface Side {
  name: string;
  /** Runs one round and gives its seconds. */
  run: () => number | Promise<number>;
}

/** One value a round, for each side. */
export type Times = Map<string, number[]>;

/** Runs every side once to warm up, then in each round; every other round in reversed order. */
export async function alternate(sides: readonly Side[], rounds: number): Promise<Times> {
  const times: Times = new Map(sides.map(({ name }) => [name, []]));
  for (const side of sides) await side.run();
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
      await sleep(PAUSE_MS);
      times.get(side.name)?.push(await side.run());
    }
  }
  return times;
}

export function timesOf(times: Times, name: string): number[] {
  const found = times.get(name);
  if (found === undefined) throw new Error(`expected a side named ${name}, found ${[...times.keys()].join(', ')}`);
  return found;
}

/** How many times as fast `ours` was as `theirs`, round by round. */
export function speedRatio(times: Times, ours: string, theirs: string): Spread {
  const other = timesOf(times, theirs);
  return spread(timesOf(times, ours).map((seconds, round) => (other[round] ?? NaN) / seconds));
}

/** Work per second of one side, round by round. */
export function rate(times: Times, name: string, work: number): Spread {
  return spread(timesOf(times, name).map((seconds) => work / seconds));
}

/** How often `call` must run so that a round takes `seconds`; at least once. */
export async function repetitions(call: () => unknown, seconds: number): Promise<number> {
  await call();
  let count = 1;
  for (;;) {
    const began = performance.now();
    for (let i = 0; i < count; i++) await call();
    const spent = (performance.now() - began) / 1000;
    if (spent >= seconds / 8) return Math.max(1, Math.round((count * seconds) / spent));
    count *= 4;
  }
}

/** Seconds that `work` takes. */
export function timed(work: () => void): number {
  const began = performance.now();
  work();
  return (performance.now() - began) / 1000;
}

/** Seconds of this process's CPU time that `work` takes: what other processes do at the same time does not count. */
export function timedCpu(work: () => void): number {
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1e6;
}

export async function timedAsync(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}
