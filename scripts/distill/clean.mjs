/** From raw text to sentences and paragraphs worth learning from. */

/** @param {string} text one space between words */
export function oneLine(text) {
  return text.replace(/\s+/g, ' ').trim();
}

/** @param {string} text */
export function wordCount(text) {
  return text.split(' ').length;
}

/** Prose: of a fit length, and mostly letters. @param {string} text @param {number} least @param {number} most words */
export function isProse(text, least, most) {
  const words = wordCount(text);
  if (words < least || words > most) return false;
  const letters = text.replace(/[^A-Za-z ]/g, '').length;
  return letters > 0.85 * text.length;
}

/** @param {string} paragraph */
export function sentencesOf(paragraph) {
  return paragraph.split(/(?<=[.!?])\s+(?=[A-Z])/).map(oneLine);
}

/**
 * Drops repeats, and all but `most` of the texts that begin with the same words: "This package contains ..." teaches little
 * the thousandth time.
 *
 * @param {Iterable<string>} texts
 * @param {number} words
 * @param {number} most
 */
export function varied(texts, words, most) {
  const seen = new Set();
  /** @type {Map<string, number>} */
  const begun = new Map();
  const kept = [];
  for (const text of texts) {
    const key = text.toLowerCase();
    if (seen.has(key)) continue;
    seen.add(key);
    const start = key.split(' ', words).join(' ');
    const count = (begun.get(start) ?? 0) + 1;
    begun.set(start, count);
    if (count <= most) kept.push(text);
  }
  return kept;
}
