/** Events as server-sent events: pulled by the client's reading, with signs of life, and given up when nobody reads. */

export interface SseOptions {
  /** Seconds between two signs of life. */
  heartbeat: number;
  /** Seconds that a piece may wait to be taken. */
  stall: number;
  /** Called when it has waited longer. */
  onStall: () => void;
}

const BEAT = Symbol('beat');

interface Typed {
  type: string;
}

function frame(event: Typed): string {
  // JSON has no line breaks of its own, so one line of data is enough.
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** A promise that a timer resolves, and the timer. */
function after(seconds: number): { beat: Promise<typeof BEAT>; timer: NodeJS.Timeout } {
  let timer!: NodeJS.Timeout;
  const beat = new Promise<typeof BEAT>((resolve) => {
    timer = setTimeout(resolve, seconds * 1000, BEAT);
  });
  return { beat, timer };
}

/**
 * Nothing is made ahead: the next event is asked for when the last one was taken, so that a slow client slows the work and fills
 * no memory. Ends the events when it is left.
 */
export async function* toSse(
  events: AsyncGenerator<Typed>,
  { heartbeat, stall, onStall }: SseOptions,
): AsyncGenerator<string, void, void> {
  let waiting: NodeJS.Timeout | undefined;
  const give = function* (text: string): Generator<string, void, void> {
    const timer = setTimeout(onStall, stall * 1000);
    waiting = timer;
    yield text;
    clearTimeout(timer);
  };
  try {
    for (;;) {
      const next = events.next();
      // Looked at below; if the client goes while a sign of life is due, nobody else would.
      next.catch(() => undefined);
      for (;;) {
        const { beat, timer } = after(heartbeat);
        const step = await Promise.race([next, beat]).finally(() => {
          clearTimeout(timer);
        });
        if (step === BEAT) {
          yield* give(': still here\n\n');
          continue;
        }
        if (step.done === true) return;
        yield* give(frame(step.value));
        break;
      }
    }
  } finally {
    clearTimeout(waiting);
    await events.return(undefined).catch(() => undefined);
  }
}
