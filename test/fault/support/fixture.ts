/** The frame of a fixture: runs it, prints what it found as one line of JSON, and lets Node end by itself. */
import { writeSync } from 'node:fs';

import { QuiverError } from '../../../lib/index.js';

export async function fixture(body: (args: string[]) => Promise<unknown>): Promise<void> {
  try {
    const found = await body(process.argv.slice(2));
    writeSync(1, `${JSON.stringify(found)}\n`);
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
}

/** The code that a call fails with; 'none' when it succeeds, and what it threw when that is not a QuiverError. */
export async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return 'none';
  } catch (error) {
    if (error instanceof QuiverError) return error.code;
    return `foreign: ${String(error)}`;
  }
}
