/** Where text may be cut: between words, between sentences, and never inside what is one character to a reader. */

/** White space as `\s` has it. */
export function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  if (code < 0x1680) return code === 0xa0;
  if (code >= 0x2000 && code <= 0x200a) return true;
  return (
    code === 0x1680 ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000 ||
    code === 0xfeff
  );
}

/** Below this code unit nothing joins the character before it, but for CR LF. */
const FIRST_JOINER = 0x300;
/** Marks, joiners, jamo, halves of surrogate pairs: what may be one with its neighbour. The segmenter knows whether it is. */
const JOINER =
  /[\p{M}\p{Cf}\p{Grapheme_Extend}\u0d4e\u0e33\u0eb3\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\ud800-\udfff]/u;
let joiners: Uint8Array | undefined;

/** A look-up is much faster than the expression, and filling it takes a few milliseconds, once. */
function joinerTable(): Uint8Array {
  if (joiners === undefined) {
    joiners = new Uint8Array(0x10000);
    for (let code = FIRST_JOINER; code < joiners.length; code++) {
      joiners[code] = JOINER.test(String.fromCharCode(code)) ? 1 : 0;
    }
  }
  return joiners;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** How far to look around a place. What readers take for one character is rarely longer than 20 code units. */
const AROUND = 64;

/** Whether a cut before `at` leaves whole what is one character to a reader: surrogate pairs, combining marks, emoji. */
export function isCharacterBorder(text: string, at: number): boolean {
  if (at <= 0 || at >= text.length) return true;
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  if (before < FIRST_JOINER && after < FIRST_JOINER) return before !== 0x0d || after !== 0x0a;
  const table = joinerTable();
  if (table[before] === 0 && table[after] === 0) return true;
  const from = Math.max(0, at - AROUND);
  const around = text.slice(from, at + AROUND);
  return graphemes.segment(around).containing(at - from)?.index === at - from;
}

/** The first place from `at` on that is not white space; a space that carries a combining mark counts as text. */
export function skipSpace(text: string, at: number): number {
  let to = at;
  while (to < text.length && isSpace(text.charCodeAt(to))) to++;
  return to > at && !isCharacterBorder(text, to) ? to - 1 : to;
}

/** Where the white space before `at` begins. */
export function spaceBefore(text: string, at: number): number {
  let from = at;
  while (from > 0 && isSpace(text.charCodeAt(from - 1))) from--;
  return from;
}

/** Whether a word begins at `at`: white space before it and text from there on. */
export function isWordStart(text: string, at: number): boolean {
  if (at <= 0) return true;
  if (!isSpace(text.charCodeAt(at - 1))) return false;
  if (!isSpace(text.charCodeAt(at))) return isCharacterBorder(text, at);
  return !isSpace(text.charCodeAt(at + 1)) && !isCharacterBorder(text, at + 1);
}

const codes = (signs: string): Set<number> => new Set(Array.from(signs, (sign) => sign.charCodeAt(0)));
const CLOSING = codes('"\')]}»”’›*_`');
const ENDING = codes('.!?…‽。！？｡।؟');
/** After these Chinese and Japanese go on without a space. */
const WIDE_ENDING = codes('。！？｡');
const WIDE_CLOSING = codes('」』）”’】》');
const ABBREVIATION =
  /(?:^|[^\p{L}])(?:\p{L}|e\.g|i\.e|a\.k\.a|etc|vs|cf|al|ca|approx|resp|incl|fig|figs|eq|eqs|no|nos|nr|vol|pp|ch|sec|ed|eds|dr|mr|mrs|ms|prof|st|jr|sr|inc|ltd|dept|z\.b|d\.h|bzw|usw|vgl)\.$/iu;
const LONGEST_ABBREVIATION = 8;

/** Whether the text before `end` is a whole sentence, and not just a dot in one. `next` is where text goes on. */
export function endsSentence(text: string, end: number, next: number): boolean {
  let at = end - 1;
  for (let closing = 0; closing < 4 && at > 0 && CLOSING.has(text.charCodeAt(at)); closing++) at--;
  const sign = text.charCodeAt(at);
  if (!ENDING.has(sign)) return false;
  if (sign !== 0x2e) return true;
  const first = text.charCodeAt(next);
  if (first >= 0x61 && first <= 0x7a) return false;
  return !ABBREVIATION.test(text.slice(Math.max(0, at - LONGEST_ABBREVIATION), at + 1));
}

/** Whether a sentence of a script without spaces ends before `at`. */
export function isWideSentenceStart(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  if (before < 0x2000) return false;
  const ends = WIDE_ENDING.has(before) || (WIDE_CLOSING.has(before) && WIDE_ENDING.has(text.charCodeAt(at - 2)));
  if (!ends) return false;
  const after = text.charCodeAt(at);
  return !WIDE_ENDING.has(after) && !WIDE_CLOSING.has(after) && isCharacterBorder(text, at);
}
