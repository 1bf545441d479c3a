/** Passages on a terminal: where each stands, and the words that were looked for. */
import type { Hit } from '../../store/backend.js';
import { wrap } from '../format.js';
import type { Output } from '../output.js';

/** `docs/guide.pdf, page 3, Installation > Linux` */
export function placeOf({ document, chunk }: Hit): string {
  const page = chunk.page === undefined ? [] : [`page ${chunk.page}`];
  const headings = chunk.headings?.length ? [chunk.headings.join(' > ')] : [];
  return [document.source ?? document.id, ...page, ...headings].join(', ');
}

/** The snippet on lines of its own, the words of the question in bold. */
export function snippetLines({ snippet }: Hit, output: Output, indent: string): string {
  let text = '';
  let at = 0;
  for (const [from, to] of snippet.marks) {
    text += snippet.text.slice(at, from) + output.bold(snippet.text.slice(from, to));
    at = to;
  }
  text += snippet.text.slice(at);
  return wrap(text.replace(/\s+/g, ' ').trim(), indent);
}

/** A hit as JSON: flat, and without what only the library needs. */
export function hitJson({ document, chunk, score, parts, snippet }: Hit): Record<string, unknown> {
  const { id, title, type, source, metadata } = document;
  return {
    document: id,
    ...(title !== undefined && { title }),
    ...(type !== undefined && { type }),
    ...(source !== undefined && { source }),
    ...(chunk.page !== undefined && { page: chunk.page }),
    ...(chunk.headings !== undefined && { headings: chunk.headings }),
    position: chunk.position,
    start: chunk.start,
    end: chunk.end,
    score,
    ...parts,
    text: chunk.text,
    snippet: snippet.text,
    metadata,
  };
}
