/** What a benchmark hands back, and how it is shown. */
import { table } from '../../src/cli/format.js';
import type { Chart } from './chart.js';
import type { Spread } from './statistics.js';

export interface Goal {
  name: string;
  /** As issue and documentation word it: `>= 0.97 x`, `<= 2 ms`. */
  goal: string;
  value: number;
  met: boolean;
}

/** A table of its own beside the first. */
export interface Table {
  title: string;
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

export interface Outcome {
  /** What was measured on: sizes, parameters. */
  setting: Record<string, unknown>;
  head: readonly string[];
  rows: readonly (readonly string[])[];
  tables?: readonly Table[];
  charts?: readonly Chart[];
  goals: readonly Goal[];
  /** Every number behind the table. */
  measured: unknown;
  /** What a reader must know to judge the numbers. */
  notes: readonly string[];
}

export interface Context {
  quick: boolean;
  rounds: number;
  /** For files that the run may share between benchmarks; removed after it. */
  folder: string;
  say: (text: string) => void;
}

export interface Benchmark {
  title: string;
  /** Why it cannot be measured on this machine, in one line; undefined where it can. */
  unable?: () => string | undefined;
  run: (context: Context) => Promise<Outcome>;
}

export function atLeast(name: string, value: number, bound: number, unit = 'x'): Goal {
  return { name, goal: `>= ${bound} ${unit}`, value, met: value >= bound };
}

export function atMost(name: string, value: number, bound: number, unit: string): Goal {
  return { name, goal: `<= ${bound} ${unit}`, value, met: value <= bound };
}

/** `0.98 (0.95)`: the median, and the worst round in brackets. */
export function ratioCell({ median, min }: Spread): string {
  return `${median.toFixed(3)} (${min.toFixed(3)})`;
}

export async function render(outcome: Outcome): Promise<string> {
  const { head, rows, tables = [], goals, notes } = outcome;
  const shown = async (one: Pick<Table, 'head' | 'rows'>): Promise<string> => {
    const aligned = one.head.map((_, column) => (column === 0 ? ('left' as const) : ('right' as const)));
    return table(one.head, aligned, one.rows);
  };
  const lines = [await shown({ head, rows }), ''];
  for (const more of tables) lines.push(more.title, await shown(more), '');
  for (const { name, goal, value, met } of goals) {
    lines.push(`${met ? 'met   ' : 'MISSED'} ${name}: ${value.toFixed(3)}, goal ${goal}`);
  }
  lines.push(...notes.map((note) => `note: ${note}`));
  return lines.join('\n');
}

/** For JSON.stringify: five digits say all that such a measurement can. */
export function rounded(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
}
