/**
 * `npm run bench`: runs the benchmarks one after the other, each in a process of its own, prints a table for each and
 * writes its numbers as JSON. docs/benchmarks.md says what they measure.
 */
import { fork } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Job, Report } from './child.js';
import { draw } from './support/chart.js';
import { markdown, updatePage } from './support/page.js';

const NAMES = [
  'overhead',
  'node-vs-cpp',
  'concurrency',
  'peers-flat',
  'peers-graph',
  'peers-million',
  'peers-async',
  'peers-filter',
  'peers-tune',
  'peers-storage',
  'peers-simd',
  'memory',
  'event-loop',
  'embed-static',
  'embed-onnx',
  'store',
  'ingest',
  'collection',
  'monitor',
  'service',
  'plan',
  'gpu',
] as const;
const AIMS = ['aim', '', 'measured', ''];
const HELP = `Usage: npm run bench -- [options]

  --only a,b     some of: ${NAMES.join(', ')}
  --quick        smaller data and shorter rounds: a check that all runs, about a minute
  --rounds N     rounds of each comparison, at least 5 (default 5)
  --json         print the results as JSON on stdout instead of tables
  --keep         write to bench/results/ and docs/benchmarks.md (what the repository shows) instead of bench/results/local/
`;

const results = fileURLToPath(new URL('../../bench/results/', import.meta.url));
const pictures = fileURLToPath(new URL('../../docs/benchmarks/', import.meta.url));
const childFile = fileURLToPath(new URL('child.js', import.meta.url));

interface Options {
  names: string[];
  quick: boolean;
  rounds: number;
  json: boolean;
  keep: boolean;
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const names = values.only?.split(',') ?? [...NAMES];
  const unknown = names.filter((name) => !NAMES.some((known) => known === name));
  if (unknown.length > 0) throw new Error(`--only: expected some of ${NAMES.join(', ')}, found ${unknown.join(', ')}`);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 5) throw new Error(`--rounds: expected 5 or more, found ${values.rounds}`);
  if (values.keep && values.quick) throw new Error('--keep: expected a full run, found --quick');
  const { quick, json, keep } = values;
  return { names, quick, rounds, json, keep };
}

/** Its own process: no benchmark meets the threads, the heap or the warm code of another. */
async function runChild(job: Job): Promise<boolean> {
  const child = fork(childFile, [JSON.stringify(job)], { stdio: 'inherit', execArgv: ['--expose-gc'] });
  const interrupted = (): void => void child.kill('SIGTERM');
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  const code = await new Promise((resolve) => child.once('close', resolve));
  process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  return code === 0;
}

async function main({ names, quick, rounds, json, keep }: Options): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quiver-bench-'));
  const target = keep ? results : join(results, 'local');
  await mkdir(target, { recursive: true });
  const all: unknown[] = [];
  try {
    for (const name of names) {
      const report = join(folder, 'report.json');
      const done = await runChild({ name, quick, rounds, folder, report, print: !json });
      if (!done) {
        process.stderr.write(`${name}: failed\n`);
        process.exitCode = 1;
        continue;
      }
      if (!existsSync(report)) continue; // it has said why
      const text = await readFile(report, 'utf8');
      rmSync(report);
      await writeFile(join(target, `${name}.json`), text);
      const kept = JSON.parse(text) as Report;
      await drawCharts(kept, keep ? pictures : target);
      all.push(kept);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (json) process.stdout.write(`${JSON.stringify(all, undefined, 2)}\n`);
  if (keep) await updatePage('benchmarks.md', 'npm run bench -- --keep', await body());
}

async function drawCharts({ charts = [] }: Report, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const chart of charts) await writeFile(join(folder, `${chart.file}.svg`), draw(chart));
}

/** Every benchmark that was ever kept, also those that this run left out. */
async function body(): Promise<string> {
  const parts: string[] = [];
  for (const name of NAMES) {
    const file = join(results, `${name}.json`);
    if (!existsSync(file)) continue;
    const {
      title,
      head,
      rows,
      tables = [],
      charts = [],
      goals,
      notes,
      machine,
      date,
    } = JSON.parse(await readFile(file, 'utf8')) as Report;
    const about = `${machine.cpu}, ${machine.threads} threads, addon ${machine.simd}, ${date}. Numbers: \`bench/results/${name}.json\`.`;
    const aims = goals.map(({ name, goal, value, met }) => [
      name,
      goal,
      value.toPrecision(4),
      met ? 'met' : '**missed**',
    ]);
    parts.push(
      [`### ${title}`, ...charts.map(({ title, file }) => `![${title}](benchmarks/${file}.svg)`)]
        .concat(markdown({ head, rows }), ...tables.map((one) => [`**${one.title}**`, markdown(one)]))
        .concat(aims.length > 0 ? markdown({ head: AIMS, rows: aims }) : [])
        .concat(notes.map((note) => `- ${note}`).join('\n'), about)
        .join('\n\n'),
    );
  }
  return parts.join('\n\n');
}

try {
  const options = readOptions();
  if (options === undefined) process.stdout.write(HELP);
  else await main(options);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
