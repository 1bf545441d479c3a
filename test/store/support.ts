/** What the tests of src/store share: documents out of seeded words, stores in folders that go away, a plain search to compare with. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { JsonObject } from '../../src/document/types.js';
import type { Backend, Entry, ModelInfo, StoreOptions } from '../../src/store/backend.js';
import { openStore } from '../../src/store/embedded/open.js';
import { random } from '../lib/support.js';

export { fails, random } from '../lib/support.js';

export const DIM = 16;
export const MODEL: ModelInfo = { name: 'test-model', fingerprint: 'v1', dim: DIM };

/** A folder that is gone after `use`. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'quiver-store-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One reader: threads take most of the time of a small test. */
export function open(folder: string, options: StoreOptions = {}): Promise<Backend> {
  return openStore(folder, { model: MODEL, readers: 1, ...options });
}

export async function withStore<T>(
  use: (store: Backend, folder: string) => Promise<T>,
  options: StoreOptions = {},
): Promise<T> {
  return inFolder(async (folder) => {
    const store = await open(folder, options);
    try {
      return await use(store, folder);
    } finally {
      await store.close();
    }
  });
}

export interface Parts {
  /** One text a chunk; they stand one after the other in the document, a blank between them. */
  chunks: string[];
  title?: string;
  type?: string;
  source?: string;
  hash?: string;
  headings?: string[];
  page?: number;
  metadata?: JsonObject;
  /** `chunks.length * DIM` floats; by default around the id's own direction. */
  vectors?: Float32Array;
}

export function entry(id: string, { chunks, headings, page, metadata = {}, vectors, ...rest }: Parts): Entry {
  let at = 0;
  const placed = chunks.map((text) => {
    const start = at;
    at += text.length + 1;
    return {
      text,
      start,
      end: start + text.length,
      ...(headings !== undefined && { headings }),
      ...(page !== undefined && { page }),
    };
  });
  return {
    document: { id, text: chunks.join(' '), chunks: placed, metadata, ...rest },
    vectors: vectors ?? vectorsFor(id, chunks.length),
  };
}

/** The same id gives the same vectors. */
export function vectorsFor(id: string, count: number, dim = DIM): Float32Array {
  let seed = 7;
  for (const c of id) seed = (seed * 31 + (c.codePointAt(0) ?? 0)) >>> 0;
  const next = random(seed);
  return Float32Array.from({ length: count * dim }, () => next() * 2 - 1);
}

const WORDS =
  'river stone lantern harbor copper violet meadow thunder garden silver window bridge anchor forest candle marble ' +
  'orbit pepper quartz saddle temple umbrella valley walnut yellow zephyr basket cobalt dolphin ember falcon glacier';
export const VOCABULARY = WORDS.split(' ');

/** `count` words, the first ones of the vocabulary more often than the last. */
export function sentence(next: () => number, count: number): string {
  const word = (): string => VOCABULARY[Math.floor(next() ** 2 * VOCABULARY.length)];
  return Array.from({ length: count }, word).join(' ');
}

/** Documents `d0`, `d1`, ... of one to four chunks. */
export function library(count: number, seed = 1, from = 0): Entry[] {
  const next = random(seed);
  return Array.from({ length: count }, (_, i) => {
    const chunks = Array.from({ length: 1 + Math.floor(next() * 4) }, () =>
      sentence(next, 5 + Math.floor(next() * 30)),
    );
    return entry(`d${String(from + i)}`, {
      chunks,
      title: sentence(next, 2),
      metadata: { number: from + i, even: (from + i) % 2 === 0, tags: [sentence(next, 1), sentence(next, 1)] },
    });
  });
}

export function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

export function cosine(a: Float32Array, b: Float32Array): number {
  const [x, y] = [unit(a), unit(b)];
  return x.reduce((sum, value, i) => sum + value * y[i], 0);
}

/** What a hit is, without its texts. */
export function names(hits: readonly { document: { id: string }; chunk: { position: number } }[]): string[] {
  return hits.map(({ document, chunk }) => `${document.id}#${String(chunk.position)}`);
}
