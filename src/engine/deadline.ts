/** A limit of time around work that can be aborted. */
import { QuiverError } from '../../lib/errors.js';
import { aborted } from '../../lib/calls.js';

/** Work under one signal for the caller's abort and the limit's, until `end`. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #given: AbortSignal | undefined;
  readonly #seconds: number;
  #late = false;

  constructor(seconds: number, given: AbortSignal | undefined) {
    this.#seconds = seconds;
    this.#given = given;
    if (given?.aborted === true) throw aborted(given);
    given?.addEventListener('abort', this.#onAbort, { once: true });
    this.#timer = setTimeout(() => {
      this.#late = true;
      this.#controller.abort(new DOMException('the deadline has passed', 'TimeoutError'));
    }, seconds * 1000);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly #onAbort = (): void => {
    this.#controller.abort(this.#given?.reason);
  };

  /** What to tell the caller of an error of the work: E_TIMEOUT where the limit ended it. */
  explain(error: unknown): unknown {
    if (!this.#late || !(error instanceof QuiverError) || error.code !== 'E_ABORTED') return error;
    return new QuiverError(
      'E_TIMEOUT',
      `The query took longer than its deadline of ${this.#seconds} s. Give it more time, or ask for fewer passages.`,
      { expected: `an answer within ${this.#seconds} s`, actual: 'none in time', cause: error },
    );
  }

  /** Ends the limit. With `abandon`, work that still runs is aborted: nobody waits for it. */
  end(abandon = false): void {
    clearTimeout(this.#timer);
    this.#given?.removeEventListener('abort', this.#onAbort);
    if (abandon) this.#controller.abort();
  }
}
