/** The embedded backend: a folder with one SQLite database, which is the truth, and a FAISS index, which is a cache of it. */
import { checkCall } from '../../../lib/calls.js';
import { checkInteger, wrongArgument } from '../../../lib/errors.js';
import type { CallOptions, LongCallOptions } from '../../../lib/index.js';
import type { Document } from '../../document/types.js';
import type {
  Backend,
  DocumentPage,
  EmbedBatch,
  Entry,
  ListOptions,
  ModelInfo,
  Opened,
  PutOptions,
  PutResult,
  ReplaceOptions,
  SearchAnswer,
  SearchRequest,
  StoreStats,
  VerifyReport,
} from '../backend.js';
import { checkId } from '../entry.js';
import { checkModel, closed, readOnly as readOnlyError } from '../errors.js';
import { parseFilter, type Filter } from '../filter.js';
import type { Lane } from './lane.js';
import type { Live } from './live.js';
import { putEntries } from './putting.js';
import type { ReaderCalls } from './reader.js';
import { replaceVectors } from './replacing.js';
import type { Remote } from '../../thread/rpc.js';
import { search } from './searching.js';
import type { SnapshotKeeper } from './snapshot-keeper.js';
import { backup, sizes, verify } from './upkeep.js';
import { followIndex, type IndexChoice } from './vector-index.js';
import type { WriterCalls } from './writer.js';

const MAX_PAGE = 10_000;

export interface Writing {
  writer: Remote<WriterCalls>;
  lane: Lane;
  keeper: SnapshotKeeper;
}

export interface Parts {
  folder: string;
  choice: IndexChoice;
  /** For all but searches, so that a long list keeps no search waiting. */
  reader: Remote<ReaderCalls>;
  /** For searches; `reader` alone where there is one reader in all. */
  searchers: readonly [Remote<ReaderCalls>, ...Remote<ReaderCalls>[]];
  live: Live;
  /** Absent where the store is read-only. */
  writing?: Writing;
}

export async function closeThreads(
  writer: Remote<WriterCalls> | undefined,
  readers: readonly Remote<ReaderCalls>[],
): Promise<void> {
  // Readers first: the last connection to close folds the log into the database.
  const end = async (thread: Remote<WriterCalls> | Remote<ReaderCalls>): Promise<void> => {
    await (thread as Remote<ReaderCalls>).call('close', undefined).catch(() => undefined);
    await thread.close();
  };
  await Promise.all(readers.map(end));
  if (writer !== undefined) await end(writer);
}

export class EmbeddedStore implements Backend {
  readonly #parts: Parts;
  #active = 0;
  #idle: (() => void) | undefined;
  #refreshing: Promise<number> | undefined;
  #closing: Promise<void> | undefined;
  #turn = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get model(): ModelInfo {
    const { name, fingerprint, dim } = this.#parts.live.state.model;
    return { name, fingerprint, dim };
  }
  get readOnly(): boolean {
    return this.#parts.writing === undefined;
  }
  get opened(): Opened {
    return this.#parts.live.opened;
  }
  get generation(): number {
    return this.#parts.live.generation;
  }
  get stamp(): string {
    return this.#parts.live.state.stamp;
  }

  /** Runs a call, which close() then waits for. */
  async #during<T>(options: LongCallOptions, work: (parts: Parts) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw closed();
    checkCall(options);
    this.#active++;
    try {
      return await work(this.#parts);
    } finally {
      if (--this.#active === 0) this.#idle?.();
    }
  }

  #writing<T>(name: string, options: LongCallOptions, work: (parts: Parts & Writing) => Promise<T>): Promise<T> {
    return this.#during(options, async (parts) => {
      if (parts.writing === undefined) throw readOnlyError(name);
      return work({ ...parts, ...parts.writing });
    });
  }

  #reading<T>(options: CallOptions, work: (reader: Remote<ReaderCalls>, parts: Parts) => Promise<T>): Promise<T> {
    return this.#during(options, (parts) => work(parts.reader, parts));
  }

  /** The one with the least to do; the next one in turn among equals. */
  #searcher(): Remote<ReaderCalls> {
    const { searchers } = this.#parts;
    const turn = this.#turn++ % searchers.length;
    return searchers.reduce((best, one) => (one.load < best.load ? one : best), searchers[turn] ?? searchers[0]);
  }

  // --- writing

  put(entries: readonly Entry[], options: PutOptions = {}): Promise<PutResult> {
    return this.#writing('put()', options, ({ lane, live }) => putEntries(lane, live, entries, options));
  }

  delete(ids: readonly string[], options: CallOptions = {}): Promise<{ deleted: number; generation: number }> {
    return this.#writing('delete()', options, async ({ lane }) => {
      const list = checkIds(ids);
      const bytes = list.reduce((sum, id) => sum + id.length * 2, 0);
      const { removed, generation } = await lane.write({ remove: list }, bytes, options.signal);
      return { deleted: removed, generation };
    });
  }

  replaceVectors(model: ModelInfo, embed: EmbedBatch, options: ReplaceOptions = {}): Promise<{ chunks: number }> {
    return this.#writing('replaceVectors()', options, (parts) => {
      checkModel('model', model);
      return replaceVectors(parts, model, embed, options);
    });
  }

  compact(options: LongCallOptions = {}): Promise<void> {
    return this.#writing('compact()', options, ({ lane, writer, live, keeper }) =>
      lane.alone(async () => {
        await writer.call('compact', undefined);
        await live.index.compact();
        await keeper.save();
      }, options.signal),
    );
  }

  // --- reading

  get(id: string, options: CallOptions = {}): Promise<Document | undefined> {
    return this.#reading(options, async (reader) => reader.call('get', checkId('id', id), options));
  }

  has(id: string, options: CallOptions = {}): Promise<boolean> {
    return this.#reading(options, async (reader) => reader.call('has', checkId('id', id), options));
  }

  hashes(ids?: readonly string[], options: CallOptions = {}): Promise<Map<string, string>> {
    return this.#reading(options, async (reader) =>
      reader.call('hashes', ids === undefined ? undefined : checkIds(ids), options),
    );
  }

  list(options: ListOptions = {}): Promise<DocumentPage> {
    return this.#reading(options, async (reader) => {
      const { after, filter, limit = 100 } = options;
      const input = {
        limit: checkInteger('limit', limit, 1, MAX_PAGE),
        ...(after !== undefined && { after: checkId('after', after) }),
        ...(filter !== undefined && { filter: parseFilter(filter) }),
      };
      return reader.call('list', input, options);
    });
  }

  count(filter?: Filter, options: CallOptions = {}): Promise<{ documents: number; chunks: number }> {
    return this.#reading(options, async (reader) =>
      reader.call('count', filter === undefined ? undefined : parseFilter(filter), options),
    );
  }

  stats(options: CallOptions = {}): Promise<StoreStats> {
    return this.#reading(options, async (reader, { live, folder }) => {
      const counts = await reader.call('count', undefined, options);
      const { next } = await reader.call('state', undefined, options);
      const { snapshot } = live.state;
      return {
        ...counts,
        generation: live.generation,
        model: this.model,
        readOnly: this.readOnly,
        opened: this.opened,
        bytes: await sizes(folder, live),
        index: live.index.stats(),
        ...(snapshot !== undefined && { snapshot: { generation: snapshot.generation, changed: live.changed } }),
        ...(next !== undefined && {
          replacing: {
            model: { name: next.name, fingerprint: next.fingerprint, dim: next.dim },
            ...(await reader.call('progress', next.number, options)),
          },
        }),
      };
    });
  }

  search(request: SearchRequest): Promise<SearchAnswer> {
    return this.#during({}, ({ live, writing }) =>
      search(
        {
          live,
          reader: () => this.#searcher(),
          catchUp: (generation, options) => this.#catchUp(generation, options),
          ...(writing !== undefined && { alone: (work, signal) => writing.lane.alone(work, signal) }),
        },
        request,
      ),
    );
  }

  backup(folder: string, options: LongCallOptions = {}): Promise<{ bytes: number }> {
    return this.#during(options, (parts) => backup(parts.folder, folder, parts.live, options));
  }

  verify(options: LongCallOptions = {}): Promise<VerifyReport> {
    return this.#reading(options, async (reader, { folder }) => {
      const { documents } = await reader.call('count', undefined, options);
      return verify(folder, documents, options);
    });
  }

  // --- life

  /**
   * A reader has seen `generation`: waits until it is served, or follows the process that wrote it. (A writer that died between its commit
   * and word of it leaves nothing to wait for.)
   */
  async #catchUp(generation: number, options: CallOptions): Promise<void> {
    const { live, writing } = this.#parts;
    if (writing === undefined) await this.#follow(options);
    else if (live.generation < generation && writing.lane.busy) await live.changing();
  }

  refresh(options: CallOptions = {}): Promise<number> {
    return this.#during(options, ({ live, writing }) =>
      writing === undefined ? this.#follow(options) : Promise.resolve(live.generation),
    );
  }

  /** Calls that come while one is under way share it; each may have seen less than it wanted, and asks again. */
  async #follow(options: CallOptions): Promise<number> {
    this.#refreshing ??= (async () => {
      const { live, folder, choice, reader } = this.#parts;
      const source = { folder, choice, reader };
      live.pending = true;
      try {
        const { state, index, changed } = await followIndex(source, live.index, live.state, options);
        live.publish(state, live.changed + changed, index);
        return state.generation;
      } finally {
        live.pending = false;
        this.#refreshing = undefined;
      }
    })();
    return this.#refreshing;
  }

  ready(): Promise<void> {
    return this.#during({}, async ({ live, writing }) => {
      await live.index.ready();
      if (writing?.keeper.stale === true) await writing.lane.alone(() => writing.keeper.save());
    });
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      const { live, writing, reader, searchers } = this.#parts;
      if (this.#active > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
      await writing?.lane.close();
      await writing?.keeper.saveAtClose();
      await closeThreads(writing?.writer, [...new Set([...searchers, reader])]);
      await live.index.close();
    })();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function checkIds(ids: unknown): string[] {
  if (!Array.isArray(ids)) throw wrongArgument('ids', 'an array of ids', ids);
  return ids.map((id, i) => checkId(`ids[${String(i)}]`, id));
}
