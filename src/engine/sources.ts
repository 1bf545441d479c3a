/** Hits as those who ask see them. */
import { basename } from 'node:path';
import type { Hit } from '../store/backend.js';
import type { QuerySource } from './types.js';

/** How well each hit fits, 0 to 1. BM25 has no scale of its own: its hits are measured by the best one. */
function relevance(hits: readonly Hit[]): number[] {
  const best = Math.max(...hits.map(({ parts }) => parts.bm25 ?? 0));
  return hits.map(({ parts: { cosine, bm25 = 0 } }) => {
    if (cosine !== undefined) return Math.min(1, Math.max(0, cosine));
    return best > 0 ? bm25 / best : 0;
  });
}

export function sourcesOf(hits: readonly Hit[]): QuerySource[] {
  const scores = relevance(hits);
  return hits.map(({ document, chunk, score, snippet }, at) => ({
    number: at + 1,
    document_id: document.id,
    file_name: basename(document.source ?? document.id),
    ...(document.title !== undefined && { title: document.title }),
    ...(chunk.page !== undefined && { page: chunk.page }),
    relevance_score: scores[at] ?? 0,
    score,
    snippet: snippet.text,
    marks: snippet.marks,
  }));
}

/** Numbers of sources that an answer names, such as `[2]` or `[1, 3]`, in order and each once. */
export function citedIn(answer: string, sources: number): number[] {
  const numbers = Array.from(answer.matchAll(/\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]/g), ([, list = '']) =>
    list.split(',').map(Number),
  ).flat();
  return [...new Set(numbers)].filter((number) => number >= 1 && number <= sources).sort((a, b) => a - b);
}
