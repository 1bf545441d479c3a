/** Documents on their way from the caller to the lane, in steps that neither block the event loop nor fill the memory of a message. */
import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { aborted, checkCall } from '../../../lib/calls.js';
import { QuiverError, wrongArgument } from '../../../lib/errors.js';
import type { Entry, PutOptions, PutResult } from '../backend.js';
import { prepareEntry, type PreparedDocument } from '../entry.js';
import { staleVectors } from '../errors.js';
import type { Changed, Lane } from './lane.js';
import type { Live } from './live.js';

/** One message to the writer: copying it takes about a millisecond. */
const MESSAGE_BYTES = 1 << 20;

interface Group {
  documents: PreparedDocument[];
  bytes: number;
}

/** Two bytes a character, to be safe, and four a number. */
function bytesOf({ text, metadata, vectors }: PreparedDocument): number {
  return text.length * 2 + metadata.length * 2 + vectors.byteLength + 1_024;
}

export async function putEntries(
  lane: Lane,
  live: Live,
  entries: readonly Entry[],
  options: PutOptions,
): Promise<PutResult> {
  if (!Array.isArray(entries)) throw wrongArgument('entries', 'an array of { document, vectors }', entries);
  checkCall(options);
  const { onProgress, fingerprint } = options;
  const signal = options.signal && manyListeners(options.signal);
  const { model } = live.state;
  if (fingerprint !== undefined && fingerprint !== model.fingerprint) {
    throw staleVectors('put', model.fingerprint, fingerprint);
  }
  const groups = await prepare(entries, model.dim, signal);
  if (live.state.model.number !== model.number) {
    throw staleVectors('put', live.state.model.fingerprint, model.fingerprint);
  }
  const result: PutResult = { documents: 0, chunks: 0, replaced: 0, generation: live.generation };
  const failures: unknown[] = [];
  await Promise.all(
    groups.map(async ({ documents, bytes }) => {
      try {
        const count = documents.reduce((sum, { chunks }) => sum + chunks.length, 0);
        const changed: Changed = await lane.write({ put: documents, model: model.number }, bytes, signal);
        result.documents += documents.length;
        result.chunks += count;
        result.replaced += changed.removed;
        result.generation = Math.max(result.generation, changed.generation);
        onProgress?.({ phase: 'put', done: result.documents, total: entries.length });
      } catch (error) {
        failures.push(error);
      }
    }),
  );
  if (failures.length > 0) throw withCount(failures[0], result.documents, entries.length);
  return result;
}

/** The same signal for many waiting groups, without a warning of Node's about the caller's. */
function manyListeners(signal: AbortSignal): AbortSignal {
  const own = AbortSignal.any([signal]);
  setMaxListeners(0, own);
  return own;
}

/** Checks everything before anything is stored. */
async function prepare(entries: readonly Entry[], dim: number, signal: AbortSignal | undefined): Promise<Group[]> {
  const groups: Group[] = [];
  let group: Group = { documents: [], bytes: 0 };
  let bytes = 0;
  for (const [i, entry] of entries.entries()) {
    const document = prepareEntry(`entries[${String(i)}]`, entry, dim);
    const size = bytesOf(document);
    if (group.documents.length > 0 && group.bytes + size > MESSAGE_BYTES) {
      groups.push(group);
      group = { documents: [], bytes: 0 };
    }
    group.documents.push(document);
    group.bytes += size;
    bytes += size;
    if (bytes > MESSAGE_BYTES) {
      bytes = 0;
      await nextTurn();
      if (signal?.aborted === true) throw aborted(signal);
    }
  }
  if (group.documents.length > 0) groups.push(group);
  return groups;
}

/** Says what of a large call is stored although it failed. */
function withCount(error: unknown, stored: number, total: number): unknown {
  if (!(error instanceof QuiverError) || total === 1) return error;
  const { code, message, expected, actual, cause } = error;
  return new QuiverError(code, `${message} (${String(stored)} of ${String(total)} documents are stored.)`, {
    ...(expected !== undefined && { expected }),
    ...(actual !== undefined && { actual }),
    cause,
  });
}
