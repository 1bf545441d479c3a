import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

interface Skippable {
  skipReason?: string;
  type?: string;
  parent?: Skippable;
}

/**
 * Skips the running test, or from a `before` hook the whole suite, and says why in one line.
 * `npm test` counts a test that is skipped in any other way as failed.
 */
export function skip(context: Mocha.Context, reason: string): never {
  const running = context.runnable() as unknown as Skippable;
  running.skipReason = reason;
  // What a hook skips is reported test by test, so the reason has to lie where all of them see it.
  if (running.type === 'hook' && running.parent !== undefined) running.parent.skipReason = reason;
  return context.skip();
}

/** The folder of shared data and models: `QUIVER_SHARED`, else `../shared` beside the checkout. */
export function sharedFolder(): string {
  return resolve(process.env.QUIVER_SHARED ?? '../shared');
}

/** A path below the shared folder; skips the test, with the reason, when it is not there. */
export function needShared(context: Mocha.Context, ...parts: string[]): string {
  const path = join(sharedFolder(), ...parts);
  if (!existsSync(path)) skip(context, `${join(...parts)} not found in QUIVER_SHARED (${sharedFolder()})`);
  return path;
}
