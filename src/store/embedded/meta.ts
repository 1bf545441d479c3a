/** The few values that say where a store stands. */
import { randomUUID } from 'node:crypto';
import type Database from 'better-sqlite3';
import { QuiverError } from '../../../lib/errors.js';
import type { ModelInfo } from '../backend.js';

export interface StoredModel extends ModelInfo {
  number: number;
}

/** A snapshot of the vector index: the file, and how to know it. */
export interface SnapshotRecord {
  file: string;
  bytes: number;
  /** SHA-256 of the file's header, which holds the sums of all the rest. */
  digest: string;
  generation: number;
  model: number;
  nextChunk: number;
  count: number;
  /** The options that the index was built with, as JSON: others ask for another index. */
  options: string;
}

/** Which of all states that there have been. */
export interface Version {
  generation: number;
  /** Drawn anew with each generation. Empty in a store that was not written to since there are stamps. */
  stamp: string;
}

export interface State extends Version {
  /** The numbers that come next. */
  nextDocument: number;
  nextChunk: number;
  /** Removals up to this generation are no longer listed. */
  forgotten: number;
  model: StoredModel;
  /** A model whose vectors are being made. */
  next?: StoredModel;
  snapshot?: SnapshotRecord;
}

type Key = 'generation' | 'stamp' | 'next_document' | 'next_chunk' | 'forgotten' | 'snapshot';

/** Reads and writes of `meta` and `models`, with their statements prepared. */
export class Meta {
  readonly #get: Database.Statement<[Key], unknown>;
  readonly #set: Database.Statement<[Key, unknown]>;
  readonly #models: Database.Statement<[], StoredModel & { state: 'current' | 'next' }>;
  readonly #path: string;

  constructor(db: Database.Database) {
    this.#get = db.prepare<[Key]>('SELECT value FROM meta WHERE key = ?').pluck();
    this.#set = db.prepare('INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value');
    this.#models = db.prepare('SELECT number, name, fingerprint, dim, state FROM models ORDER BY number');
    this.#path = db.name;
  }

  number(key: Exclude<Key, 'snapshot' | 'stamp'>): number {
    const value = this.#get.get(key);
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.#damaged(key, value);
  }

  set(key: Key, value: number | string | null): void {
    this.#set.run(key, value);
  }

  /** A new generation, and the stamp that tells it from those of copies of this store that went another way. */
  begin(generation: number): Version {
    const stamp = randomUUID();
    this.set('generation', generation);
    this.set('stamp', stamp);
    return { generation, stamp };
  }

  version(): Version {
    return { generation: this.number('generation'), stamp: this.#stamp() };
  }

  read(): State {
    const models = this.#models.all();
    const current = models.find(({ state }) => state === 'current');
    if (current === undefined) throw this.#damaged('models', 'none that is current');
    const next = models.find(({ state }) => state === 'next');
    const plain = ({ number, name, fingerprint, dim }: StoredModel): StoredModel => ({
      number,
      name,
      fingerprint,
      dim,
    });
    const state: State = {
      ...this.version(),
      nextDocument: this.number('next_document'),
      nextChunk: this.number('next_chunk'),
      forgotten: this.number('forgotten'),
      model: plain(current),
    };
    if (next !== undefined) state.next = plain(next);
    const snapshot = this.#get.get('snapshot');
    if (typeof snapshot === 'string') state.snapshot = this.#parse(snapshot);
    return state;
  }

  #stamp(): string {
    const value = this.#get.get('stamp');
    if (value === undefined) return '';
    if (typeof value === 'string') return value;
    throw this.#damaged('stamp', value);
  }

  #parse(text: string): SnapshotRecord {
    try {
      return JSON.parse(text) as SnapshotRecord;
    } catch {
      throw this.#damaged('snapshot', text);
    }
  }

  #damaged(key: string, value: unknown): QuiverError {
    return new QuiverError(
      'E_CORRUPT',
      `${this.#path}: the value "${key}" is damaged. Restore a backup, or move the folder away and ingest the documents again.`,
      { actual: String(value) },
    );
  }
}
