/** When the index is saved: often enough that an open has little to make up for, and never at the cost of an answer. */
import type { Lane } from './lane.js';
import type { Live } from './live.js';
import type { Remote } from '../../thread/rpc.js';
import { saveSnapshot, sweepSnapshots } from './snapshot.js';
import type { IndexChoice } from './vector-index.js';
import type { WriterCalls } from './writer.js';

/** Behind the scenes: when so many chunks changed, and so large a part of all. */
const DUE = { least: 25_000, part: 0.5 };
/** At close a small index is saved always, since that takes no time; of a large one so large a part may be replayed. */
const AT_CLOSE = { small: 20_000, part: 0.005 };

export class SnapshotKeeper {
  readonly #folder: string;
  readonly #live: Live;
  readonly #choice: IndexChoice;
  readonly #writer: Remote<WriterCalls>;
  readonly #warn: (message: string) => void;
  /** The kind of index that the file on disk holds. */
  #kind: string | undefined;
  #saving = false;

  constructor(
    folder: string,
    live: Live,
    choice: IndexChoice,
    writer: Remote<WriterCalls>,
    warn: (message: string) => void,
  ) {
    this.#folder = folder;
    this.#live = live;
    this.#choice = choice;
    this.#writer = writer;
    this.#warn = warn;
    if (live.opened.how === 'snapshot' || live.opened.how === 'replayed') this.#kind = live.index.stats().factory;
  }

  /** The file on disk is not the index in memory. */
  get stale(): boolean {
    return this.#live.changed > 0 || (this.#live.index.count > 0 && this.#kind !== this.#live.index.stats().factory);
  }

  /** Saves the index as it stands. To be called while no write goes on. */
  async save(): Promise<void> {
    const { generation, nextChunk, model } = this.#live.state;
    const kind = this.#live.index.stats().factory;
    const record = await saveSnapshot(this.#folder, this.#live.index, {
      generation,
      nextChunk,
      model: model.number,
      options: JSON.stringify(this.#choice),
    });
    await this.#writer.call('recordSnapshot', record);
    this.#live.state = { ...this.#live.state, snapshot: record };
    this.#live.changed = 0;
    this.#kind = kind;
    await sweepSnapshots(this.#folder, record.file);
  }

  /** A snapshot that cannot be written costs time at the next open, and nothing else. */
  async #attempt(): Promise<void> {
    try {
      await this.save();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#warn(`The snapshot of the index could not be saved; the next open takes longer. ${why}`);
    }
  }

  /** After a transaction: asks for a turn in the lane when it is time. */
  whenDue(lane: Lane): void {
    const { changed, index } = this.#live;
    if (this.#saving || changed < DUE.least || changed < index.count * DUE.part) return;
    this.#saving = true;
    lane
      .alone(() => this.#attempt())
      .catch(() => undefined) // the lane is closing, and close() saves
      .finally(() => (this.#saving = false));
  }

  async saveAtClose(): Promise<void> {
    const { changed, index } = this.#live;
    if (!this.stale) return;
    const kindOnly = changed === 0;
    if (kindOnly || index.count <= AT_CLOSE.small || changed > index.count * AT_CLOSE.part) await this.#attempt();
  }
}
