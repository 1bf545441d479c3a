/** Which tokens a table has: those of the teacher that are worth a row, and whole words that it would split. */
import { Tokenizer } from '../static/tokenizer.js';
import type { Vocabulary } from '../static/vocabulary.js';

/** ASCII, Latin, Greek, and the marks of ordinary punctuation. */
const WORTH_A_ROW = /^[\u0021-\u024f\u0370-\u03ff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2122]+$/;
const UNUSED = /^\[(unused\d+|MASK|CLS|SEP|PAD)\]$/;

/** The teacher's tokens without the unused, the special and those of scripts that the teacher knows by single letters only. */
export function worthKeeping(tokens: readonly string[]): string[] {
  return tokens.filter((token) => WORTH_A_ROW.test(token) && !UNUSED.test(token));
}

/**
 * Words of at least four letters that the vocabulary splits, with the number of texts that each is in; those in fewer than `least`
 * texts are left out. Most frequent first.
 */
export function splitWords(
  texts: Iterable<string>,
  vocabulary: Vocabulary,
  least: number,
): { word: string; texts: number }[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    const bare = text
      .normalize('NFD')
      .replace(/\p{Mn}/gu, '')
      .toLowerCase();
    for (const word of new Set(bare.match(/(?<![\p{L}\p{N}])[a-z]{4,30}(?![\p{L}\p{N}])/gu))) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  const tokenizer = new Tokenizer(vocabulary);
  return [...counts]
    .filter(([word, count]) => count >= least && tokenizer.encode(word).length > 1)
    .map(([word, count]) => ({ word, texts: count }))
    .sort((a, b) => b.texts - a.texts || (a.word < b.word ? -1 : 1));
}
