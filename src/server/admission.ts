/**
 * How much is taken in at once. What is above that is told to come again, rather than to wait until it is of no use.
 *
 * A burst may wait: it will be over soon. But a queue that does not stay empty is no burst, and a long one makes everybody wait without
 * one more being answered. (Answers come several at a time, so that under a lasting load, too, it is empty for a moment.) Then half as
 * many wait as are worked on: enough that no place stays empty, and whoever is let in waits less than an answer takes (after
 * "Controlling Queue Delay", Nichols and Jacobson, 2012).
 */
import { aborted } from '../../lib/calls.js';
import { HttpError } from './failure.js';

interface Waiting {
  enter: () => void;
}

export interface AdmissionOptions {
  /** Worked on at a time. */
  running: number;
  /** That may wait for it, in a burst. */
  waiting: number;
  /** The time in ms; for tests. */
  now?: () => number;
}

/** A burst is over after so long, and the next may begin when nobody has waited for as long. */
const BURST_MS = 100;

/** Seconds after which a refused client may try again. */
const RETRY_AFTER = 1;

export class Admission {
  readonly #most: AdmissionOptions;
  readonly #now: () => number;
  readonly #queue: Waiting[] = [];
  #running = 0;
  /** When the burst began that those who wait belong to. */
  #burstSince = -Infinity;
  /** When the last one who waited went in or away. */
  #emptySince = -Infinity;

  constructor(most: AdmissionOptions) {
    this.#most = most;
    this.#now = most.now ?? (() => performance.now());
  }

  get load(): { running: number; waiting: number } {
    return { running: this.#running, waiting: this.#queue.length };
  }

  /** Waits for a place, which the returned function gives back. Rejects with 429 when too many wait already, or when the signal aborts. */
  async enter(signal: AbortSignal): Promise<() => void> {
    if (this.#running < this.#most.running) this.#running++;
    else if (this.#queue.length >= this.#places()) {
      throw new HttpError(
        429,
        'E_OVERLOADED',
        'Too many questions are being answered. Try again in a moment.',
        RETRY_AFTER,
      );
    } else await this.#wait(signal);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#queue.shift();
      if (next === undefined) {
        this.#running--;
        return;
      }
      this.#noteEmpty();
      next.enter();
    };
  }

  #places(): number {
    const { running, waiting } = this.#most;
    const isBurst = this.#beginsBurst() || this.#now() - this.#burstSince <= BURST_MS;
    return isBurst ? waiting : Math.min(Math.ceil(running / 2), waiting);
  }

  #beginsBurst(): boolean {
    return this.#queue.length === 0 && this.#now() - this.#emptySince > BURST_MS;
  }

  #noteEmpty(): void {
    if (this.#queue.length === 0) this.#emptySince = this.#now();
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        this.#noteEmpty();
        reject(aborted(signal));
      };
      const waiting: Waiting = {
        enter: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      if (this.#beginsBurst()) this.#burstSince = this.#now();
      this.#queue.push(waiting);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
