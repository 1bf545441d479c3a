/**
 * A collection with the default model: documents a minute from files, and at 100,000 chunks its memory, its opening, and what a
 * search costs with the embedding of the question in it.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CollectionJob, FilesResult, FillResult, OpenResult, SearchResult } from './collection-child.js';
import { askChild } from './support/fork.js';
import { passages } from './support/passages.js';
import { atLeast, atMost, type Benchmark, type Context, type Outcome } from './support/report.js';
import { median, percentile } from './support/statistics.js';

const GOALS = { documentsPerMinute: 1000, searchMs: 10, openMs: 300, peakMB: 1000 };
const childFile = fileURLToPath(new URL('collection-child.js', import.meta.url));

async function run(context: Context): Promise<Outcome> {
  const chunks = context.quick ? 5_000 : 100_000;
  const job = { folder: join(context.folder, 'collection'), chunks, searches: context.quick ? 100 : 1_000 };
  const step = <T>(one: CollectionJob): Promise<T> => askChild<T>(childFile, one);
  context.say('reading the documents of node_modules');
  const files: FilesResult[] = [];
  for (let i = 0; i < (context.quick ? 1 : 3); i++) {
    files.push(await step<FilesResult>({ ...job, step: 'files', folder: join(context.folder, `files-${i}`) }));
  }
  context.say(`filling ${chunks} chunks`);
  const filled = await step<FillResult>({ ...job, step: 'fill' });
  context.say('opening and searching');
  const opens: OpenResult[] = [];
  for (let i = 0; i < context.rounds; i++) opens.push(await step<OpenResult>({ ...job, step: 'open' }));
  const { searchMs, askMs } = await step<SearchResult>({ ...job, step: 'search' });
  const [first] = files;
  const perMinute = median(files.map((one) => (60 * one.documents) / one.seconds));
  const openMs = median(opens.map((one) => one.openMs));
  const row = (name: string, times: readonly number[]): string[] => [
    name,
    ...[0.5, 0.95, 0.99].map((q) => percentile(times, q).toFixed(2)),
  ];
  return {
    setting: { files: first, chunks, searches: job.searches, text: passages().name, rounds: context.rounds },
    head: ['call', 'p50 ms', 'p95 ms', 'p99 ms'],
    rows: [row('search, hybrid', searchMs), row('ask, extractive answer', askMs)],
    goals: [
      atLeast('documents of node_modules, from file to collection', perMinute, GOALS.documentsPerMinute, 'a minute'),
      atMost(
        'hybrid search, embedding of the question included, p95',
        percentile(searchMs, 0.95),
        GOALS.searchMs,
        'ms',
      ),
      atMost('open, median of processes', openMs, GOALS.openMs, 'ms'),
      atMost('resident memory while filling, peak', filled.peakBytes / 1e6, GOALS.peakMB, 'MB'),
    ],
    measured: { files, filled, opens, searchMs, askMs },
    notes: [
      `${first?.documents ?? 0} documents of ${first?.chunks ?? 0} chunks in ${median(files.map((one) => one.seconds)).toFixed(1)} s (median of ${files.length}); once more, unchanged, in ${median(files.map((one) => one.againSeconds)).toFixed(2)} s`,
      `${chunks} chunks embedded and stored in ${filled.seconds.toFixed(1)} s, and ${filled.settleSeconds.toFixed(1)} s more until the index was saved`,
      `opened as ${[...new Set(opens.map(({ how }) => how))].join(', ')}, first answer ${median(opens.map((one) => one.firstAnswerMs)).toFixed(0)} ms after`,
    ],
  };
}

export const benchmark: Benchmark = { title: 'A collection with the default model', run };
