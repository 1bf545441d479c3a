/** The options of the cache, checked. */
import { checkInteger, checkObject, outOfRange, QuiverError, wrongArgument } from '../../lib/errors.js';
import type { CacheOptions } from './types.js';

export interface RedisAddress {
  host: string;
  port: number;
  username?: string;
  password?: string;
  db: number;
  tls: boolean;
}

export interface RedisSettings {
  address: RedisAddress;
  secret: string;
  prefix: string;
  commandMs: number;
}

export interface Settings {
  ttlMs: number;
  negativeTtlMs: number;
  jitter: number;
  entries: number;
  bytes: number;
  redis: RedisSettings | undefined;
  warn: (message: string) => void;
}

const YEAR = 366 * 24 * 3600;
const SECRET_LENGTH = 16;

function number(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  const expected = `a number from ${min.toLocaleString('en')} to ${max.toLocaleString('en')}`;
  throw (typeof value === 'number' ? outOfRange : wrongArgument)(name, expected, value);
}

/** Its password must not get into a message. */
function wrongAddress(expected: string, actual: string): QuiverError {
  const message = `redis must be ${expected}, but has ${actual}. An address looks like redis://:password@host:6379/0.`;
  return new QuiverError('E_ARGUMENT', message, { expected, actual });
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw wrongAddress('an address whose user and password are URL-encoded', 'a % that is not');
  }
}

/** Ours rather than the client's own, which would let the address override any of its options. */
export function parseAddress(text: unknown): RedisAddress {
  if (typeof text !== 'string') throw wrongArgument('redis', 'a redis:// or rediss:// address', text);
  if (!URL.canParse(text)) throw wrongAddress('a redis:// or rediss:// address', 'no form of one');
  const url = new URL(text);
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:')
    throw wrongAddress('a redis:// or rediss:// address', url.protocol);
  if (url.search !== '' || url.hash !== '') throw wrongAddress('an address without ? and #', 'one of them');
  const db = url.pathname.replace(/^\//, '');
  if (!/^\d{0,5}$/.test(db)) throw wrongAddress('an address with the number of a database at its end', 'another path');
  return {
    // Brackets belong to the address, not to the host.
    host: url.hostname === '' ? '127.0.0.1' : url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 6379 : Number(url.port),
    ...(url.username !== '' && { username: decoded(url.username) }),
    ...(url.password !== '' && { password: decoded(url.password) }),
    db: Number(db),
    tls: url.protocol === 'rediss:',
  };
}

function redisSettings({ redis, secret, prefix = 'quiver:', commandTimeout = 0.05 }: CacheOptions) {
  const commandMs = Math.ceil(number('commandTimeout', commandTimeout, 0.001, 60) * 1000);
  // eslint-disable-next-line no-control-regex -- a line break would make the text under the MAC ambiguous
  if (typeof prefix !== 'string' || prefix.length > 200 || /[\u0000-\u001f]/.test(prefix))
    throw wrongArgument('prefix', 'a text of at most 200 characters without control characters', prefix);
  if (redis === undefined) return undefined;
  const address = parseAddress(redis);
  if (typeof secret === 'string' && secret.length >= SECRET_LENGTH) return { address, secret, prefix, commandMs };
  const expected = `a text of at least ${SECRET_LENGTH} characters`;
  const actual = typeof secret === 'string' ? `one of ${secret.length}` : typeof secret;
  throw new QuiverError(
    'E_ARGUMENT',
    `secret must be ${expected} where answers are kept in Redis, but is ${actual}. All processes that share them need the same.`,
    { expected, actual },
  );
}

/** Errors: E_ARGUMENT, E_RANGE. */
export function checkCacheOptions(options: CacheOptions): Settings {
  checkObject('options', options);
  const { ttl = 3600, negativeTtl = 60, jitter = 0.1, entries = 10_000, bytes = 64 * 2 ** 20, onWarning } = options;
  if (onWarning !== undefined && typeof onWarning !== 'function')
    throw wrongArgument('onWarning', 'a function', onWarning);
  return {
    ttlMs: number('ttl', ttl, 0, YEAR) * 1000,
    negativeTtlMs: number('negativeTtl', negativeTtl, 0, YEAR) * 1000,
    jitter: number('jitter', jitter, 0, 1),
    entries: checkInteger('entries', entries, 1, 10_000_000),
    bytes: checkInteger('bytes', bytes, 1, Number.MAX_SAFE_INTEGER),
    redis: redisSettings(options),
    warn: onWarning ?? ((message) => process.emitWarning(message, { code: 'QUIVER_CACHE' })),
  };
}
