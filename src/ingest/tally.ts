/** Counts what the events of a run tell. */
import type { Finished, IngestEvent } from './types.js';

export interface Tally {
  /** Counts the event and gives it back. */
  count: (event: IngestEvent) => IngestEvent;
  finish: (seconds: number) => Finished;
}

export function createTally(files: number): Tally {
  const sum: Finished = {
    kind: 'finished',
    files,
    read: 0,
    unchanged: 0,
    failed: 0,
    documents: 0,
    chunks: 0,
    records: { unchanged: 0, failed: 0 },
    bytes: 0,
    seconds: 0,
  };
  return {
    count(event) {
      if (event.kind === 'document') {
        if (event.last) sum.read++;
        sum.documents += event.documents.length;
        sum.chunks += event.documents.reduce((chunks, document) => chunks + document.chunks.length, 0);
        sum.records.unchanged += event.unchanged;
      } else if (event.kind === 'unchanged') sum.unchanged++;
      else if (event.kind === 'failed') {
        if (event.line === undefined) sum.failed++;
        else sum.records.failed++;
      }
      if ('bytes' in event) sum.bytes += event.bytes;
      return event;
    },
    finish: (seconds) => ({ ...sum, seconds }),
  };
}
