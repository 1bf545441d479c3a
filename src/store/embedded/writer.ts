/** The thread that writes: one transaction at a time, opened by the first change and ended by commit or rollback. */
import { existsSync } from 'node:fs';
import type Database from 'better-sqlite3';
import type { ModelInfo } from '../backend.js';
import type { PreparedDocument } from '../entry.js';
import { checkPages, makeFolder, notFound, openForWriting } from './database.js';
import { DocumentWriter, type Removal } from './document-writer.js';
import { databasePath } from './layout.js';
import { lockForWriting } from './lock.js';
import { Meta, type SnapshotRecord, type State, type StoredModel, type Version } from './meta.js';
import { ModelChange } from './model-change.js';

export interface WriterData {
  role: 'writer';
  folder: string;
  create: boolean;
  model?: ModelInfo;
  verify: boolean;
}

export interface InsertInput {
  documents: PreparedDocument[];
  /** The number of the first document; those that follow count on. */
  number: number;
  firstChunk: number;
}

export interface WriterCalls {
  /** Answers once the store is open. */
  open(input: undefined): State;
  /** What took the place of older documents is in the answer. */
  insert(input: InsertInput): Removal;
  remove(ids: readonly string[]): Removal;
  /** Ends the transaction; its changes are on disk, as a new generation. */
  commit(input: { nextDocument: number; nextChunk: number }): Version;
  rollback(input: undefined): void;
  recordSnapshot(record: SnapshotRecord): void;
  /** Goes on with a model that was begun, or begins it. */
  beginModel(model: ModelInfo): StoredModel;
  /** Returns the places of the chunks that are still there. */
  storeNext(input: { chunks: Float64Array; vectors: Float32Array }): Uint32Array;
  /** The next model becomes the current one, in one transaction. */
  swapModel(input: undefined): Version;
  compact(input: undefined): void;
  close(input: undefined): void;
}

export function openWriter({ folder, create, model, verify }: WriterData): { handlers: WriterCalls; path: string } {
  if (create) makeFolder(folder);
  // Before the lock, which would need the folder, and would leave its file in one that is not a store's.
  else if (!existsSync(databasePath(folder))) throw notFound(folder);
  const lock = lockForWriting(folder);
  let db: Database.Database;
  let meta: Meta;
  let state: State;
  try {
    db = openForWriting(folder, create, model);
    checkPages(db, verify);
    meta = new Meta(db);
    state = meta.read();
  } catch (error) {
    lock.release();
    throw error;
  }
  return { handlers: handlersOf(db, meta, state, () => lock.release()), path: db.name };
}

function handlersOf(db: Database.Database, meta: Meta, opened: State, release: () => void): WriterCalls {
  let documents = new DocumentWriter(db, opened.model);
  let changed = false;
  /** The first change opens the transaction. Each one says what it took out. */
  const change = (work: (generation: number, removal: Removal) => void): Removal => {
    if (!db.inTransaction) {
      db.exec('BEGIN IMMEDIATE');
      changed = false;
    }
    const removal: Removal = { documents: 0, chunks: [] };
    work(meta.number('generation') + 1, removal);
    changed ||= removal.documents > 0;
    return removal;
  };

  return {
    open: () => opened,
    insert: (input) =>
      change((generation, removal) => {
        let { number, firstChunk } = input;
        changed = true;
        for (const document of input.documents) {
          documents.remove(document.id, generation, removal);
          documents.insert(document, number, firstChunk);
          number++;
          firstChunk += document.chunks.length;
        }
      }),
    remove: (ids) =>
      change((generation, removal) => {
        for (const id of ids) documents.remove(id, generation, removal);
      }),
    commit({ nextDocument, nextChunk }) {
      const before = meta.version();
      if (!changed) {
        // Deletions of what was not there: the store is as it was, and whatever is cached of it holds.
        db.exec('ROLLBACK');
        return before;
      }
      let version = before;
      change(() => {
        version = meta.begin(before.generation + 1);
        meta.set('next_document', nextDocument);
        meta.set('next_chunk', nextChunk);
      });
      db.exec('COMMIT');
      return version;
    },
    rollback() {
      if (db.inTransaction) db.exec('ROLLBACK'); // a full disk has done it already
    },
    ...modelCalls(db, meta, (model) => (documents = new DocumentWriter(db, model))),
    ...upkeepCalls(db, meta),
    close() {
      if (db.inTransaction) db.exec('ROLLBACK');
      db.close();
      release();
    },
  };
}

type ModelCalls = Pick<WriterCalls, 'beginModel' | 'storeNext' | 'swapModel'>;

function modelCalls(db: Database.Database, meta: Meta, use: (model: StoredModel) => void): ModelCalls {
  const models = new ModelChange(db);
  const alone = <T>(work: () => T): T => db.transaction(work).immediate();
  return {
    beginModel: (info) => alone(() => models.begin(info)),
    storeNext: ({ chunks, vectors }) => alone(() => models.store(chunks, vectors)),
    swapModel() {
      const { model, version } = alone(() => models.swap(meta));
      use(model);
      return version;
    },
  };
}

function upkeepCalls(db: Database.Database, meta: Meta): Pick<WriterCalls, 'recordSnapshot' | 'compact'> {
  const forget = db.prepare('DELETE FROM removed WHERE generation <= ?');
  const record = db.transaction((snapshot: SnapshotRecord) => {
    // Removals that the older snapshot knows are forgotten only now: who follows this store may still need the rest.
    const older = meta.read().snapshot;
    if (older !== undefined) {
      forget.run(older.generation);
      meta.set('forgotten', older.generation);
    }
    meta.set('snapshot', JSON.stringify(snapshot));
  });
  return {
    recordSnapshot: (snapshot) => record.immediate(snapshot),
    compact() {
      db.exec(`INSERT INTO words (words) VALUES ('optimize')`);
      db.exec('VACUUM');
      db.pragma('wal_checkpoint(TRUNCATE)');
    },
  };
}
