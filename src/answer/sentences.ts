/** The sentences of a passage that can stand in an answer. */

export interface Sentence {
  text: string;
  start: number;
  end: number;
}

const LONGEST = 480;
/** A blank line or the start of a list item or heading ends a sentence that has no full stop. */
const BLOCK = /\n\s*\n|\n(?=\s*(?:[-*+•]|\d+[.)]|#{1,6})\s)/g;
const STOP = /[.!?;](?=\s)/g;
const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** Marks of layout around a sentence that a quote can do without. */
const LEAD = /^[\s#>*+•|-]+/;
const TAIL = /[\s|]+$/;
/** As many letters as a sentence has at least. */
const LETTERS = /(?:\p{L}\P{L}*){12}/u;

function* blocks(text: string): Generator<[block: string, start: number]> {
  let from = 0;
  for (const match of text.matchAll(BLOCK)) {
    yield [text.slice(from, match.index), from];
    from = match.index;
  }
  yield [text.slice(from), from];
}

/** A sentence, or the parts of one that is too long: in text without capital letters a full stop says nothing to the segmenter. */
function* parts(block: string): Generator<[text: string, start: number]> {
  for (const { segment, index } of segmenter.segment(block)) {
    if (segment.length <= LONGEST) {
      yield [segment, index];
      continue;
    }
    let from = 0;
    for (const stop of segment.matchAll(STOP)) {
      const to = stop.index + stop[0].length;
      yield [segment.slice(from, to), index + from];
      from = to;
    }
    yield [segment.slice(from), index + from];
  }
}

/** Sentences in order, with where they stand. What is too short, too long or without words is left out. */
export function sentencesOf(text: string): Sentence[] {
  const found: Sentence[] = [];
  for (const [block, from] of blocks(text)) {
    for (const [segment, index] of parts(block)) {
      const lead = LEAD.exec(segment)?.[0].length ?? 0;
      const trimmed = segment.slice(lead).replace(TAIL, '');
      if (trimmed.length > LONGEST || !LETTERS.test(trimmed)) continue;
      const start = from + index + lead;
      found.push({ text: trimmed, start, end: start + trimmed.length });
    }
  }
  return found;
}
