/** Hands items from those that make them to the one that takes them. Who makes one waits until it is taken. */
export interface Queue<T> {
  /** Resolves when the item is taken. */
  put: (item: T) => Promise<void>;
  /** No more items come: the iteration ends after those that wait. */
  end: () => void;
  /** The iteration fails at once, also when items wait. */
  fail: (reason: unknown) => void;
  /** The items; for one consumer. */
  items: () => AsyncGenerator<T, void, undefined>;
}

export function createQueue<T>(): Queue<T> {
  const waiting: { item: T; taken: () => void }[] = [];
  let ended = false;
  let failure: { reason: unknown } | undefined;
  let wake = (): void => undefined;
  return {
    put(item) {
      return new Promise((taken) => {
        waiting.push({ item, taken });
        wake();
      });
    },
    end() {
      ended = true;
      wake();
    },
    fail(reason) {
      failure ??= { reason };
      wake();
    },
    async *items() {
      for (;;) {
        if (failure !== undefined) throw failure.reason;
        const first = waiting.shift();
        if (first !== undefined) {
          first.taken();
          yield first.item;
        } else if (ended) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}
