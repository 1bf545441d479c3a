/** Progress reports as every long call gives them: at most one every 50 ms, and one at the end. */
import type { LongCallOptions } from '../../lib/index.js';

const INTERVAL_MS = 50;

/** Returns what to call with the number done so far. */
export function progressReporter(
  phase: string,
  total: number,
  { onProgress }: Pick<LongCallOptions, 'onProgress'>,
): (done: number) => void {
  if (onProgress === undefined) return () => undefined;
  let last = performance.now();
  let ended = false;
  return (done) => {
    const now = performance.now();
    if (ended || (done < total && now - last < INTERVAL_MS)) return;
    last = now;
    ended = done >= total;
    onProgress({ phase, done, total });
  };
}
