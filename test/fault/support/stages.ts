/** Where in its life a process is, and in which way it ends there: what the exit test goes through. */

/** Ended while one of these runs, started again and again until then. */
export const BUSY_STAGES = [
  ...['search', 'flat search', 'searchSync', 'add', 'addFrom', 'train', 'train a rotation'],
  ...['save', 'rebuild', 'open', 'import'],
] as const;
export type BusyStage = (typeof BUSY_STAGES)[number];

export const STAGES = ['before load', 'idle', ...BUSY_STAGES, 'worker', 'closing', 'closed'] as const;
export type Stage = (typeof STAGES)[number];

export const EXIT_CODE = 7;

/** The ways to end, and how that looks from outside. */
export const WAYS = {
  'process.exit': `code ${String(EXIT_CODE)}`,
  'uncaught exception': 'code 1',
  'unhandled rejection': 'code 1',
  'end of the loop': 'code 0',
  // Nobody handles it: the kernel ends the process, and nothing else may do so first.
  SIGTERM: 'signal SIGTERM',
  'SIGTERM with a handler': `code ${String(EXIT_CODE)}`,
} as const;
export type Way = keyof typeof WAYS;

/** In the snapshot that the process starts with. It may overwrite it with larger ones. */
export const SNAPSHOT_ROWS = 1_500;
