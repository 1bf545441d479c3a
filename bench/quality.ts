/**
 * `npm run bench:quality`: how well search finds and how well the models know what is alike, on SciFact, Cranfield and STS-B.
 * docs/quality.md says what is measured, and shows the tables that `--keep` writes there.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { table } from '../src/cli/format.js';
import { measure, type Measured } from './quality/measure.js';
import { openSources, type Sources } from './quality/sources.js';
import { answeringTable, goalsOf, goalTable, retrievalTable, similarityTable, weightTable } from './quality/tables.js';
import { describeMachine } from './support/machine.js';
import { markdown, type Shown, updatePage } from './support/page.js';
import { type Goal, rounded } from './support/report.js';

const HELP = `Usage: npm run bench:quality -- [options]

Reads data/scifact, data/cranfield, data/stsb and models/all-MiniLM-L6-v2-int8 in $QUIVER_SHARED (default: ../shared);
what is not there is left out. Vectors of MiniLM are kept in $QUIVER_CACHE/bench.

  --quick   100 queries of each set: a check that all runs
  --json    print the results as JSON on stdout instead of tables
  --keep    write to bench/results/ and docs/quality.md (what the repository shows) instead of bench/results/local/
  --help    print this
`;
const QUICK_QUERIES = 100;
const results = fileURLToPath(new URL('../../bench/results/', import.meta.url));

interface Options {
  quick: boolean;
  json: boolean;
  keep: boolean;
}

function readOptions(): Options | undefined {
  const flag = { type: 'boolean', default: false } as const;
  const { help, ...options } = parseArgs({ options: { quick: flag, json: flag, keep: flag, help: flag } }).values;
  if (help) return undefined;
  if (options.keep && options.quick) throw new Error('--keep: expected a full run, found --quick');
  return options;
}

function say(text: string): void {
  process.stderr.write(`quality: ${text}\n`);
}

function tablesOf(measured: Measured, goals: readonly Goal[]): [title: string, shown: Shown][] {
  const tables: [string, Shown][] = [
    ['Aims', goalTable(goals)],
    ['Retrieval', retrievalTable(measured)],
    ['nDCG@10 on SciFact’s training queries, by weight of the vectors (* the model’s)', weightTable(measured)],
    [
      'Answers by threshold: own questions answered / other set’s refused (0.42 is the default)',
      answeringTable(measured),
    ],
    ['Similarity: Spearman’s correlation', similarityTable(measured)],
  ];
  return tables.filter(([, { rows }]) => rows.length > 0);
}

async function print(tables: readonly [string, Shown][]): Promise<void> {
  for (const [title, { head, rows }] of tables) {
    const aligned = head.map((_, column) => (column < 2 ? ('left' as const) : ('right' as const)));
    process.stdout.write(`\n${title}\n${await table(head, aligned, rows)}\n`);
  }
}

async function measureAll(sources: Sources, { quick, keep }: Options): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'quiver-quality-'));
  try {
    if (keep && sources.skipped.length > 0) {
      throw new Error(
        `--keep: expected all data and models, found that some are missing (${sources.skipped[0] ?? ''})`,
      );
    }
    return await measure(sources, { folder, say, ...(quick && { queries: QUICK_QUERIES }) });
  } finally {
    await Promise.all(sources.models.map(({ embedder }) => embedder.close()));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(options: Options): Promise<void> {
  const { quick, json, keep } = options;
  const began = performance.now();
  const sources = await openSources(say);
  for (const reason of sources.skipped) say(`skipped ${reason}`);
  const measured = await measureAll(sources, options);
  // A part of the queries says nothing about the aims.
  const goals = quick ? [] : goalsOf(measured);
  const report = {
    benchmark: 'quality',
    title: 'Quality of search and of the models',
    quick,
    seconds: Math.round((performance.now() - began) / 1000),
    machine: describeMachine(),
    goals,
    measured,
    skipped: sources.skipped,
  };
  const target = keep ? results : join(results, 'local');
  await mkdir(target, { recursive: true });
  const text = `${JSON.stringify(report, rounded, 2)}\n`;
  await writeFile(join(target, 'quality.json'), text);
  const tables = tablesOf(measured, goals);
  if (keep) {
    const body = tables.map(([title, shown]) => `### ${title}\n\n${markdown(shown)}`).join('\n\n');
    await updatePage('quality.md', 'npm run bench:quality -- --keep', body);
  }
  if (json) process.stdout.write(text);
  else await print(tables);
}

try {
  const options = readOptions();
  if (options === undefined) process.stdout.write(HELP);
  else await main(options);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
