/** Text as it is kept: one kind of line end, and no characters that stand for nothing. */

/* eslint-disable no-control-regex -- control characters are what is looked for */
const UNCLEAN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\ufeff\ufffe\uffff]|\p{Surrogate}/u;

/**
 * Line ends become `\n`, control characters (NUL too) a space, half surrogate pairs U+FFFD; byte order marks and soft hyphens go.
 * What SQLite, JSON and the tokenizers get is then the same text, to the character.
 */
export function cleanText(text: string): string {
  if (!UNCLEAN.test(text)) return text;
  return text
    .replace(/\r\n?|[\x0b\x0c\x85]/g, '\n')
    .replace(/[\xad\ufeff\ufffe\uffff]/g, '')
    .replace(/[\x00-\x08\x0e-\x1f\x7f-\x9f]/g, ' ')
    .replace(/\p{Surrogate}/gu, '\ufffd');
}

const SAMPLE = 32 * 1024;

/** Whether it is not text at all, but bytes that were read as such. */
export function looksBinary(text: string): boolean {
  const sample = text.slice(0, SAMPLE);
  const strange = sample.match(/[\x00-\x06\x0e-\x1a\x1c-\x1f\ufffd]/g)?.length ?? 0;
  return strange > sample.length * 0.05;
}
