/** The service: remembered answers, questions over HTTP at 100,000 chunks, overload, streams, and what monitoring costs. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CollectionJob, FillResult } from './collection-child.js';
import { cached, cachedRatio, type CachedResult } from './service/cached.js';
import { ServerProcess } from './service/children.js';
import { oneByOne, overload, type OverloadResult, type QuestionsResult } from './service/overload.js';
import { streams, type StreamsResult } from './service/streams.js';
import { askChild } from './support/fork.js';
import { passages } from './support/passages.js';
import { atLeast, atMost, type Benchmark, type Context, type Goal, type Outcome } from './support/report.js';
import { median, percentile, quantiles } from './support/statistics.js';

const GOALS = { memoryMs: 0.3, redisMs: 1, ratio: 10, uncachedMs: 25, overload: 2, monitorPercent: 2 };
/** Of a client: its socket and that to the language model with their buffers, question, passages and streams. What the heap takes for it stays its own. */
const CLIENT_KB = 512;
/** Nothing may add up, while they are held or when they come again: less than this is what a heap does anyway. */
const FLAT_MB = 10;
const CONCURRENCY = 8;

const SIZES = {
  full: { chunks: 100_000, times: 2_000, questions: 1_000, seconds: 8, turns: 5, clients: 200, visits: 6, hold: 10 },
  quick: { chunks: 5_000, times: 300, questions: 100, seconds: 2, turns: 1, clients: 50, visits: 4, hold: 2 },
};

function statuses({ overloaded: { answeredMs, refused } }: OverloadResult): string {
  return [`200: ${answeredMs.length}`, ...Object.entries(refused).map(([status, count]) => `${status}: ${count}`)].join(
    ', ',
  );
}

interface Measured {
  known: CachedResult;
  byOne: QuestionsResult;
  /** One after the other: a single turn says little about a p99. */
  load: OverloadResult[];
  held: StreamsResult;
}

async function overHttp(context: Context, folder: string): Promise<Pick<Measured, 'byOne' | 'load'>> {
  const size = context.quick ? SIZES.quick : SIZES.full;
  await using server = await ServerProcess.start({ folder, serve: { concurrency: CONCURRENCY } });
  context.say('asking over HTTP');
  const byOne = await oneByOne(server, size.questions);
  context.say('asking more than can be answered');
  const load: OverloadResult[] = [];
  for (let turn = 0; turn < size.turns; turn++) load.push(await overload(server, CONCURRENCY, size.seconds));
  return { byOne, load };
}

async function measure(context: Context): Promise<Measured> {
  const size = context.quick ? SIZES.quick : SIZES.full;
  const folder = join(context.folder, 'service');
  const job: CollectionJob = { step: 'fill', folder, chunks: size.chunks, searches: 0 };
  context.say(`filling ${size.chunks} chunks`);
  await askChild<FillResult>(fileURLToPath(new URL('collection-child.js', import.meta.url)), job);
  context.say('asking what was asked before');
  const known = await cached(folder, size.times);
  const { byOne, load } = await overHttp(context, folder);
  context.say(`holding ${size.clients} streams`);
  return {
    known,
    byOne,
    load,
    held: await streams(folder, { clients: size.clients, rounds: size.visits, seconds: size.hold }),
  };
}

/** A list of some thousand times is kept as what it says. */
function keptOf(measured: object): Record<string, unknown> {
  const entries = Object.entries(measured) as [string, unknown][];
  return Object.fromEntries(entries.map(([name, value]) => [name, Array.isArray(value) ? quantiles(value) : value]));
}

function keptLoad({ saturation, saturated, overloaded }: OverloadResult): object {
  return { saturation, saturated: keptOf(saturated), overloaded: keptOf(overloaded) };
}

function goalsOf({ known, byOne, load, held }: Measured, { chunks, hold }: (typeof SIZES)['full']): Goal[] {
  const ratio = cachedRatio(known);
  const p99 = load.map(
    (turn) => percentile(turn.overloaded.answeredMs, 0.99) / percentile(turn.saturated.answeredMs, 0.99),
  );
  const others = load.reduce((sum, { overloaded: { errors, refused } }) => {
    const statuses = Object.entries(refused).filter(([status]) => status !== '429');
    return sum + errors + statuses.reduce((all, [, count]) => all + count, 0);
  }, 0);
  const last = held.held.at(-1) ?? NaN;
  return [
    atMost('remembered in memory, median', median(known.memoryMs), GOALS.memoryMs, 'ms'),
    atMost('remembered in Redis, median', median(known.redisMs), GOALS.redisMs, 'ms'),
    atLeast('remembered in memory beside a language model of 100 ms', ratio.memory, GOALS.ratio),
    atLeast('remembered in Redis beside a language model of 100 ms', ratio.redis, GOALS.ratio),
    atMost(`made anew over HTTP at ${chunks} chunks, p95`, percentile(byOne.wholeMs, 0.95), GOALS.uncachedMs, 'ms'),
    atMost(
      `p99 of what is answered at twice the load, beside p99 at the load, median of ${p99.length}`,
      median(p99),
      GOALS.overload,
      'x',
    ),
    atMost('neither answered nor told to come again (429)', others, 0, 'requests'),
    atMost(
      `memory of one of ${held.clients} held streams, the first time`,
      ((held.held[0] ?? NaN) - held.before) / held.clients / 1e3,
      CLIENT_KB,
      'kB',
    ),
    atMost(
      `growth from the third time that they come to the last`,
      (last - (held.held[2] ?? NaN)) / 1e6,
      FLAT_MB,
      'MB',
    ),
    atMost(`growth while they are held for ${hold} s`, (held.heldOn - last) / 1e6, FLAT_MB, 'MB'),
    atMost('monitoring, of a remembered answer', 100 * known.monitorShare, GOALS.monitorPercent, '%'),
  ];
}

async function run(context: Context): Promise<Outcome> {
  const size = context.quick ? SIZES.quick : SIZES.full;
  const all = await measure(context);
  const { known, byOne, load, held } = all;
  const saturated = load.flatMap((turn) => turn.saturated.answeredMs);
  const overloaded = load.flatMap((turn) => turn.overloaded.answeredMs);
  const saturation = median(load.map((turn) => turn.saturation));
  const goodput = median(
    load.map((turn) => turn.overloaded.answeredMs.length / turn.overloaded.seconds / turn.saturation),
  );
  const row = (name: string, times: readonly number[]): string[] => [
    name,
    ...[0.5, 0.95, 0.99].map((q) => percentile(times, q).toFixed(2)),
  ];
  return {
    setting: { ...size, rounds: context.rounds, concurrency: CONCURRENCY, text: passages().name },
    head: ['question', 'p50 ms', 'p95 ms', 'p99 ms'],
    rows: [
      row('remembered in memory', known.memoryMs),
      row('remembered in Redis', known.redisMs),
      row('remembered, over HTTP', byOne.cachedMs),
      row('made anew, a language model of 100 ms', known.uncachedMs),
      row('made anew, sentences, over HTTP', byOne.wholeMs),
      row('of that searching', byOne.retrievalMs),
      row('of that choosing sentences', byOne.answerMs),
      row(`${CONCURRENCY} at a time: ${saturation.toFixed(0)} a second`, saturated),
      row('twice as many as that', overloaded),
    ],
    goals: goalsOf(all, size),
    measured: { known: keptOf(known), byOne: keptOf(byOne), load: load.map(keptLoad), held },
    notes: [
      `Answers at twice the load: ${load.map(statuses).join('; ')}; median ${(100 * goodput).toFixed(0)} % as many a second as at the load: client and server share the two cores.`,
      `Streams got ${(held.bytesReceived / 1e6).toFixed(1)} MB in all. Resident memory in MB: ${[held.before, ...held.held, held.heldOn, held.after].map((bytes) => (bytes / 1e6).toFixed(0)).join(', ')}: before, each time that they were there, at the end of the last time, after.`,
    ],
  };
}

export const benchmark: Benchmark = { title: 'The service', run };
