import { CommanderError } from 'commander';
import { variable } from './environment.js';
import { UsageError } from './usage.js';

export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** What to do about an error whose message alone does not say it. */
const HINTS: Record<string, string> = {
  E_MISSING_DEPENDENCY: 'Run `quiver doctor` to see what is missing and how to get it.',
  E_OUT_OF_MEMORY: 'Try a smaller kind, such as --type "OPQ16,IVF256,PQ16", or give the process more memory.',
  E_INTERNAL: 'This is a bug in quiver. Please report it with the output of `quiver doctor`.',
};

interface ErrorReport {
  code: string;
  message: string;
  expected: string | null;
  actual: string | null;
}

/**
 * What a command says: one JSON document on stdout with --json, text otherwise. Progress and notes go to stderr, so that
 * stdout stays fit for pipes.
 */
export class Output {
  readonly json: boolean;
  /** True where a person looks at stderr: only then bars are drawn. */
  readonly interactive: boolean;
  readonly #colors: boolean;

  constructor(json: boolean) {
    this.json = json;
    this.interactive = !json && process.stderr.isTTY;
    this.#colors = process.stdout.isTTY && variable('NO_COLOR') === undefined && process.stdout.hasColors();
  }

  /** The answer of the command, printed once. */
  result(value: unknown, text: () => string): void {
    process.stdout.write(this.json ? `${toJson(value)}\n` : `${text().trimEnd()}\n`);
  }

  /** A line for the person who waits. */
  note(text: string): void {
    if (!this.json) process.stderr.write(`${text}\n`);
  }

  bold(text: string): string {
    return this.#colors ? `\x1b[1m${text}\x1b[22m` : text;
  }

  dim(text: string): string {
    return this.#colors ? `\x1b[2m${text}\x1b[22m` : text;
  }

  color(name: 'green' | 'yellow' | 'red', text: string): string {
    const codes = { green: 32, yellow: 33, red: 31 };
    return this.#colors ? `\x1b[${codes[name]}m${text}\x1b[39m` : text;
  }

  /** Prints the error and returns the exit code for it. */
  error(error: unknown): number {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    // Without a command commander has printed the help already.
    if (error instanceof CommanderError && error.code === 'commander.help' && !this.json) return EXIT.usage;
    const report = describeError(error);
    const usage = error instanceof UsageError || error instanceof CommanderError;
    if (this.json) process.stdout.write(`${toJson({ error: report })}\n`);
    else process.stderr.write(`quiver: ${report.message}\n${this.#hint(report.code, usage)}`);
    if (usage) return EXIT.usage;
    return report.code === 'E_ABORTED' ? EXIT.interrupted : EXIT.failed;
  }

  #hint(code: string, usage: boolean): string {
    const hint = usage ? 'Run it with --help to see how it is used.' : HINTS[code];
    return hint === undefined ? '' : `${hint}\n`;
  }
}

export function describeError(error: unknown): ErrorReport {
  if (error instanceof CommanderError) {
    const message = error.code === 'commander.help' ? 'expected a command' : error.message.replace(/^error: /, '');
    return { code: 'E_ARGUMENT', message, expected: null, actual: null };
  }
  if (!(error instanceof Error)) return { code: 'E_INTERNAL', message: String(error), expected: null, actual: null };
  const { code, expected, actual } = error as Error & { code?: unknown; expected?: unknown; actual?: unknown };
  const known = typeof code === 'string' && code.startsWith('E_');
  return {
    code: known ? code : 'E_INTERNAL',
    // What nobody foresaw comes with its stack, so that a report of it is of use.
    message: known ? error.message : (error.stack ?? error.message),
    expected: typeof expected === 'string' ? expected : null,
    actual: typeof actual === 'string' ? actual : null,
  };
}

/** int64 ids do not fit JSON numbers, so that they become strings. */
function toJson(value: unknown): string {
  const plain = (_key: string, part: unknown): unknown => (typeof part === 'bigint' ? String(part) : part);
  return JSON.stringify(value, plain, 2);
}
