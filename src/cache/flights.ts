/** Work that several callers want at the same time, and that is done once. */
import { aborted } from '../../lib/calls.js';
import { onAbort } from '../../lib/signals.js';

interface Flight<T> {
  landing: Promise<T>;
  stop: AbortController;
  waiting: number;
}

export class Flights<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * Waits for the work of this name, which is begun where nobody waits for it yet. Aborting rejects this caller only; the work's own
   * signal fires when the last one is gone. What the work throws, all get. Errors: E_ABORTED.
   */
  join(
    name: string,
    signal: AbortSignal | undefined,
    work: (stop: AbortSignal) => Promise<T>,
  ): { joined: boolean; landed: Promise<T> } {
    const running = this.#flights.get(name);
    const flight = running ?? this.#begin(name, work);
    return { joined: running !== undefined, landed: this.#wait(name, flight, signal) };
  }

  #begin(name: string, work: (stop: AbortSignal) => Promise<T>): Flight<T> {
    const stop = new AbortController();
    const landing = Promise.resolve(stop.signal)
      .then(work)
      .finally(() => this.#forget(name, flight));
    const flight: Flight<T> = { landing, stop, waiting: 0 };
    this.#flights.set(name, flight);
    return flight;
  }

  /** Another of the same name may have begun after this one was given up. */
  #forget(name: string, flight: Flight<T>): void {
    if (this.#flights.get(name) === flight) this.#flights.delete(name);
  }

  async #wait(name: string, flight: Flight<T>, signal: AbortSignal | undefined): Promise<T> {
    flight.waiting++;
    if (signal === undefined) return flight.landing;
    let stopListening: (() => void) | undefined;
    const gone = new Promise<never>((_, reject) => {
      stopListening = onAbort(signal, () => {
        reject(aborted(signal));
        if (--flight.waiting > 0) return;
        this.#forget(name, flight);
        flight.stop.abort(signal.reason);
      });
    });
    try {
      return await Promise.race([flight.landing, gone]);
    } finally {
      stopListening?.();
    }
  }
}
