/** The cache of answers: memory first, Redis where there is one, and each answer made once for all who wait for it. */
import { checkCall } from '../../lib/calls.js';
import { checkObject, QuiverError, wrongArgument } from '../../lib/errors.js';
import { Flights } from './flights.js';
import { nameOf } from './key.js';
import { Memory } from './memory.js';
import { fromForeignJson, toJson } from './plain.js';
import { MOST_BYTES, RedisLink } from './redis-link.js';
import { seal, unseal } from './seal.js';
import { checkCacheOptions, type Settings } from './settings.js';
import { Troubles } from './troubles.js';
import type { CacheKey, CacheOptions, CacheStats, FindOptions, Found, Made } from './types.js';

/** What a flight brings: the value for who began it, and JSON for the copies of who joined. */
interface Landing<T> {
  value: T;
  json: string | undefined;
  from: 'redis' | 'made';
  seconds: number;
}

const secondsSince = (began: number): number => (performance.now() - began) / 1000;

export class AnswerCache<T> {
  readonly #check: (value: unknown) => T | undefined;
  readonly #settings: Settings;
  readonly #memory: Memory;
  readonly #redis: RedisLink | undefined;
  readonly #troubles: Troubles;
  readonly #flights = new Flights<Landing<T>>();
  readonly #counts = { memory: 0, redis: 0, misses: 0, joined: 0, negative: 0, refused: 0 };
  #closing: Promise<void> | undefined;

  /**
   * `check` gives the value back, or undefined for one that is not of the schema: it sees what comes from Redis, and what is to be
   * kept. Errors: E_ARGUMENT, E_RANGE.
   */
  constructor(check: (value: unknown) => T | undefined, options: CacheOptions = {}) {
    if (typeof check !== 'function') throw wrongArgument('check', 'a function', check);
    this.#check = check;
    this.#settings = checkCacheOptions(options);
    this.#memory = new Memory(this.#settings.entries, this.#settings.bytes);
    this.#troubles = new Troubles(this.#settings.warn);
    if (this.#settings.redis !== undefined) this.#redis = new RedisLink(this.#settings.redis, this.#troubles);
  }

  /**
   * The answer under this key, made where there is none. Calls that want the same at the same time wait for one `make`; its signal
   * fires when none of them waits any longer. What it throws, all of them get, and it is not kept.
   * Errors: E_ARGUMENT, E_RANGE, E_ABORTED, E_CLOSED, and those of `make`; none for the cache's sake.
   */
  async find(
    key: CacheKey,
    make: (signal: AbortSignal) => Promise<Made<T>>,
    options: FindOptions = {},
  ): Promise<Found<T>> {
    const began = performance.now();
    this.#checkOpen();
    checkCall(options);
    if (typeof make !== 'function') throw wrongArgument('make', 'a function', make);
    const name = nameOf(key);
    const held = this.#fromMemory(name);
    if (held !== undefined) return { ...held, joined: false, seconds: secondsSince(began) };
    const { joined, landed } = this.#flights.join(name, options.signal, (stop) => this.#fetch(name, make, stop));
    if (joined) this.#counts.joined++;
    const { value, json, from, seconds } = await landed;
    return { value: joined ? this.#copy(value, json) : value, from, joined, seconds };
  }

  /** Looks, and makes nothing. Errors: E_ARGUMENT, E_RANGE, E_CLOSED. */
  async get(key: CacheKey): Promise<{ value: T; from: 'memory' | 'redis' } | undefined> {
    this.#checkOpen();
    const name = nameOf(key);
    const held = this.#fromMemory(name);
    if (held !== undefined) return held;
    const found = await this.#fromRedis(name);
    if (found !== undefined) return { value: found.value, from: 'redis' };
    this.#counts.misses++;
    return undefined;
  }

  /** Keeps an answer, in place of what is there. Redis is not waited for. Errors: E_ARGUMENT, E_RANGE, E_CLOSED. */
  // eslint-disable-next-line @typescript-eslint/require-await -- mistakes reject, as everywhere
  async put(key: CacheKey, made: Made<T>): Promise<void> {
    this.#checkOpen();
    const name = nameOf(key);
    checkObject('made', made);
    this.#keep(name, made);
  }

  stats(): CacheStats {
    const { memory, redis, ...counts } = this.#counts;
    return { hits: { memory, redis }, ...counts, redis: this.#redis?.state ?? 'off', ...this.#memory.size };
  }

  /** Calls that run go on as without a cache; nothing of the cache's own runs afterwards. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#memory.clear();
      await this.#redis?.close();
    })();
    return this.#closing;
  }

  #checkOpen(): void {
    if (this.#closing === undefined) return;
    throw new QuiverError('E_CLOSED', 'The cache of answers is closed. Make a new one.', {
      expected: 'an open cache',
      actual: 'a closed one',
    });
  }

  #fromMemory(name: string): { value: T; from: 'memory' } | undefined {
    const entry = this.#memory.get(name);
    if (entry === undefined) return undefined;
    const value = this.#checked(JSON.parse(entry.json));
    // It passed when it was kept: only a check that has changed its mind comes here.
    if (value === undefined) return undefined;
    this.#counts.memory++;
    if (entry.negative) this.#counts.negative++;
    return { value, from: 'memory' };
  }

  async #fetch(name: string, make: (signal: AbortSignal) => Promise<Made<T>>, stop: AbortSignal): Promise<Landing<T>> {
    const began = performance.now();
    const found = await this.#fromRedis(name);
    const seconds = secondsSince(began);
    if (found !== undefined) return { ...found, from: 'redis', seconds };
    // Nobody waits any more, so that nobody sees this.
    stop.throwIfAborted();
    this.#counts.misses++;
    const made = await make(stop);
    checkObject('the result of make', made);
    // What was told to stop may have stopped half-way.
    const json = stop.aborted ? undefined : this.#keep(name, made);
    return { value: made.value, json, from: 'made', seconds };
  }

  async #fromRedis(name: string): Promise<{ value: T; json: string } | undefined> {
    const [link, settings] = [this.#redis, this.#settings.redis];
    if (link === undefined || settings === undefined) return undefined;
    const key = link.keyOf(name);
    const bytes = await link.get(key);
    if (bytes === undefined) return undefined;
    const sealed = unseal(settings.secret, key, bytes);
    const left = sealed === undefined ? 0 : sealed.expires - Date.now();
    if (sealed !== undefined && left <= 0) return undefined;
    const { json, negative } = sealed ?? { json: '', negative: false };
    const value = sealed === undefined ? undefined : this.#valueOf(json);
    if (value === undefined) {
      this.#counts.refused++;
      const why = sealed === undefined ? 'bears no MAC of this secret' : 'is not an answer of this version';
      this.#troubles.note('foreign', 'store', `a value in Redis ${why}, and was refused. Who else writes there?`);
      return undefined;
    }
    this.#troubles.wentWell('store');
    this.#counts.redis++;
    if (negative) this.#counts.negative++;
    // Another process may keep answers for longer than this one wants them.
    if (this.#closing === undefined) this.#memory.set(name, { json, negative }, Math.min(left, this.#ttlOf(negative)));
    return { value, json };
  }

  #ttlOf(negative: boolean): number {
    return negative ? this.#settings.negativeTtlMs : this.#settings.ttlMs;
  }

  /** A check that throws has refused, too. */
  #checked(plain: unknown): T | undefined {
    try {
      return this.#check(plain);
    } catch {
      return undefined;
    }
  }

  /** Undefined where it is not of the schema, or not to be trusted. */
  #valueOf(json: string): T | undefined {
    const plain = fromForeignJson(json);
    return plain === undefined ? undefined : this.#checked(plain);
  }

  /** Keeps what may be kept, and gives its JSON. */
  #keep(name: string, { value, negative = false, keep = true }: Made<T>): string | undefined {
    const json = toJson(value);
    const { jitter, redis: settings } = this.#settings;
    const ms = this.#ttlOf(negative) * (1 - jitter * Math.random());
    if (!keep || ms < 1 || this.#closing !== undefined) return json;
    if (json === undefined || this.#valueOf(json) === undefined) {
      this.#troubles.note('unfit', 'store', 'an answer does not come back whole from JSON, and was not kept.');
      return json;
    }
    this.#memory.set(name, { json, negative }, ms);
    if (this.#redis === undefined || settings === undefined || json.length > MOST_BYTES) return json;
    const key = this.#redis.keyOf(name);
    this.#redis.set(key, seal(settings.secret, key, { json, negative, expires: Date.now() + ms }), ms);
    return json;
  }

  /** Who joined gets a copy, as from memory. */
  #copy(value: T, json: string | undefined): T {
    const copy = json === undefined ? undefined : this.#valueOf(json);
    return copy ?? value;
  }
}
