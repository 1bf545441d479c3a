/** What the tests of the cache share: the real static model, and a count of what it was asked. */
import { strict as assert } from 'node:assert';
import Database from 'better-sqlite3';
import type { Embedder, EmbedOptions } from '../../../src/embed/embedder.js';
import { cachedEmbedder, type CachedEmbedder, type CacheOptions } from '../../../src/embed/cache/cached-embedder.js';
import type { ErrorCode } from '../../../lib/index.js';
import { fails } from '../../lib/support.js';
import { defaultModelFolder, openStaticEmbedder } from '../../../src/embed/static/embedder.js';

/** Passes all on to another embedder, and remembers which texts. */
export class Counting implements Embedder {
  readonly model: string;
  readonly dim: number;
  readonly hybridWeight: number;
  /** The texts of each call. */
  readonly asked: string[][] = [];
  readonly inner: Embedder;
  readonly fingerprint: string;
  constructor(inner: Embedder, fingerprint = inner.fingerprint) {
    this.inner = inner;
    this.fingerprint = fingerprint;
    this.model = inner.model;
    this.dim = inner.dim;
    this.hybridWeight = inner.hybridWeight;
  }
  embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array> {
    this.asked.push([...texts]);
    return this.inner.embed(texts, options);
  }
  close(): Promise<void> {
    return this.inner.close();
  }
}

export interface Opened {
  embedder: CachedEmbedder;
  counting: Counting;
  warnings: string[];
}

/** Opens embedders with a cache, and closes them after each test. */
export function opener(): (path: string, more?: CacheOptions & { fingerprint?: string }) => Promise<Opened> {
  const open: CachedEmbedder[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((embedder) => embedder.close()));
  });
  return async (path, { fingerprint, ...options } = {}) => {
    const warnings: string[] = [];
    const counting = new Counting(await openStaticEmbedder(defaultModelFolder()), fingerprint);
    const embedder = cachedEmbedder(counting, { path, onWarning: (message) => warnings.push(message), ...options });
    open.push(embedder);
    return { embedder, counting, warnings };
  };
}

/** To the bit: -0 is not 0. */
export function same(actual: Float32Array, expected: Float32Array): void {
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
    Buffer.from(buffer, byteOffset, byteLength);
  assert.equal(actual.length, expected.length);
  assert.ok(bytes(actual).equals(bytes(expected)), 'other vectors');
}

/** Fails with a code, a message like this, and a word on what was due and what came. */
export async function refuses(work: (() => unknown) | Promise<unknown>, code: ErrorCode, message: RegExp) {
  return fails(work, { code, message, expected: /./, actual: /./ });
}

/** The rows of a file that must be whole. */
export function rowsOf(file: string): number {
  const db = new Database(file);
  try {
    assert.equal(db.pragma('integrity_check', { simple: true }), 'ok');
    return db.prepare('SELECT count(*) FROM entries JOIN vectors ON entry = number').pluck().get() as number;
  } finally {
    db.close();
  }
}
