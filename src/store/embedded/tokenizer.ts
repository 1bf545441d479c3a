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
const PLAIN = /^[A-Za-z0-9]+$/;

export class Tokenizer {
  readonly #db: Database.Database;
  readonly #insert: Database.Statement<[number, string]>;
  readonly #terms: Database.Statement<[], Term>;
  readonly #stems: Database.Statement<[], [row: number, place: number, term: string]>;
  readonly #known = new Map<string, string>();

  constructor() {
    this.#db = new Database(':memory:');
    this.#db.exec(`
      CREATE VIRTUAL TABLE input USING fts5 (text, tokenize = '${TOKENIZER}');
      CREATE VIRTUAL TABLE tokens USING fts5vocab (input, 'instance');
    `);
    this.#insert = this.#db.prepare('INSERT INTO input (rowid, text) VALUES (?, ?)');
    this.#terms = this.#db.prepare('SELECT term, count(*) AS count FROM tokens GROUP BY term ORDER BY term');
    this.#stems = this.#db.prepare<[], [number, number, string]>('SELECT doc, offset, term FROM tokens').raw();
  }

  /** The different terms of a text, in a fixed order. */
  terms(text: string): Term[] {
    return this.#with([text], () => this.#terms.all());
  }

  /** The stem of each word; '' for what the index would not take for one. */
  stems(words: readonly string[]): string[] {
    let unknown = [...new Set(words)].filter((word) => !this.#known.has(word));
    if (unknown.length > 0 && this.#known.size + unknown.length > MAX_KNOWN) {
      this.#known.clear();
      unknown = [...new Set(words)];
    }
    if (unknown.length > 0) this.#learn(unknown);
    return words.map((word) => this.#known.get(word) ?? '');
  }

  #learn(words: readonly string[]): void {
    // A row for each word takes most of the time. Plain ones can share the first row: what is between blanks is one term for sure.
    const plain = words.filter((word) => PLAIN.test(word));
    const others = words.filter((word) => !PLAIN.test(word));
    const rows = this.#with([plain.join(' '), ...others], () => this.#stems.all());
    for (const word of words) this.#known.set(word, '');
    for (const [row, place, term] of rows) this.#known.set(row === 0 ? plain[place] : others[row - 1], term);
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
