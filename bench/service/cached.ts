/** A question that was asked before, by the engine itself: from memory, from Redis, and beside a language model of 100 ms. */
import { Collection } from '../../src/collection/collection.js';
import { createEngine, type Engine } from '../../src/engine/engine.js';
import { Monitor } from '../../src/monitor/monitor.js';
import { RedisServer } from '../../test/support/redis.js';
import { scriptModule } from '../../test/support/run.js';
import { questions } from '../support/passages.js';
import { alternate, timedAsync, timesOf } from '../support/rounds.js';
import { median } from '../support/statistics.js';
import { languageModel } from './language-model.js';

const MODEL_MS = 100;
const QUESTIONS = 20;
const TURNS = 60;

export interface CachedResult {
  memoryMs: number[];
  redisMs: number[];
  /** With a language model of 100 ms. */
  uncachedMs: number[];
  /** Of a cached question's time. */
  monitorShare: number;
}

/** What all that is recorded costs is what is missing here. */
class Deaf extends Monitor {
  override record(): void {
    // Nothing.
  }
}

async function each(engine: Engine, asked: readonly string[], times: number, from: unknown): Promise<number[]> {
  const ms: number[] = [];
  for (let i = 0; i < times; i++) {
    const began = performance.now();
    const { metadata } = await engine.query(asked[i % asked.length] ?? '', { k: 8 });
    ms.push(performance.now() - began);
    if (metadata.cached !== from)
      throw new Error(`expected an answer from ${String(from)}, found ${String(metadata.cached)}`);
  }
  return ms;
}

/**
 * The share of monitoring, by the fastest of many short turns of each side: what it costs is far less than what a heap and a busy
 * machine do to a single turn.
 */
async function monitorShare(collection: Collection, asked: readonly string[], times: number): Promise<number> {
  await using hearing = createEngine({ collection, monitor: new Monitor() });
  await using silent = createEngine({ collection, monitor: new Deaf() });
  const side = (name: string, engine: Engine) => ({
    name,
    run: () =>
      timedAsync(async () => {
        for (let i = 0; i < times; i++) await engine.query(asked[i % asked.length] ?? '');
      }),
  });
  const measured = await alternate([side('heard', hearing), side('silent', silent)], TURNS);
  return 1 - Math.min(...timesOf(measured, 'silent')) / Math.min(...timesOf(measured, 'heard'));
}

async function redisProgram(): Promise<string> {
  const { redisServer } = await scriptModule<{ redisServer: () => Promise<string> }>('lib/redis.mjs');
  return redisServer();
}

export async function cached(folder: string, times: number): Promise<CachedResult> {
  await using collection = await Collection.open(folder);
  await using model = await languageModel({ first: MODEL_MS, pieces: 1, between: 0 });
  const llm = { model: 'slow', baseUrl: model.url };
  const asked = [...new Set(questions(4 * QUESTIONS))].filter(Boolean).slice(0, QUESTIONS);
  await using engine = createEngine({ collection, llm });
  const uncachedMs = await each(engine, asked, asked.length, false);
  const memoryMs = await each(engine, asked, times, 'memory');
  const redis = await RedisServer.start(await redisProgram());
  try {
    // One place in memory, and more questions than that: each comes from Redis.
    const cache = { redis: redis.url, secret: 'of the benchmark alone', entries: 1 };
    await using shared = createEngine({ collection, llm, cache });
    await each(shared, asked, asked.length, false);
    const redisMs = await each(shared, asked, times, 'redis');
    return {
      memoryMs,
      redisMs,
      uncachedMs,
      monitorShare: await monitorShare(collection, asked, times),
    };
  } finally {
    await redis.close();
  }
}

export function cachedRatio({ uncachedMs, memoryMs, redisMs }: CachedResult): { memory: number; redis: number } {
  return { memory: median(uncachedMs) / median(memoryMs), redis: median(uncachedMs) / median(redisMs) };
}
