/** Calls that wait for an AbortSignal. One signal may be that of many (a request's, a server's). */
interface Watch {
  readonly waiting: Set<() => void>;
  readonly fire: () => void;
}

const watches = new WeakMap<AbortSignal, Watch>();

/**
 * Runs `act` when the signal fires. Returns what makes it stop waiting. A signal is listened to once, whoever waits:
 * Node warns of a leak at the eleventh listener.
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  const watch = watches.get(signal) ?? listenTo(signal);
  watch.waiting.add(act);
  return () => {
    watch.waiting.delete(act);
    if (watch.waiting.size > 0) return;
    watches.delete(signal);
    signal.removeEventListener('abort', watch.fire);
  };
}

function listenTo(signal: AbortSignal): Watch {
  const waiting = new Set<() => void>();
  const fire = (): void => {
    for (const act of waiting) act();
  };
  const watch = { waiting, fire };
  watches.set(signal, watch);
  signal.addEventListener('abort', fire, { once: true });
  return watch;
}
