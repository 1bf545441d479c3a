/** Texts cut into batches of about equal work; a text that is too long for one goes over several. */
import { wrongArgument } from '../../../lib/errors.js';
import type { Batch } from './messages.js';

/** UTF-16 units in a batch: some milliseconds of work, and next to nothing to copy between threads. */
export const BATCH_UNITS = 64 * 1024;
/** What a text counts for besides its units. */
const UNITS_PER_TEXT = 32;

export interface Cut extends Omit<Batch, 'call'> {
  /** Number of the first text of the batch. */
  first: number;
  /** Texts that end in the batch. */
  ended: number;
}

/** Where a part that should end at `end` may end: not between the halves of a surrogate pair. */
function partEnd(text: string, end: number): number {
  if (end >= text.length) return text.length;
  return (text.charCodeAt(end - 1) & 0xfc00) === 0xd800 ? end - 1 : end;
}

/** Errors: E_ARGUMENT for what is no string. */
export function* batchesOf(texts: readonly string[], most = BATCH_UNITS): Generator<Cut, void> {
  let position = 0;
  for (let next = 0; next < texts.length;) {
    const cut: Cut = { texts: [], continued: position > 0, open: false, first: next, ended: 0 };
    for (let room = most; room > 0 && next < texts.length;) {
      const text: unknown = texts[next];
      if (typeof text !== 'string') throw wrongArgument(`texts[${next}]`, 'a string', text);
      const end = partEnd(text, position + room);
      // Room for half a surrogate pair only: the text begins in the next batch.
      if (end === position && text !== '') break;
      cut.texts.push(position === 0 && end === text.length ? text : text.slice(position, end));
      room -= end - position + UNITS_PER_TEXT;
      cut.open = end < text.length;
      position = cut.open ? end : 0;
      if (cut.open) break;
      next++;
    }
    cut.ended = next - cut.first;
    yield cut;
  }
}
