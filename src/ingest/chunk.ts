/**
 * Cuts a text into chunks that overlap. A chunk ends where a section does, else a paragraph, a sentence, a line, a word, and
 * is never longer than its size. Only a word that is longer than a chunk is cut, and even that not within a character.
 */
import type { Chunk } from '../document/types.js';
import { checkInteger } from '../../lib/errors.js';
import {
  endsSentence,
  isCharacterBorder,
  isSpace,
  isWideSentenceStart,
  isWordStart,
  skipSpace,
  spaceBefore,
} from './borders.js';
import { headingsAbove, lastAtMost, pageAt } from './layout.js';
import type { Layout, Section } from './layout.js';

export const DEFAULT_CHUNK = { size: 1000, overlap: 200 } as const;
const MIN_SIZE = 20;
const MAX_SIZE = 1_000_000;

export interface ChunkSize {
  /** Longest chunk, in UTF-16 units. Default 1,000. */
  size?: number;
  /** What a chunk repeats of the one before at most; up to half of `size`. Default 200, or a fifth of `size`. */
  overlap?: number;
}

/** Errors: E_ARGUMENT, E_RANGE. */
export function checkChunkSize({ size = DEFAULT_CHUNK.size, overlap }: ChunkSize): Required<ChunkSize> {
  checkInteger('chunk.size', size, MIN_SIZE, MAX_SIZE);
  const wanted = overlap ?? Math.min(DEFAULT_CHUNK.overlap, Math.floor(size / 5));
  return { size, overlap: checkInteger('chunk.overlap', wanted, 0, Math.floor(size / 2)) };
}

/** The chunks of a text, in order. Each is `text.slice(start, end)` to the letter. */
export function chunkText(text: string, options: ChunkSize & Layout = {}): Chunk[] {
  return chunksFrom(text, chunkSpans(text, checkChunkSize(options), options.sections), options);
}

/** The chunks at these places: start and end of the first, of the second, and so on. */
export function chunksFrom(text: string, spans: readonly number[], layout: Layout): Chunk[] {
  const chunks: Chunk[] = [];
  for (let i = 0; i < spans.length; i += 2) {
    const start = spans[i];
    const end = spans[i + 1];
    const chunk: Chunk = { text: text.slice(start, end), start, end };
    const page = pageAt(layout, start);
    const headings = headingsAbove(layout, start, end);
    if (page !== undefined) chunk.page = page;
    if (headings !== undefined) chunk.headings = headings;
    chunks.push(chunk);
  }
  return chunks;
}

/** A place between two chunks: the first ends at `end`, and text goes on at `next`. */
interface Cut {
  end: number;
  next: number;
  /** A section begins there: nothing of the one before is repeated. */
  section?: boolean;
  /** Within a word that is longer than a chunk. */
  hard?: boolean;
}

/** Start and end of each chunk, in a row. */
export function chunkSpans(text: string, size: Required<ChunkSize>, sections: readonly Section[] = []): number[] {
  const spans: number[] = [];
  let start = skipSpace(text, 0);
  /** Up to here all is in a chunk. */
  let covered = start;
  while (start < text.length) {
    const limit = start + size.size;
    if (limit >= text.length || skipSpace(text, limit) >= text.length) {
      // The end is in reach: all that is left is one chunk.
      const end = spaceBefore(text, text.length);
      if (end > covered) spans.push(start, end);
      break;
    }
    const cut = findCut(text, start, covered, size, sections);
    if (cut === undefined) {
      // The word after the repeated part fits into a chunk only without it.
      start = covered;
      continue;
    }
    spans.push(start, cut.end);
    covered = cut.next;
    start = cut.section === true ? covered : overlapStart(text, start, cut, size.overlap, sections);
  }
  return spans;
}

function findCut(
  text: string,
  start: number,
  covered: number,
  { size, overlap }: Required<ChunkSize>,
  sections: readonly Section[],
): Cut | undefined {
  const limit = start + size;
  // At least half of what is new in a chunk is kept together, however good an earlier border would be.
  const good = start + overlap + Math.ceil((size - overlap) / 2);
  const section = sectionCut(text, good, limit, sections);
  if (section !== undefined) return section;
  const border = bestCut(text, good, limit) ?? lastWordCut(text, start, covered, good);
  if (border !== undefined) return border;
  return start < covered ? undefined : hardCut(text, start, limit);
}

function sectionCut(text: string, from: number, limit: number, sections: readonly Section[]): Cut | undefined {
  const next = sections[lastAtMost(sections, limit, (section) => section.start)]?.start;
  if (next === undefined || next <= from) return undefined;
  const end = spaceBefore(text, next);
  return end > from ? { end, next: skipSpace(text, next), section: true } : undefined;
}

/** The last border of the best kind whose chunk ends within `(from, limit]`. */
function bestCut(text: string, from: number, limit: number): Cut | undefined {
  let sentence: Cut | undefined;
  let line: Cut | undefined;
  let word: Cut | undefined;
  let at = isSpace(text.charCodeAt(limit)) ? skipSpace(text, limit) : limit;
  while (at > from) {
    const before = text.charCodeAt(at - 1);
    if (!isSpace(before)) {
      if (sentence === undefined && before > 0x2000 && isWideSentenceStart(text, at)) sentence = { end: at, next: at };
      at--;
      continue;
    }
    const end = spaceBefore(text, at);
    if (end <= from) break;
    const next = skipSpace(text, at - 1);
    if (end <= limit && next > end) {
      const lines = newlines(text, end, next);
      const cut = { end, next };
      if (lines > 1) return cut;
      if (sentence === undefined && endsSentence(text, end, next)) sentence = cut;
      if (lines === 1) line ??= cut;
      word ??= cut;
    }
    at = end;
  }
  return sentence ?? line ?? word;
}

function newlines(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to && count < 2; at++) if (text.charCodeAt(at) === 0x0a) count++;
  return count;
}

/** The last border between two words up to `limit` that adds something new to what is covered. */
function lastWordCut(text: string, start: number, covered: number, limit: number): Cut | undefined {
  let at = isSpace(text.charCodeAt(limit)) ? skipSpace(text, limit) : limit;
  while (at > start) {
    if (!isSpace(text.charCodeAt(at - 1))) {
      at--;
      continue;
    }
    const end = spaceBefore(text, at);
    if (end <= start) break;
    const next = skipSpace(text, at - 1);
    if (next > end) return end > covered || start === covered ? { end, next } : undefined;
    at = end;
  }
  return undefined;
}

const words = new Intl.Segmenter(undefined, { granularity: 'word' });
/** How far before the limit a word that is too long is searched for a place that looks like a border. */
const REACH = 120;

/** A cut within a word that is longer than a chunk: after a sign, or between two words of a script without spaces. */
function hardCut(text: string, start: number, limit: number): Cut {
  const from = Math.max(start + 1, limit - REACH);
  const tail = text.slice(from, limit + 1);
  let best = 0;
  // eslint-disable-next-line no-control-regex -- from the first to the last character of ASCII
  if (/^[\x00-\x7f]*$/.test(tail)) {
    best = from + 1 + tail.slice(0, -1).search(/[^A-Za-z0-9][A-Za-z0-9]*$/);
    if (best === from) best = limit;
  } else {
    for (const { index } of words.segment(tail)) {
      if (index > 0 && isCharacterBorder(text, from + index)) best = from + index;
    }
  }
  if (best <= start) best = limit;
  let end = best;
  while (end > start && end > best - REACH && !isCharacterBorder(text, end)) end--;
  if (end <= start || !isCharacterBorder(text, end)) end = withoutHalf(text, limit);
  return { end, next: skipSpace(text, end), hard: true };
}

/** The place itself, or the one before where it would part a surrogate pair. */
function withoutHalf(text: string, at: number): number {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800 ? at - 1 : at;
}

/** Where the next chunk begins: at the first sentence of the last `overlap` characters, else the first line or word. */
function overlapStart(
  text: string,
  start: number,
  { end, next, hard = false }: Cut,
  overlap: number,
  sections: readonly Section[],
): number {
  const section = sections[lastAtMost(sections, end, (one) => one.start)]?.start ?? 0;
  const from = Math.max(end - overlap, section, start + 1);
  let line: number | undefined;
  let word: number | undefined;
  for (let at = from; at < end; at++) {
    const before = text.charCodeAt(at - 1);
    if (!isSpace(before)) {
      if (before > 0x2000 && isWideSentenceStart(text, at)) return at;
      continue;
    }
    if (!isWordStart(text, at)) continue;
    const gap = spaceBefore(text, at);
    const lines = newlines(text, gap, at);
    if (lines > 1 || endsSentence(text, gap, at)) return at;
    if (lines === 1) line ??= at;
    word ??= at;
  }
  if (word !== undefined) return line ?? word;
  if (!hard) return next;
  let at = from;
  while (at < end && !isCharacterBorder(text, at)) at++;
  return at < end ? at : next;
}
