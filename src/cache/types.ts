/** What the cache of answers takes and gives. Nothing here runs. */
import type { JsonValue } from '../document/types.js';

export interface CacheOptions {
  /** Seconds that an answer is kept at most; 0: not at all. Default 3600. */
  ttl?: number;
  /** Seconds for negative answers, such as "nothing found"; 0: not at all. Default 60. */
  negativeTtl?: number;
  /** Share of the time that is taken off by chance: what was written together must not expire together. Default 0.1. */
  jitter?: number;
  /** Answers in memory at most. Default 10,000. */
  entries?: number;
  /** Bytes of JSON in memory at most. Default 64 MiB. */
  bytes?: number;
  /** Address of a Redis that processes share, `redis://` or `rediss://`. Default: none. */
  redis?: string;
  /** Key of the MAC over what lies in Redis, at least 16 characters. Whoever has it can write answers. Needed with `redis`. */
  secret?: string;
  /** What keys in Redis begin with. Default `quiver:`. */
  prefix?: string;
  /** Seconds for one command of Redis. Default 0.05. */
  commandTimeout?: number;
  /** Called once for each kind of trouble, and again when it comes back after it has healed. Default: a process warning, `QUIVER_CACHE`. */
  onWarning?: (message: string) => void;
}

/** Everything that may change the answer: keys that differ in any part are different entries. */
export interface CacheKey {
  tenant: string;
  collection: string;
  /** Of the collection, read before the answer is made: what is made while it moves on must not be kept (`keep: false`). */
  generation: number;
  model: string;
  /** The whole request. The order of an object's keys does not count; keys that are undefined are as good as absent. */
  request: JsonValue;
}

export interface Made<T> {
  value: T;
  /** Kept for `negativeTtl` instead of `ttl`. */
  negative?: boolean;
  /** false: this answer is not kept at all. */
  keep?: boolean;
}

export interface Found<T> {
  /** The caller's own: changing it changes nothing here. */
  value: T;
  from: 'memory' | 'redis' | 'made';
  /** This call waited for the work of another. */
  joined: boolean;
  /** Of the look-up; that of making the answer is not in it. */
  seconds: number;
}

export interface FindOptions {
  signal?: AbortSignal;
}

/** Since it was made. Each find and get is one of hits, misses and joined. */
export interface CacheStats {
  hits: { memory: number; redis: number };
  misses: number;
  joined: number;
  /** Of the hits, those that were negative. */
  negative: number;
  /** Values from Redis that were not ours: a wrong MAC, or not of the schema. */
  refused: number;
  /** `open`: the circuit breaker keeps calls away from it for some seconds. */
  redis: 'off' | 'ready' | 'open' | 'connecting';
  /** In memory. */
  entries: number;
  bytes: number;
}
