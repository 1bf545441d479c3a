import type { Output } from './output.js';

/** What every command gets. */
export interface Context {
  output: Output;
  /** Aborted by Ctrl-C and SIGTERM. */
  signal: AbortSignal;
  /** Set by a command that printed its answer and still failed, such as `doctor`. */
  exitCode: number;
}
