/** Files into a collection: read, cut, embedded and written, and what came of each. */
import { checkCall } from '../../lib/calls.js';
import type { Embedder } from '../embed/embedder.js';
import { ingest } from '../ingest/ingest.js';
import type { Documents, IngestOptions } from '../ingest/types.js';
import type { Backend } from '../store/backend.js';
import { DocumentWriter } from './adding.js';
import type { AddFilesOptions, FileFailure, FilesAdded, FilesProgress } from './types.js';

/** Failures that are kept for the summary; the rest is only counted. */
const MOST_FAILURES = 1000;

/** Before anything was read. */
export const NOTHING_READ: Readonly<Omit<FilesAdded, 'failures' | 'seconds'>> = {
  files: 0,
  read: 0,
  unchanged: 0,
  failed: 0,
  documents: 0,
  chunks: 0,
  replaced: 0,
  removed: 0,
  bytes: 0,
};

/** Deletes the records of a file that were there before and are not any more. Documents of others that name it as their source stay. */
async function removeGone(backend: Backend, file: string, seen: ReadonlySet<string>): Promise<number> {
  // All that were seen are in the store by now. The common case, and much cheaper than their names.
  if ((await backend.count({ $source: file })).documents === seen.size) return 0;
  const gone: string[] = [];
  const isOurs = (id: string): boolean => id === file || id.startsWith(`${file}#`);
  for (let after: string | undefined; ;) {
    const page = await backend.list({ limit: 1000, filter: { $source: file }, ...(after !== undefined && { after }) });
    gone.push(...page.documents.map(({ id }) => id).filter((id) => isOurs(id) && !seen.has(id)));
    if (page.next === undefined) break;
    after = page.next;
  }
  return gone.length === 0 ? 0 : (await backend.delete(gone)).deleted;
}

/** Files that may hold records. A table without a text of its own is one document, and may have been many before. */
const TYPES_OF_RECORDS: readonly (string | undefined)[] = ['csv', 'jsonl'];

/**
 * Follows the records of a file with many of them through its batches. Which ones a file no longer has is known only when all of it
 * was read, and every record of it: what cannot be read may be what is missing.
 */
class Records {
  readonly #seen = new Map<string, Set<string>>();
  readonly #torn = new Set<string>();

  /** A record of the file cannot be read. */
  tear(file: string): void {
    this.#torn.add(file);
  }

  /** All records of the file, once its last batch is there; undefined while that cannot be told, and for other files. */
  note({ file, documents, unchangedIds, hash, last }: Documents): ReadonlySet<string> | undefined {
    const before = this.#seen.get(file);
    const [first] = documents;
    if (before === undefined && first?.id === file && !TYPES_OF_RECORDS.includes(first.type)) return undefined;
    const seen = before ?? new Set<string>();
    for (const { id } of documents) seen.add(id);
    // Those that are known were left out of the documents, but the file has them.
    for (const id of unchangedIds) seen.add(id);
    if (last) this.#seen.delete(file);
    else this.#seen.set(file, seen);
    return last && hash !== undefined && !this.#torn.has(file) ? seen : undefined;
  }
}

/**
 * Reads files, folders and globs into the collection. A file that cannot be read is reported and left out. What is interrupted goes on
 * in the next run: each document is there whole or not at all, and files that are there unchanged are not read again.
 */
export async function addFiles(
  backend: Backend,
  embedder: () => Embedder,
  paths: string | readonly string[],
  options: AddFilesOptions = {},
): Promise<FilesAdded> {
  const { force = false, onProgress, onFailure, ...rest } = options;
  const { signal } = rest;
  const call = signal === undefined ? {} : { signal };
  checkCall(call);
  const began = performance.now();
  const summary: FilesAdded = { ...NOTHING_READ, seconds: 0, failures: [] };
  const progress: FilesProgress = {
    done: 0,
    total: 0,
    files: { done: 0, total: 0 },
    documents: 0,
    chunks: 0,
    file: '',
  };
  const hashes = force ? new Map<string, string>() : await backend.hashes(undefined, call);
  const writer = new DocumentWriter(backend, embedder, call, (written) => {
    summary.documents += written.documents;
    summary.chunks += written.chunks;
    summary.replaced += written.replaced;
  });
  const records = new Records();
  const gone: [file: string, seen: ReadonlySet<string>][] = [];
  const fail = (failure: FileFailure): void => {
    if (summary.failures.length < MOST_FAILURES) summary.failures.push(failure);
    onFailure?.(failure);
  };
  const settings: IngestOptions = { ...rest, known: (id) => hashes.get(id) };
  try {
    for await (const event of ingest(paths, settings)) {
      if (event.kind === 'scanned') {
        progress.files.total = event.files;
        progress.total = event.bytes;
      } else if (event.kind === 'finished') {
        const { files, read, unchanged, failed, bytes } = event;
        Object.assign(summary, { files, read, unchanged, failed, bytes });
      } else {
        progress.file = event.file;
        progress.done += event.bytes;
        if (event.kind === 'failed') {
          records.tear(event.file);
          fail({ file: event.file, error: event.error, ...(event.line !== undefined && { line: event.line }) });
        } else if (event.kind === 'document') {
          for (const document of event.documents) {
            await writer.add(document);
            progress.documents++;
            progress.chunks += document.chunks.length;
          }
          const seen = records.note(event);
          if (seen !== undefined) gone.push([event.file, seen]);
        }
        const over = event.kind === 'document' ? event.last : event.kind === 'unchanged' || event.line === undefined;
        if (over) progress.files.done++;
        onProgress?.({ ...progress, files: { ...progress.files } });
      }
    }
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  for (const [file, seen] of gone) summary.removed += await removeGone(backend, file, seen);
  summary.seconds = (performance.now() - began) / 1000;
  return summary;
}
