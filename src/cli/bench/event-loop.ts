import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** How late a timer of 1 ms came, in milliseconds; an idle loop shows a little over 1. */
export interface LoopDelay {
  p99: number;
  max: number;
}

/** Watches the event loop while some work runs. Watches may run inside one another. */
export async function watchLoop<T>(work: () => Promise<T>): Promise<{ value: T; delay: LoopDelay }> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  try {
    const value = await work();
    // The delay of a turn is known only once the next timer has come.
    await sleep(5);
    return { value, delay: { p99: histogram.percentile(99) / 1e6, max: histogram.max / 1e6 } };
  } finally {
    histogram.disable();
  }
}
