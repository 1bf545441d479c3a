/**
 * What our own ranking by words is worth: the same chunks, with their titles, in a table of FTS5, ranked by its bm25(), whose constants (k1 1.2, b 0.75)
 * cannot be changed.
 */
import Database from 'better-sqlite3';
import { type RankingScores, scoreRankings } from '../../src/embed/evaluate/ranking.js';
import type { RetrievalSet } from '../../src/embed/evaluate/sets.js';
import { chunkText } from '../../src/ingest/chunk.js';
import { TOKENIZER } from '../../src/store/embedded/schema.js';

const DEPTH = 100;

/** The words of a question, any of which may match; in quotes, so that none is read as an operator. */
function anyOf(question: string): string {
  return (question.match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => `"${word}"`).join(' OR ');
}

export function scoreFts5({ documents, queries, judgements }: RetrievalSet): RankingScores {
  const db = new Database(':memory:');
  try {
    db.exec(`CREATE VIRTUAL TABLE words USING fts5 (text, context, document UNINDEXED, tokenize = '${TOKENIZER}')`);
    const insert = db.prepare('INSERT INTO words (text, context, document) VALUES (?, ?, ?)');
    db.transaction(() => {
      for (const { id, text, title = '' } of documents) {
        for (const chunk of chunkText(text)) insert.run(chunk.text, title, id);
      }
    })();
    const search = db.prepare<[string], string>('SELECT document FROM words WHERE words MATCH ? ORDER BY rank').pluck();
    const rankings = queries.map(({ id, text }): [string, string[]] => {
      const wanted = anyOf(text);
      return [id, wanted === '' ? [] : [...new Set(search.all(wanted))].slice(0, DEPTH)];
    });
    return scoreRankings(new Map(rankings), judgements);
  } finally {
    db.close();
  }
}
