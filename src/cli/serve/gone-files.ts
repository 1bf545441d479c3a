/**
 * Documents of a served folder whose file is not there any more. Which documents came from the folder is noted in a file beside the
 * collection: what was dropped on the page, or sent to the API, has names like those of files and must stay.
 */
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Collection } from '../../collection/collection.js';
import { checkIngestOptions } from '../../ingest/options.js';
import { scan } from '../../ingest/scan.js';

/** The document was made from that file of the folder. Another hash under the same id is another document. */
interface Noted {
  id: string;
  file: string;
  hash: string;
}

export interface Gone {
  files: number;
  /** Ids of their documents. */
  documents: string[];
}

export class FolderNotes {
  readonly #folder: string;
  readonly #collection: Collection;
  /** Files that are in the folder now. */
  readonly #files: ReadonlySet<string>;
  readonly #before: readonly Noted[];

  private constructor(folder: string, collection: Collection, files: ReadonlySet<string>, before: readonly Noted[]) {
    this.#folder = folder;
    this.#collection = collection;
    this.#files = files;
    this.#before = before;
  }

  /** To be opened before the files are read: one that goes away meanwhile is then gone the next time. */
  static async open(folder: string, collection: Collection, signal: AbortSignal): Promise<FolderNotes> {
    const { files } = await scan([folder], checkIngestOptions({ root: folder, signal }));
    const before = parse(await readFile(pathIn(collection), 'utf8').catch(() => ''));
    return new FolderNotes(folder, collection, new Set(files.map(({ id }) => id)), before);
  }

  async gone(signal: AbortSignal): Promise<Gone> {
    const hashes = await this.#collection.backend.hashes(undefined, { signal });
    const files = new Map<string, boolean>();
    const documents: string[] = [];
    for (const { id, file, hash } of this.#before) {
      if (this.#files.has(file) || hashes.get(id) !== hash) continue;
      const isGone = files.get(file) ?? (await isAbsent(join(this.#folder, file)));
      files.set(file, isGone);
      if (isGone) documents.push(id);
    }
    return { files: [...files.values()].filter(Boolean).length, documents };
  }

  /** Notes what of the folder the collection holds, for the next time. */
  async save(signal: AbortSignal): Promise<void> {
    const hashes = await this.#collection.backend.hashes(undefined, { signal });
    const noted: Noted[] = [];
    for (const [id, hash] of hashes) {
      const file = fileOf(id, this.#files);
      if (file !== undefined) noted.push({ id, file, hash });
    }
    // What is kept although its file is gone may be removed another time.
    const kept = this.#before.filter(({ id, file, hash }) => !this.#files.has(file) && hashes.get(id) === hash);
    const path = pathIn(this.#collection);
    await writeFile(`${path}.tmp`, JSON.stringify({ documents: [...noted, ...kept] }));
    await rename(`${path}.tmp`, path);
  }
}

function pathIn(collection: Collection): string {
  return join(collection.folder, 'folder.json');
}

/** Nothing where the file is absent, damaged or another's: then nothing is removed, and the next save() makes it good. */
function parse(text: string): Noted[] {
  try {
    const { documents } = JSON.parse(text) as { documents: Noted[] };
    const isText = (value: unknown): boolean => typeof value === 'string';
    return documents.every(({ id, file, hash }) => [id, file, hash].every(isText)) ? documents : [];
  } catch {
    return [];
  }
}

/** A record's id is that of its file, `#`, and its own; either may have a `#` in it. */
function fileOf(id: string, files: ReadonlySet<string>): string | undefined {
  if (files.has(id)) return id;
  for (let at = id.indexOf('#'); at >= 0; at = id.indexOf('#', at + 1)) {
    if (files.has(id.slice(0, at))) return id.slice(0, at);
  }
  return undefined;
}

/** A file that cannot be looked at is not known to be gone. */
async function isAbsent(path: string): Promise<boolean> {
  try {
    await stat(path);
    return false;
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}
