/** What a worker_thread is told that will be terminated in the middle of its work. */

export const WORKS = ['searchSync', 'search', 'add', 'addFrom', 'train', 'save', 'open', 'rebuild', 'create'] as const;
export type Work = (typeof WORKS)[number];

export interface VictimData {
  work: Work;
  /** Of the main thread's index; without it the victim works on one of its own. */
  token?: string;
  /** Holds the snapshot `main` to open. */
  folder: string;
  start: number;
}

/** Ids below are the main thread's, and stay as they are; victims take the next VICTIM_ROWS. */
export const VICTIM_IDS = 100_000;
export const VICTIM_ROWS = 2_000;
