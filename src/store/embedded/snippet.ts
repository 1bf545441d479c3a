/** The part of a chunk that says most about the question, with the question's words marked. */
import type { Snippet } from '../backend.js';
import type { Tokenizer } from './tokenizer.js';

/** Letters, digits and the marks on them: what FTS5's unicode61 takes for words. */
const WORD = /[\p{L}\p{N}\p{Co}][\p{L}\p{N}\p{Co}\p{M}]*/gu;
/** A snippet may begin so many characters earlier or end later, to do so between words. */
const SLACK = 24;

interface Match {
  from: number;
  to: number;
  term: string;
}

/** One of each chunk; all their words are looked up at once. `weights`: what each term of the question is worth. */
export function snippetsOf(
  chunks: readonly { text: string; start: number }[],
  weights: ReadonlyMap<string, number>,
  length: number,
  tokenizer: Tokenizer,
): Snippet[] {
  const words = chunks.map(({ text }) => (weights.size === 0 ? [] : [...text.matchAll(WORD)]));
  const stems = tokenizer.stems(words.flatMap((those) => those.map(([word]) => word)));
  let at = 0;
  return chunks.map(({ text, start }, i) => {
    const matches: Match[] = [];
    for (const { index, 0: word } of words[i]) {
      const term = stems[at++];
      if (weights.has(term)) matches.push({ from: index, to: index + word.length, term });
    }
    return snippetOf(text, start, matches, weights, length);
  });
}

/** The window with the largest sum of different terms wins; among equals the one with the most matches, then the first. */
function snippetOf(
  text: string,
  start: number,
  matches: readonly Match[],
  weights: ReadonlyMap<string, number>,
  length: number,
): Snippet {
  const [from, to] = text.length <= length ? [0, text.length] : windowOf(text, matches, weights, length);
  return {
    text: text.slice(from, to),
    start: start + from,
    marks: matches.filter((one) => one.from >= from && one.to <= to).map((one) => [one.from - from, one.to - from]),
  };
}

function windowOf(
  text: string,
  matches: readonly Match[],
  weights: ReadonlyMap<string, number>,
  length: number,
): [from: number, to: number] {
  let best = { value: 0, first: 0, last: 0 };
  matches.forEach(({ from }, first) => {
    const terms = new Set<string>();
    let value = 0;
    let last = first;
    for (let i = first; i < matches.length && matches[i].to - from <= length; i++) {
      if (!terms.has(matches[i].term)) value += weights.get(matches[i].term) ?? 0;
      else value += 1e-6;
      terms.add(matches[i].term);
      last = i;
    }
    if (value > best.value) best = { value, first, last };
  });
  if (best.value === 0) return betweenWords(text, 0, length);
  // What is found stands in the middle.
  const span = matches[best.last].to - matches[best.first].from;
  const from = Math.min(Math.max(0, matches[best.first].from - ((length - span) >> 1)), text.length - length);
  return betweenWords(text, from, from + length);
}

/** Moves both ends to the next blank within reach, inwards, and never into the middle of a surrogate pair. */
function betweenWords(text: string, from: number, to: number): [number, number] {
  if (from > 0) {
    const blank = text.slice(from, from + SLACK).search(/\s/u);
    if (blank >= 0) from += blank + 1;
    else if (isLow(text, from)) from++;
  }
  if (to < text.length) {
    const blank = /\s\S*$/u.exec(text.slice(Math.max(from, to - SLACK), to))?.index;
    if (blank !== undefined) to = Math.max(from, to - SLACK) + blank;
    else if (isLow(text, to)) to--;
  }
  return [from, Math.max(from, to)];
}

function isLow(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff;
}
