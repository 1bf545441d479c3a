/**
 * Steps of work that several callers want at the same time: done once, and told to each from the first step on. The next step is taken
 * when the one who is furthest asks for it, so that a slow reader alone still holds the work back.
 */
import { aborted } from '../../lib/calls.js';
import { onAbort } from '../../lib/signals.js';

interface Run<S, R> {
  steps: AsyncGenerator<S, R, void>;
  stop: AbortController;
  /** All that came so far, for those who come later. */
  told: S[];
  end: { result: R } | { error: unknown } | undefined;
  /** The step that is being made; never rejects. */
  making: Promise<void> | undefined;
  readers: number;
}

export class SharedSteps<S, R> {
  readonly #runs = new Map<string, Run<S, R>>();

  /**
   * The steps of the work of this name, which is begun where it does not run yet. Aborting, or leaving the loop, ends it for this caller
   * only; the work's own signal fires when the last one is gone. What the work throws, all get. Errors: E_ABORTED.
   */
  async *follow(
    name: string,
    signal: AbortSignal,
    begin: (stop: AbortSignal) => AsyncGenerator<S, R, void>,
  ): AsyncGenerator<S, R, void> {
    const known = this.#runs.get(name);
    const run = known ?? this.#begin(name, begin);
    run.readers++;
    try {
      for (let at = 0; ; at++) {
        while (at >= run.told.length && run.end === undefined) await unlessAborted(this.#make(name, run), signal);
        if (at >= run.told.length) break;
        // Each caller may do with a step what he likes.
        yield known === undefined ? run.told[at] : structuredClone(run.told[at]);
      }
      if (run.end === undefined || 'error' in run.end) throw run.end?.error;
      return known === undefined ? run.end.result : structuredClone(run.end.result);
    } finally {
      if (--run.readers === 0) this.#leave(name, run);
    }
  }

  #begin(name: string, begin: (stop: AbortSignal) => AsyncGenerator<S, R, void>): Run<S, R> {
    const stop = new AbortController();
    const steps = begin(stop.signal);
    const run: Run<S, R> = { steps, stop, told: [], end: undefined, making: undefined, readers: 0 };
    this.#runs.set(name, run);
    return run;
  }

  /** One step more, for all who wait for it. */
  #make(name: string, run: Run<S, R>): Promise<void> {
    run.making ??= run.steps
      .next()
      .then(
        (step) => {
          if (step.done === true) run.end = { result: step.value };
          else run.told.push(step.value);
        },
        (error: unknown) => {
          run.end = { error };
        },
      )
      .finally(() => {
        run.making = undefined;
        if (run.end !== undefined) this.#forget(name, run);
      });
    return run.making;
  }

  /** Another of the same name may have begun after this one was given up. */
  #forget(name: string, run: Run<S, R>): void {
    if (this.#runs.get(name) === run) this.#runs.delete(name);
  }

  #leave(name: string, run: Run<S, R>): void {
    this.#forget(name, run);
    if (run.end !== undefined) return;
    run.stop.abort();
    run.steps.return(undefined as R).catch(() => undefined);
  }
}

async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw aborted(signal);
  let stopListening = (): void => undefined;
  const gone = new Promise<never>((_, reject) => {
    stopListening = onAbort(signal, () => reject(aborted(signal)));
  });
  try {
    await Promise.race([work, gone]);
  } finally {
    stopListening();
  }
}
