/**
 * What is being served: an index, and the state of the database that it holds. Searches take it as it is, ask a reader, and compare: both
 * must have been of one generation.
 */
import type { Index } from '../../../lib/index.js';
import type { Opened } from '../backend.js';
import type { State } from './meta.js';
import type { Ready } from './vector-index.js';

/** An index that is filled with the vectors of a model to come. */
export interface Coming {
  index: Index;
}

export class Live {
  index: Index;
  state: State;
  readonly opened: Opened;
  /** Chunks that differ from the snapshot on disk. */
  changed: number;
  /** The index may hold vectors that are not committed. */
  pending = false;
  coming: Coming | undefined;
  #waiting: (() => void)[] = [];

  constructor({ index, state, opened, changed }: Ready) {
    this.index = index;
    this.state = state;
    this.opened = opened;
    this.changed = changed;
  }

  get generation(): number {
    return this.state.generation;
  }

  /** From now on searches see this state. */
  publish(state: State, changed: number, index = this.index): void {
    const before = this.index;
    this.state = state;
    this.index = index;
    this.changed = changed;
    for (const resume of this.#waiting.splice(0)) resume();
    // Waits for the searches that still use it.
    if (before !== index) before.close().catch(() => undefined);
  }

  /** Lets those who wait for a state look again, when it will not come. */
  wake(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }

  /** Waits until the next change of state. */
  changing(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
