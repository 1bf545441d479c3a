/** What a server can be told, checked once. */
import { checkInteger, outOfRange, QuiverError, wrongArgument } from '../../lib/errors.js';
import type { Engine } from '../engine/engine.js';

export interface ApiOptions {
  /** It stays the caller's to close. */
  engine: Engine;
  /**
   * Keys that may ask and write, sent as `authorization: Bearer <key>` or `x-api-key`. Default: none, and then only programs of this
   * machine are answered.
   */
  apiKeys?: readonly string[];
  /** Requests of one key (or address) a minute. Default 600; false: as many as come. */
  rateLimit?: number | false;
  /** Queries that are worked on at a time, and that may wait for it in a burst (see `Admission`); more are refused with 429. Default 8 and 32. */
  concurrency?: number;
  queue?: number;
  /** Streams that are open at a time. Default 256. */
  streams?: number;
  /** Bytes of one uploaded file, and files of one upload. Default 64 MiB and 100. */
  maxFileBytes?: number;
  maxFiles?: number;
  /** Origins whose pages may call the API, such as `https://example.org`. Default: none. */
  cors?: readonly string[];
  /** Seconds between two signs of life in a stream. Default 15. */
  heartbeat?: number;
  /** Seconds that a client may leave a stream unread before it is dropped. Default 30. */
  stall?: number;
  /** Serve the page at `/`. Default true. */
  page?: boolean;
}

export interface ApiSettings {
  engine: Engine;
  apiKeys: readonly string[];
  rateLimit: number | false;
  concurrency: number;
  queue: number;
  streams: number;
  maxFileBytes: number;
  maxFiles: number;
  cors: readonly string[];
  heartbeat: number;
  stall: number;
  page: boolean;
}

const SHORTEST_KEY = 16;
const MEBIBYTE = 2 ** 20;

function seconds(name: string, value: unknown, most: number): number {
  if (typeof value !== 'number') throw wrongArgument(name, 'a number of seconds', value);
  if (!(value > 0 && value <= most)) throw outOfRange(name, `above 0 and at most ${most} seconds`, value);
  return value;
}

function keysOf(keys: unknown): readonly string[] {
  if (!Array.isArray(keys)) throw wrongArgument('apiKeys', 'an array of texts', keys);
  for (const key of keys as unknown[]) {
    if (typeof key === 'string' && key.length >= SHORTEST_KEY) continue;
    // The key itself stays out of messages.
    const actual = typeof key === 'string' ? `${key.length} characters` : typeof key;
    throw new QuiverError(
      'E_ARGUMENT',
      `apiKeys: a key has ${actual}, and one that cannot be guessed has at least ${SHORTEST_KEY}. Make one: openssl rand -hex 24`,
      { expected: `texts of at least ${SHORTEST_KEY} characters`, actual },
    );
  }
  return keys as string[];
}

/** Errors: E_ARGUMENT, E_RANGE. */
export function checkApiOptions(options: ApiOptions): ApiSettings {
  const { engine, apiKeys = [], rateLimit = 600, cors = [], page = true } = options;
  if (typeof (engine as unknown) !== 'object')
    throw wrongArgument('engine', 'an engine, made by createEngine()', engine);
  return {
    engine,
    apiKeys: keysOf(apiKeys),
    rateLimit: rateLimit === false ? false : checkInteger('rateLimit', rateLimit, 1, 1_000_000),
    concurrency: checkInteger('concurrency', options.concurrency ?? 8, 1, 1024),
    queue: checkInteger('queue', options.queue ?? 32, 0, 100_000),
    streams: checkInteger('streams', options.streams ?? 256, 1, 100_000),
    maxFileBytes: checkInteger('maxFileBytes', options.maxFileBytes ?? 64 * MEBIBYTE, 1, 2 ** 40),
    maxFiles: checkInteger('maxFiles', options.maxFiles ?? 100, 1, 10_000),
    cors,
    heartbeat: seconds('heartbeat', options.heartbeat ?? 15, 3600),
    stall: seconds('stall', options.stall ?? 30, 3600),
    page,
  };
}
