/** The text of a PDF's pages, put together as one. */
import { cleanText } from '../clean.js';
import type { Section } from '../layout.js';

export interface Outline {
  /** From 1. */
  level: number;
  title: string;
  /** From 0. */
  page: number;
}

/**
 * One text of all pages, and where each begins. A PDF has no paragraphs; a line that ends a sentence well before the margin is
 * taken for the end of one.
 */
export function joinPages(pages: readonly string[]): { text: string; starts: number[] } {
  const parts: string[] = [];
  const starts: number[] = [];
  let length = 0;
  let ended = true;
  for (const page of pages) {
    const text = withParagraphs(cleanText(page)).trim();
    if (length > 0 && text !== '') {
      const gap = ended ? '\n\n' : '\n';
      parts.push(gap);
      length += gap.length;
    }
    starts.push(length);
    if (text === '') continue;
    parts.push(text);
    length += text.length;
    ended = ENDS.test(text);
  }
  return { text: parts.join(''), starts };
}

const ENDS = /[.!?:]["'”’)\]]*$/;
/** A line this much shorter than the others does not reach the margin. */
const SHORT = 0.85;

function withParagraphs(page: string): string {
  const lines = page.split('\n').map((line) => line.trimEnd());
  const lengths = lines.map((line) => line.length).sort((a, b) => a - b);
  const full = lengths[Math.floor(lengths.length * 0.75)] ?? 0;
  return lines.map((line) => (line.length < full * SHORT && ENDS.test(line) ? `${line}\n` : line)).join('\n');
}

/** The sections that the outline (the bookmarks) makes of the text: each begins where its title stands on its page. */
export function outlineSections(text: string, starts: readonly number[], outline: readonly Outline[]): Section[] {
  const sections: Section[] = [];
  let path: Outline[] = [];
  let last = 0;
  for (const entry of outline) {
    const from = starts[entry.page];
    const title = cleanText(entry.title).replace(/\s+/g, ' ').trim();
    if (from === undefined || title === '') continue;
    path = [...path.filter((above) => above.level < entry.level), { ...entry, title }];
    const to = starts[entry.page + 1] ?? text.length;
    const start = findTitle(text, Math.max(from, Math.min(last, to)), to, title) ?? from;
    last = Math.max(last, start);
    sections.push({ start, headings: path.map((above) => above.title) });
  }
  return sections.sort((a, b) => a.start - b.start);
}

const LONGEST_TITLE = 200;

function findTitle(text: string, from: number, to: number, title: string): number | undefined {
  if (title.length > LONGEST_TITLE) return undefined;
  const words = title.split(' ').map((word) =>
    word
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      .replace(/['’‘]/g, "['’‘]")
      .replace(/["“”]/g, '["“”]'),
  );
  // At the beginning of a line, perhaps after its number.
  const pattern = new RegExp(`(?<=^|\\n)(?:[A-Z\\d][A-Z\\d.]{0,8}\\s{1,3})?${words.join('\\s+')}`);
  const found = pattern.exec(text.slice(from, to));
  return found === null ? undefined : from + found.index;
}
