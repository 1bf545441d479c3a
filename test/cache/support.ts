/** Answers, keys and caches of these tests. */
import { AnswerCache } from '../../src/cache/answer-cache.js';
import type { CacheKey, CacheOptions, Made } from '../../src/cache/types.js';
import { until } from '../support/redis.js';

export interface Answer {
  text: string;
  sources: { id: string; score: number }[];
}

export const SECRET = 'a secret of the tests';

export function answerFor(word: string): Answer {
  return { text: `The answer to ${word}: “äöü” 𝄞 \ud800.`, sources: [{ id: `doc-${word}`, score: 0.5 }] };
}

export function asAnswer(value: unknown): Answer | undefined {
  const { text, sources } = (value ?? {}) as Partial<Answer>;
  return typeof text === 'string' && Array.isArray(sources) ? (value as Answer) : undefined;
}

export function keyFor(word: string, parts: Partial<CacheKey> = {}): CacheKey {
  return { tenant: 't', collection: 'c', generation: 1, model: 'm', request: { question: word, k: 5 }, ...parts };
}

export function made(word: string): Made<Answer> {
  return { value: answerFor(word) };
}

/** Caches that are closed after each test, and what they warned of. */
export class Caches {
  readonly #open: AnswerCache<Answer>[] = [];
  warnings: string[] = [];

  make(options: CacheOptions = {}): AnswerCache<Answer> {
    const onWarning = (message: string): void => void this.warnings.push(message);
    const cache = new AnswerCache(asAnswer, { jitter: 0, onWarning, ...options });
    this.#open.push(cache);
    return cache;
  }

  /** With Redis, once it is connected. The limit is wide: these tests are not about speed. */
  async withRedis(url: string, options: CacheOptions = {}): Promise<AnswerCache<Answer>> {
    const cache = this.make({ redis: url, secret: SECRET, commandTimeout: 5, ...options });
    await until(() => cache.stats().redis === 'ready');
    return cache;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((cache) => cache.close()));
    this.warnings = [];
  }
}
