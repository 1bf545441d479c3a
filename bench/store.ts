/** The embedded store at 100,000 chunks: how fast it fills and at what cost of memory, opens, and finds. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FillResult, OpenResult, SearchResult } from './store-child.js';
import { askChild } from './support/fork.js';
import { atMost } from './support/report.js';
import type { Benchmark, Context, Outcome } from './support/report.js';
import { median, percentile } from './support/statistics.js';

const CHUNKS = 100_000;
const QUICK_CHUNKS = 5_000;
const DIM = 256;
const SEARCHES = 1_000;
const GOALS = { searchMs: 10, openMs: 300, peakBytes: 1e9 };

const childFile = fileURLToPath(new URL('store-child.js', import.meta.url));

async function run(context: Context): Promise<Outcome> {
  const chunks = context.quick ? QUICK_CHUNKS : CHUNKS;
  const searches = context.quick ? 100 : SEARCHES;
  const job = { folder: join(context.folder, 'store'), chunks, dim: DIM, searches };
  context.say(`filling ${chunks} chunks`);
  const filled = await askChild<FillResult>(childFile, { ...job, step: 'fill' });
  context.say(`${(chunks / filled.seconds).toFixed(0)} chunks/s; opening`);
  const opens: OpenResult[] = [];
  for (let i = 0; i < context.rounds; i++) opens.push(await askChild<OpenResult>(childFile, { ...job, step: 'open' }));
  context.say('searching');
  const times = await askChild<SearchResult>(childFile, { ...job, step: 'search' });
  const ms = (value: number): string => value.toFixed(2);
  const openMs = median(opens.map((one) => one.openMs));
  const hybrid = percentile(times.hybrid ?? [], 0.95);
  return {
    setting: { chunks, dim: DIM, searches, text: filled.text, index: filled.kind },
    head: ['search', 'p50 ms', 'p95 ms', 'p99 ms', 'first'],
    rows: Object.entries(times).map(([name, list]) => [
      name,
      ...[0.5, 0.95, 0.99].map((q) => ms(percentile(list, q))),
      ms(list[0] ?? NaN),
    ]),
    goals: [
      atMost('hybrid search, p95', hybrid, GOALS.searchMs, 'ms'),
      atMost('open, median', openMs, GOALS.openMs, 'ms'),
      atMost('resident memory while filling, peak', filled.peakBytes / 1e6, GOALS.peakBytes / 1e6, 'MB'),
    ],
    measured: { filled, opens, times },
    notes: [
      `filled at ${(chunks / filled.seconds).toFixed(0)} chunks/s; the index was ${filled.kind} and saved ${filled.settleSeconds.toFixed(1)} s after the last; p99 of the event loop ${ms(filled.loopP99Ms)} ms`,
      `${(filled.diskBytes / chunks / 1024).toFixed(2)} KiB a chunk on disk; opened as ${[...new Set(opens.map((one) => one.how))].join(', ')}, first answer after ${ms(median(opens.map((one) => one.firstAnswerMs)))} ms (median of processes)`,
      'Questions are 3 to 8 words of a description, and a vector from one of 500 clusters; the embedding of the question is not in it.',
    ],
  };
}

export const benchmark: Benchmark = { title: 'The embedded store', run };
