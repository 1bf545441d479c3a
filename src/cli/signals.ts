import { EXIT } from './output.js';
import type { Output } from './output.js';

/**
 * Ctrl-C and SIGTERM abort what runs, so that it can take its temporary files away; a second one ends the process at once.
 * A reader that went away (`quiver ... | head -1`) ends it without a word, as it does any Unix tool.
 */
export function watchSignals(output: Output): { signal: AbortSignal; stop: () => void } {
  const abort = new AbortController();
  const interrupt = (name: NodeJS.Signals): void => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted);
    output.note(`\nquiver: ${name}, stopping (again to end at once)`);
    abort.abort(new Error(name));
  };
  const brokenPipe = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? EXIT.ok);
    throw error;
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  process.stdout.on('error', brokenPipe);
  process.stderr.on('error', brokenPipe);
  const stop = (): void => {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  };
  return { signal: abort.signal, stop };
}
