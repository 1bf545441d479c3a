/** Redis as the cache sees it: it gives bytes, or nothing. No trouble of it is an error, and none holds a call for long. */
import type { CircuitBreakerPolicy } from 'cockatiel';
import type { Redis } from 'ioredis';
import type { RedisSettings } from './settings.js';
import type { Deed, Troubles } from './troubles.js';

/** Writes that callers do not wait for; beyond these they are dropped. */
const MOST_WRITES = 32;
/** Larger answers stay in memory: sending one would hold the others. */
export const MOST_BYTES = 2 ** 20;
/** Failures in a row after which it is left alone, and for how long. */
const BREAKER = { failures: 5, pauseMs: 2_000 };
const RECONNECT = { firstMs: 50, mostMs: 5_000 };
const CONNECT_MS = 2_000;
/** A server that hangs does not close its end: ours is closed all the same. */
const DISCONNECT_MS = 200;

/** Replies that are a kind of trouble of their own; a server may say anything, so others count as one kind. */
const REPLIES = /^(NOAUTH|WRONGPASS|NOPERM|WRONGTYPE|OOM|LOADING|READONLY|MISCONF|CLUSTERDOWN|MASTERDOWN)\b/;

interface Opened {
  client: Redis;
  breaker: CircuitBreakerPolicy;
  isBroken: (error: unknown) => boolean;
  isOpen: () => boolean;
}

/** Something else lies under this one key: Redis itself is well. */
function isOneKeys(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('WRONGTYPE');
}

/**
 * A reply that cannot be that of its command: all that follow on this connection would go to others than their own. (The MAC would
 * refuse them, but they would never be of use again.)
 */
function outOfStep(client: Redis): Error {
  client.disconnect(true);
  return new Error('a reply that is not one to the command');
}

function meaningOf(error: unknown, commandMs: number): { kind: string; what: string } {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (message === 'Command timed out') return { kind: 'slow', what: `no reply within ${commandMs / 1000} seconds` };
  if (name === 'MaxRetriesPerRequestError') return { kind: 'unreachable', what: 'the connection was lost' };
  const kind = REPLIES.exec(message)?.[1] ?? (name === 'ReplyError' ? 'reply' : 'unreachable');
  return { kind, what: message.slice(0, 200) };
}

export class RedisLink {
  readonly #settings: RedisSettings;
  readonly #troubles: Troubles;
  readonly #opening: Promise<void>;
  readonly #writes = new Set<Promise<void>>();
  #opened: Opened | undefined;
  /** Connections that were tried since a command went well; the client's own count begins anew with each that is accepted. */
  #attempts = 0;
  #closed = false;

  constructor(settings: RedisSettings, troubles: Troubles) {
    this.#settings = settings;
    this.#troubles = troubles;
    this.#opening = this.#open();
  }

  get state(): 'ready' | 'open' | 'connecting' {
    const opened = this.#opened;
    if (opened?.client.status !== 'ready') return 'connecting';
    return opened.isOpen() ? 'open' : 'ready';
  }

  keyOf(name: string): string {
    return `${this.#settings.prefix}answer:${name}`;
  }

  /** No more than an answer may have: what others put there may be of any size. */
  async get(key: string): Promise<Buffer | undefined> {
    const bytes = await this.#try('read', async (client) => {
      const reply: unknown = await client.getrangeBuffer(key, 0, MOST_BYTES);
      if (Buffer.isBuffer(reply)) return reply;
      throw outOfStep(client);
    });
    // Redis has no null for a range of nothing.
    return bytes === undefined || bytes.length === 0 ? undefined : bytes;
  }

  /** In the background; close() waits for it. */
  set(key: string, bytes: Buffer, ms: number): void {
    if (bytes.length > MOST_BYTES || this.#writes.size >= MOST_WRITES || ms < 1) return;
    const write = this.#try('write', async (client) => {
      if ((await client.set(key, bytes, 'PX', Math.floor(ms))) !== 'OK') throw outOfStep(client);
    });
    this.#writes.add(write);
    void write.then(() => this.#writes.delete(write));
  }

  /** Undefined where it did not work. A connection that is not there yet is not waited for. */
  async #try<R>(deed: Deed, command: (client: Redis) => Promise<R>): Promise<R | undefined> {
    const opened = this.#opened;
    if (this.#closed || opened?.client.status !== 'ready') return undefined;
    try {
      const result = await opened.breaker.execute(() => command(opened.client));
      this.#attempts = 0;
      this.#troubles.wentWell(deed);
      return result;
    } catch (error) {
      if (!opened.isBroken(error)) this.#note(deed, error);
      return undefined;
    }
  }

  #note(deed: Deed, error: unknown): void {
    if (this.#closed) return;
    const { address, commandMs } = this.#settings;
    const { kind, what } = meaningOf(error, commandMs);
    const where = `Redis at ${address.host}:${address.port}`;
    this.#troubles.note(kind, deed, `${where}: ${what}. Answers come without it until it works again.`);
  }

  #heard(client: Redis, error: Error): void {
    const isExtra = error.message.startsWith('Command queue state error');
    this.#note('read', isExtra ? outOfStep(client) : error);
  }

  /** Loaded here, so that who has no Redis needs neither package. */
  async #open(): Promise<void> {
    try {
      const [{ Redis }, cockatiel] = await Promise.all([import('ioredis'), import('cockatiel')]);
      if (this.#closed) return;
      const { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen, isBrokenCircuitError } = cockatiel;
      const breaker = circuitBreaker(
        handleWhen((error) => !isOneKeys(error)),
        { halfOpenAfter: BREAKER.pauseMs, breaker: new ConsecutiveBreaker(BREAKER.failures) },
      );
      const client = new Redis(this.#clientOptions());
      client.on('error', (error) => this.#heard(client, error));
      this.#opened = {
        client,
        breaker,
        isBroken: isBrokenCircuitError,
        isOpen: () => breaker.state !== CircuitState.Closed,
      };
      // It tries again by itself, and tells the listener above why.
      client.connect().catch(() => undefined);
    } catch (error) {
      this.#note('read', error);
    }
  }

  #clientOptions() {
    const { address, commandMs } = this.#settings;
    const { tls, ...rest } = address;
    return {
      ...rest,
      ...(tls && { tls: {} }),
      family: 0,
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: commandMs,
      // A connection that has died in silence would else be used until the system gives it up, in a quarter of an hour.
      socketTimeout: Math.max(1_000, 10 * commandMs),
      connectTimeout: CONNECT_MS,
      disconnectTimeout: DISCONNECT_MS,
      // Its INFO would fall under the limit of a command; what is not ready says so in its replies.
      enableReadyCheck: false,
      disableClientInfo: true,
      retryStrategy: () => this.#pause(),
    };
  }

  /** Milliseconds until the next connection; by chance, so that a fleet does not come back at once. */
  #pause(): number {
    const full = Math.min(RECONNECT.mostMs, RECONNECT.firstMs * 2 ** Math.min(this.#attempts++, 10));
    return Math.ceil(full * (0.5 + Math.random() / 2));
  }

  async close(): Promise<void> {
    await Promise.all(this.#writes);
    this.#closed = true;
    await this.#opening;
    const client = this.#opened?.client;
    if (client === undefined || client.status === 'end') return;
    await new Promise<void>((resolve) => {
      // Between two connections there is nothing that would tell its end.
      const timer = setTimeout(resolve, 2 * DISCONNECT_MS);
      client.once('end', () => {
        clearTimeout(timer);
        resolve();
      });
      client.disconnect();
    });
  }
}
