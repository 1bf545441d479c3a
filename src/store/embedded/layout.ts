/** The files of a store. Whoever needs a name takes it from here. */
import { join } from 'node:path';

export const DATABASE = 'collection.db';
const SNAPSHOT = /^index-(\d+)\.quiver$/;

export function databasePath(folder: string): string {
  return join(folder, DATABASE);
}

/** Held by SQLite's own lock while a writer lives; nothing is ever written to it. */
export function lockPath(folder: string): string {
  return join(folder, 'writer.lock');
}

/** Says who holds the lock. For people: the lock itself is what counts. */
export function holderPath(folder: string): string {
  return join(folder, 'writer.json');
}

export function snapshotName(generation: number): string {
  return `index-${String(generation)}.quiver`;
}

/** Whether a file is a snapshot, or what an interrupted save left of one. */
export function isSnapshotFile(name: string): boolean {
  return SNAPSHOT.test(name) || /^\.index-\d+\.quiver\..*\.tmp$/.test(name);
}
