/** What the calls of one index owe each other: writes keep their order, and the close waits for all. */
export class Underway {
  #count = 0;
  #waiting: (() => void)[] = [];
  /** Fulfilled when the last write was started. */
  #lastWrite: Promise<unknown> | undefined;

  /** Runs a call. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#count++;
    try {
      return await work();
    } finally {
      if (--this.#count === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  /**
   * Runs a write: `prepare` at once, and `start` when the writes called before were started. Without that, a small one
   * would overtake a large one, which is copied over several turns of the event loop. From there on native code keeps
   * the order.
   */
  inTurn<S, T>(prepare: () => Promise<S>, start: (prepared: S) => Promise<T>): Promise<T> {
    return this.during(async () => {
      const before = this.#lastWrite;
      const starting = Promise.all([prepare(), before]).then(([prepared]) => ({ running: start(prepared) }));
      // One that cannot be prepared has its turn, too: the next must not overtake those before it.
      // Without a value: it would keep every result there ever was, each through the one after it.
      this.#lastWrite = Promise.allSettled([starting, before]).then(() => undefined);
      return (await starting).running;
    });
  }

  /** Waits until every call has ended, those too that leave with the current turn's microtasks. */
  async settled(): Promise<void> {
    await Promise.resolve();
    while (this.#count > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
