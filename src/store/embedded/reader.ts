/** A thread that reads. Each call sees one state of the database, also while the writer goes on. */
import type Database from 'better-sqlite3';
import type { Document } from '../../document/types.js';
import type { ChunkText, DocumentPage, SearchAnswer } from '../backend.js';
import type { FilterNode } from '../filter.js';
import type { SearchPlan } from '../request.js';
import { Corpus } from './corpus.js';
import { checkPages, openForReading } from './database.js';
import { toSql } from './filter-sql.js';
import { FilterBits } from './filters.js';
import { KeywordSearch } from './keywords.js';
import { Meta, type State } from './meta.js';
import { PostingLists } from './postings.js';
import { NearIndex, type Bounds } from './near-index.js';
import { Retriever } from './retrieve.js';
import {
  checkChunk,
  checkDocument,
  checkText,
  documentOf,
  selectChunks,
  selectDocuments,
  summaryOf,
  type ChunkRow,
  type DocumentRow,
} from './rows.js';
import { Moved } from '../../thread/rpc.js';
import { vectorTable } from './schema.js';
import { Tokenizer } from './tokenizer.js';
import { VectorRows, type VectorBatch } from './vector-rows.js';
import type { ChunkRange } from './document-writer.js';

export interface ReaderData {
  role: 'reader';
  folder: string;
  /** Bytes that posting lists may take. */
  postings: number;
  /** Look the database over before anything is read of it: where no writer does. */
  check?: 'cheap' | 'all';
}

export interface Changes {
  state: State;
  /** Chunks that are gone since; undefined when they are no longer listed. */
  removed?: ChunkRange[];
}

export interface SearchInput {
  plan: SearchPlan;
  /** Of the index that is served. */
  token: string;
  /** It may hold vectors that are not committed. */
  pending: boolean;
}

export interface Counts {
  documents: number;
  chunks: number;
}

export interface ReaderCalls {
  state(input: undefined): State;
  get(id: string): Document | undefined;
  has(id: string): boolean;
  hashes(ids: readonly string[] | undefined): Map<string, string>;
  list(input: { limit: number; after?: string; filter?: FilterNode }): DocumentPage;
  count(filter: FilterNode | undefined): Counts;
  search(input: SearchInput): SearchAnswer;
  /** Vectors of a model, from chunk `from` on, in one batch. */
  vectors(input: { model: number; dim: number; from: number; limit: number }): VectorBatch;
  /** What happened since a generation. */
  changes(since: number): Changes;
  /** Chunks from `from` on that have no vector of the model yet. */
  unembedded(input: { model: number; from: number; limit: number }): { ids: Float64Array; chunks: ChunkText[] };
  /** How far a model to come is. */
  progress(model: number): { done: number; total: number };
  close(input: undefined): void;
}

export function openReader({ folder, postings, check }: ReaderData): { handlers: ReaderCalls; path: string } {
  const db = openForReading(folder);
  if (check !== undefined) checkPages(db, check === 'all');
  const meta = new Meta(db);
  const tokenizer = new Tokenizer();
  const corpus = new Corpus(db, meta);
  const filters = new FilterBits(db, corpus);
  const near = new NearIndex();
  const keywords = new KeywordSearch(tokenizer, new PostingLists(db, postings), corpus);
  let retriever: { model: number; retriever: Retriever } | undefined;

  const retrieverFor = ({ model }: State): Retriever => {
    if (retriever?.model !== model.number) {
      const rows = new VectorRows(db, model.number, model.dim);
      const made = new Retriever({ db, corpus, keywords, near, rows, tokenizer });
      retriever = { model: model.number, retriever: made };
    }
    return retriever.retriever;
  };
  /** One state of the database for all that `read` asks. */
  const within = <T>(read: () => T): T => db.transaction(read).deferred();

  const handlers: ReaderCalls = {
    ...documentCalls(db, within),
    state: () => within(() => meta.read()),
    search: ({ plan, token, pending }) =>
      within(() => {
        const state = meta.read();
        const { generation, nextChunk, nextDocument } = state;
        corpus.sync();
        if (plan.vector !== undefined) {
          near.attach(token);
          // Between a change of the model and word of it: the caller sees by the generation that it must ask again.
          if (near.dim !== state.model.dim || plan.vector.length !== near.dim) return { hits: [], generation };
        }
        const bounds: Bounds = {
          ...(pending && { end: nextChunk }),
          ...(plan.filter !== undefined && { bits: filters.of(plan.filter, nextDocument) }),
        };
        return { hits: retrieverFor(state).retrieve(plan, bounds), generation };
      }),
    changes: (since) =>
      within(() => {
        const state = meta.read();
        if (since < state.forgotten) return { state };
        const removed = db
          .prepare<[number], ChunkRange>(
            'SELECT first_chunk AS first, chunks AS count FROM removed WHERE generation > ?',
          )
          .all(since);
        return { state, removed };
      }),
    vectors: ({ model, dim, from, limit }) => {
      const batch = new VectorRows(db, model, dim).batch(from, limit);
      return new Moved(batch, [batch.ids.buffer, batch.vectors.buffer]) as unknown as VectorBatch;
    },
    ...modelCalls(db),
    close() {
      near.close();
      tokenizer.close();
      db.close();
    },
  };
  return { handlers, path: db.name };
}

type DocumentCalls = Pick<ReaderCalls, 'get' | 'has' | 'hashes' | 'list' | 'count'>;

function documentCalls(db: Database.Database, within: <T>(read: () => T) => T): DocumentCalls {
  const byId = db.prepare<[string], DocumentRow>(selectDocuments('WHERE id = ?'));
  const text = db.prepare<[number], string>('SELECT text FROM texts WHERE document = ?').pluck();
  const chunks = db.prepare<[number, number], ChunkRow>(selectChunks('WHERE id >= ? AND id < ? ORDER BY id'));
  const exists = db.prepare<[string]>('SELECT 1 FROM documents WHERE id = ?').pluck();
  const hash = db.prepare<[string], string | null>('SELECT hash FROM documents WHERE id = ?').pluck();
  const allHashes = db
    .prepare<[], [string, string]>('SELECT id, hash FROM documents WHERE hash IS NOT NULL ORDER BY id')
    .raw();
  return {
    get: (id) =>
      within(() => {
        const row = byId.get(id);
        if (row === undefined) return undefined;
        checkDocument(db, row);
        const whole = text.get(row.number);
        checkText(db, row, whole);
        const rows = chunks.all(row.first_chunk, row.first_chunk + row.chunks);
        for (const chunk of rows) checkChunk(db, chunk);
        return documentOf(row, whole, rows);
      }),
    has: (id) => exists.get(id) !== undefined,
    hashes(ids) {
      if (ids === undefined) return new Map(allHashes.all());
      const found = new Map<string, string>();
      for (const id of ids) {
        const value = hash.get(id);
        if (typeof value === 'string') found.set(id, value);
      }
      return found;
    },
    list({ limit, after, filter }) {
      const { sql, values } = filter === undefined ? { sql: '1', values: [] } : toSql(filter);
      const where = `WHERE ${after === undefined ? '1' : 'd.id > ?'} AND ${sql} ORDER BY d.id LIMIT ?`;
      const first = after === undefined ? [] : [after];
      const rows = db
        .prepare<unknown[], DocumentRow>(selectDocuments(`d ${where}`))
        .all(...first, ...values, limit + 1);
      const page = rows.slice(0, limit);
      for (const row of page) checkDocument(db, row);
      const documents = page.map(summaryOf);
      const last = documents.at(-1);
      return { documents, ...(rows.length > limit && last !== undefined && { next: last.id }) };
    },
    count(filter) {
      const { sql, values } = filter === undefined ? { sql: '1', values: [] } : toSql(filter);
      const counts = 'SELECT count(*) AS documents, coalesce(sum(chunks), 0) AS chunks FROM documents d WHERE';
      return db.prepare<unknown[], Counts>(`${counts} ${sql}`).get(...values) ?? { documents: 0, chunks: 0 };
    },
  };
}

function modelCalls(db: Database.Database): Pick<ReaderCalls, 'unembedded' | 'progress'> {
  return {
    unembedded({ model, from, limit }) {
      const rows = db
        .prepare<[number, number], { id: number; text: string; headings: string | null; title: string | null }>(
          `SELECT c.id, c.text, c.headings, d.title FROM chunks c JOIN documents d ON d.number = c.document
           WHERE c.id >= ? AND NOT EXISTS (SELECT 1 FROM ${vectorTable(model)} v WHERE v.chunk = c.id)
           ORDER BY c.id LIMIT ?`,
        )
        .all(from, limit);
      const chunks = rows.map(({ text, headings, title }): ChunkText => ({
        text,
        ...(title !== null && { title }),
        ...(headings !== null && { headings: JSON.parse(headings) as string[] }),
      }));
      return { ids: Float64Array.from(rows, ({ id }) => id), chunks };
    },
    progress(model) {
      const count = (table: string): number => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
      return { done: count(vectorTable(model)), total: count('chunks') };
    },
  };
}
