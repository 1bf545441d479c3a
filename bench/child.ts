/** Runs one benchmark; started by main.ts. */
import { writeFile } from 'node:fs/promises';
import { describeMachine } from './support/machine.js';
import { render, rounded } from './support/report.js';
import type { Benchmark, Outcome } from './support/report.js';

export interface Job {
  name: string;
  quick: boolean;
  rounds: number;
  /** Shared by the benchmarks of one run. */
  folder: string;
  /** Where the result goes. */
  report: string;
  print: boolean;
}

/** What is kept of a run. */
export interface Report extends Outcome {
  benchmark: string;
  title: string;
  quick: boolean;
  date: string;
  seconds: number;
  machine: ReturnType<typeof describeMachine>;
}

const job = JSON.parse(process.argv[2] ?? '') as Job;
const { benchmark } = (await import(`./${job.name}.js`)) as { benchmark: Benchmark };
const reason = benchmark.unable?.();
if (reason !== undefined) {
  // To stderr where stdout is for JSON alone.
  (job.print ? process.stdout : process.stderr).write(`${job.name}: not measured: ${reason}\n`);
  process.exit();
}
const began = performance.now();
const outcome = await benchmark.run({
  quick: job.quick,
  rounds: job.rounds,
  folder: job.folder,
  say: (text) => process.stderr.write(`${job.name}: ${text}\n`),
});
const { setting, head, rows, tables, charts, goals, measured, notes } = outcome;
const report: Report = {
  benchmark: job.name,
  title: benchmark.title,
  quick: job.quick,
  date: new Date().toISOString().slice(0, 10),
  seconds: Math.round((performance.now() - began) / 1000),
  machine: describeMachine(),
  setting,
  head,
  rows,
  ...(tables && { tables }),
  ...(charts && { charts }),
  goals,
  measured,
  notes,
};
await writeFile(job.report, `${JSON.stringify(report, rounded, 2)}\n`);
if (job.print) process.stdout.write(`\n${benchmark.title}\n${await render(outcome)}\n\n`);
