/**
 * An error whose message is meant for the person at the terminal: no stack trace is printed for it.
 */
export class SupplyError extends Error {
  /** @param {string} message @param {ErrorOptions} [options] */
  constructor(message, options) {
    super(message, options);
    this.name = 'SupplyError';
  }
}

/**
 * Runs a script's main function. A SupplyError prints its message alone; anything else is a fault of ours and
 * prints with its stack.
 *
 * @param {() => Promise<number | void>} main
 */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    process.exitCode = 1;
    if (error instanceof SupplyError) process.stderr.write(`\nerror: ${error.message}\n`);
    else throw error;
  }
}

/** The last `count` lines of a text, without trailing blank ones. @param {string} text @param {number} count */
export function tail(text, count) {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
