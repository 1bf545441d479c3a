/** How size, memory and time grow: from two sizes that were measured to one that was not. Pure arithmetic. */
import type { Figures, Reading } from './types.js';

export interface Line {
  fixed: number;
  each: number;
}

/** The line through two points, with neither part below 0: noise must not make more documents cheaper, or none cost less than nothing. */
export function lineThrough(x1: number, y1: number, x2: number, y2: number): Line {
  const through = x2 === 0 ? 0 : y2 / x2;
  const slope = x2 === x1 ? through : (y2 - y1) / (x2 - x1);
  const each = Math.min(Math.max(slope, 0), through);
  return { fixed: y2 - each * x2, each };
}

export type IndexKind = 'flat' | 'hnsw' | 'ivf';

export function kindOf(factory: string): IndexKind {
  if (/HNSW/i.test(factory)) return 'hnsw';
  return /IVF/i.test(factory) ? 'ivf' : 'flat';
}

/** How the time of a search over n vectors grows, up to a factor. */
export function growth(kind: IndexKind, n: number): number {
  if (kind === 'hnsw') return Math.log2(n + 2);
  return kind === 'ivf' ? Math.sqrt(n) : n;
}

/** A collection has a writer and two readers; SQLite's cache of each is `CACHE_KIB` of store/embedded. */
const READERS = 2;
const PAGE_CACHE = 16 * 2 ** 20;
/** A reader's lists of the chunks that a word is in, `POSTINGS_BYTES`: 5 bytes for each of about 80 different words of a chunk. */
const POSTINGS_CACHE = 64 * 2 ** 20;
const POSTINGS_EACH = 5 * 80;
/** What a reader keeps of every chunk: its length in words, in an array that grows by half. */
const LENGTH_EACH = 2 * 1.5;

/** What the caches have once they are full, or hold everything. */
function caches(databaseBytes: number, chunks: number): number {
  const pages = (READERS + 1) * Math.min(PAGE_CACHE, databaseBytes);
  return pages + READERS * (Math.min(POSTINGS_CACHE, POSTINGS_EACH * chunks) + LENGTH_EACH * chunks);
}

export interface Laws {
  /** What a collection of so many chunks takes. */
  at: (chunks: number) => Figures;
}

/**
 * Memory does not go by the line through two resident sizes: at a few megabytes of index their difference is mostly noise, which
 * a hundredfold sample would make a hundred times larger. What grows is known: the index, counted by itself, and the caches.
 */
export function lawsOf(half: Reading, all: Reading, wanted: { factory: string; bytes: (n: number) => number }): Laws {
  const line = (of: (reading: Reading) => number): Line => lineThrough(half.chunks, of(half), all.chunks, of(all));
  const value = ({ fixed, each }: Line, x: number): number => fixed + each * x;
  const database = line(({ databaseBytes }) => databaseBytes);
  const index = line(({ indexBytes }) => indexBytes);
  const keyword = line(({ keywordMs, embedMs }) => Math.max(0, keywordMs - embedMs));
  const kind = kindOf(wanted.factory);
  const vectorMs = ({ vectorMs: both, embedMs }: Reading): number => Math.max(0, both - embedMs);
  const x = (n: number): number => growth(kind, n);
  const vector = lineThrough(x(half.chunks), vectorMs(half), x(all.chunks), vectorMs(all));
  const sameKind = kindOf(all.factory) === kind;
  const indexBytes = (n: number): number => {
    // A graph gets its codes only from 1,000 vectors on, and a large collection another kind than its sample.
    const known = wanted.bytes(n);
    return sameKind ? Math.max(known, value(index, n)) : known;
  };
  const beside = all.residentBytes - all.indexBytes - caches(all.databaseBytes, all.chunks);
  const perIndexByte = all.indexBytes === 0 ? 1 : all.snapshotBytes / all.indexBytes;
  return {
    at: (chunks) => {
      const databaseBytes = value(database, chunks);
      const inMemory = indexBytes(chunks);
      // A snapshot holds what memory holds, but for what is derived from it at load.
      const snapshotBytes = perIndexByte * inMemory;
      const grown = value(vector, x(chunks)) - value(vector, x(all.chunks));
      const words = keyword.each * (chunks - all.chunks);
      const p50Ms = Math.max(all.embedMs, all.p50Ms + grown + words);
      const factor = all.p50Ms > 0 ? p50Ms / all.p50Ms : 1;
      return {
        chunks,
        disk: { databaseBytes, snapshotBytes, bytes: databaseBytes + snapshotBytes },
        memory: {
          indexBytes: inMemory,
          bytes: Math.max(all.emptyBytes, beside) + inMemory + caches(databaseBytes, chunks),
        },
        query: { p50Ms, p95Ms: all.p95Ms * factor, qpsPerCore: 1 / (all.cpuSeconds * factor) },
      };
    },
  };
}
