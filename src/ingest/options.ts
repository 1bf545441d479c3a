/** The options of `ingest`, checked once, and those that travel to the workers. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { checkInteger, outOfRange, QuiverError, show, wrongArgument } from '../../lib/errors.js';
import { checkChunkSize } from './chunk.js';
import type { ChunkSize } from './chunk.js';
import { canDecode } from './encoding.js';
import type { IngestOptions } from './types.js';

export const MEBIBYTE = 2 ** 20;
/** Of a file that is read whole: some of them grow in memory to several times their size. */
export const MAX_BYTES = 64 * MEBIBYTE;
const MOST_WORKERS = 8;
const MAX_CONCURRENCY = 256;

/** What a worker must know to read a file. Plain values: they are sent to it. */
export interface ReadSettings {
  chunk: Required<ChunkSize>;
  encoding: string | undefined;
  /** As the caller gave it; each type of file has a default of its own. */
  maxBytes: number | undefined;
  maxRecordBytes: number;
  maxPages: number;
  maxMemory: number;
}

export interface Settings {
  root: string;
  include: readonly string[] | undefined;
  exclude: readonly string[];
  hidden: boolean;
  followLinks: boolean;
  known: NonNullable<IngestOptions['known']>;
  concurrency: number;
  maxSeconds: number;
  read: ReadSettings;
  signal: AbortSignal | undefined;
}

const KNOWN = [
  'root',
  'include',
  'exclude',
  'hidden',
  'followLinks',
  'known',
  'chunk',
  'encoding',
  'concurrency',
  'maxSeconds',
  'maxBytes',
  'maxRecordBytes',
  'maxPages',
  'maxMemory',
  'signal',
];

/** Errors: E_ARGUMENT, E_RANGE. */
export function checkIngestOptions(options: IngestOptions): Settings {
  if (typeof options !== 'object' || options === null) throw wrongArgument('options', 'an object', options);
  for (const key of Object.keys(options)) {
    if (KNOWN.includes(key)) continue;
    throw new QuiverError('E_ARGUMENT', `There is no option "${key}". Known are ${KNOWN.join(', ')}.`, {
      expected: KNOWN.join(', '),
      actual: key,
    });
  }
  const { known = () => undefined, signal, encoding } = options;
  if (typeof known !== 'function') throw wrongArgument('known', 'a function', known);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrongArgument('signal', 'an AbortSignal', signal);
  if (encoding !== undefined && !canDecode(encoding)) {
    throw wrongArgument('encoding', 'the name of an encoding, such as utf-8, shift_jis or windows-1252', encoding);
  }
  const workers = Math.min(availableParallelism(), MOST_WORKERS);
  return {
    root: resolve(text('root', options.root) ?? '.'),
    include: patterns('include', options.include),
    exclude: patterns('exclude', options.exclude) ?? ['**/node_modules/**'],
    hidden: flag('hidden', options.hidden),
    followLinks: flag('followLinks', options.followLinks),
    known,
    concurrency: integer('concurrency', options.concurrency, 1, MAX_CONCURRENCY) ?? workers,
    maxSeconds: seconds(options.maxSeconds ?? 30),
    read: {
      chunk: checkChunkSize(options.chunk ?? {}),
      encoding,
      maxBytes: integer('maxBytes', options.maxBytes, 1, Number.MAX_SAFE_INTEGER),
      maxRecordBytes: integer('maxRecordBytes', options.maxRecordBytes, 1, 256 * MEBIBYTE) ?? 8 * MEBIBYTE,
      maxPages: integer('maxPages', options.maxPages, 1, 1_000_000) ?? 10_000,
      maxMemory: integer('maxMemory', options.maxMemory, 64 * MEBIBYTE, 2 ** 40) ?? 512 * MEBIBYTE,
    },
    signal,
  };
}

function integer(name: string, value: unknown, min: number, max: number): number | undefined {
  return value === undefined ? undefined : checkInteger(name, value, min, max);
}

function text(name: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw wrongArgument(name, 'a path', value);
}

function flag(name: string, value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw wrongArgument(name, 'true or false', value);
}

function patterns(name: string, value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw wrongArgument(name, 'an array of globs', value);
}

/** Node's timers hold 2^31 ms. */
const MAX_SECONDS = 2_000_000;

function seconds(value: unknown): number {
  if (typeof value !== 'number') throw wrongArgument('maxSeconds', 'a number above 0', value);
  if (value > 0 && value <= MAX_SECONDS) return value;
  throw outOfRange('maxSeconds', `above 0 and up to ${MAX_SECONDS.toLocaleString('en')}`, value);
}

/** The paths that are read: at least one, none of them empty. */
export function checkPaths(paths: unknown): readonly string[] {
  const list = typeof paths === 'string' ? [paths] : paths;
  const expected = 'a path, or an array of paths';
  if (!Array.isArray(list) || list.length === 0) throw wrongArgument('paths', expected, paths);
  for (const path of list as unknown[]) {
    if (typeof path !== 'string' || path === '') throw wrongArgument('paths', expected, path);
    if (path.includes('\0')) {
      throw new QuiverError('E_ARGUMENT', `paths holds a NUL character in ${show(path)}.`, { expected });
    }
  }
  return list as string[];
}
