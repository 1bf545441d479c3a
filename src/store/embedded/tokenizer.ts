/**
 * The words of a text exactly as the index has them: FTS5's own tokenizer, asked through a table in memory. A copy of its rules in
 * JavaScript would one day differ.
 */
import Database from 'better-sqlite3';
import { TOKENIZER } from './schema.js';

export interface Term {
  term: string;
  /** How often it stands in the question. */
  count: number;
}

/** Stems of words that were seen, for highlighting. A word takes about a hundred bytes. */
const MAX_KNOWN = 50_000;

export class Tokenizer {
  readonly #db: Database.Database;
  readonly #insert: Database.Statement<[number, string]>;
  readonly #terms: Database.Statement<[], Term>;
  readonly #stems: Database.Statement<[], [row: number, term: string]>;
  readonly #known = new Map<string, string>();

  constructor() {
    this.#db = new Database(':memory:');
    this.#db.exec(`
      CREATE VIRTUAL TABLE input USING fts5 (text, tokenize = '${TOKENIZER}');
      CREATE VIRTUAL TABLE tokens USING fts5vocab (input, 'instance');
    `);
    this.#insert = this.#db.prepare('INSERT INTO input (rowid, text) VALUES (?, ?)');
    this.#terms = this.#db.prepare('SELECT term, count(*) AS count FROM tokens GROUP BY term ORDER BY term');
    this.#stems = this.#db.prepare<[], [number, string]>('SELECT doc, term FROM tokens').raw();
  }

  /** The different terms of a text, in a fixed order. */
  terms(text: string): Term[] {
    return this.#with([text], () => this.#terms.all());
  }

  /** The stem of each word; '' for what the index would not take for one. */
  stems(words: readonly string[]): string[] {
    const unknown = [...new Set(words)].filter((word) => !this.#known.has(word));
    if (unknown.length > 0) {
      if (this.#known.size + unknown.length > MAX_KNOWN) this.#known.clear();
      const rows = this.#with(unknown, () => this.#stems.all());
      for (const word of unknown) this.#known.set(word, '');
      for (const [row, term] of rows) this.#known.set(unknown[row] ?? '', term);
    }
    return words.map((word) => this.#known.get(word) ?? '');
  }

  #with<T>(texts: readonly string[], read: () => T): T {
    this.#db.exec('BEGIN');
    try {
      texts.forEach((text, i) => this.#insert.run(i, text));
      return read();
    } finally {
      this.#db.exec('ROLLBACK');
    }
  }

  close(): void {
    this.#db.close();
  }
}
