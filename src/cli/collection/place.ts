/** Where the collection that a person names lies: a path is itself, a bare name is one of the collections' home. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { variable } from '../environment.js';

const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u;
const DATABASE = 'collection.db';

/** `$QUIVER_HOME/collections`; the home is by default `faiss-quiver` in `$XDG_DATA_HOME` or in `~/.local/share`. */
export function collectionsHome(): string {
  const data = variable('XDG_DATA_HOME') ?? join(homedir(), '.local', 'share');
  return join(variable('QUIVER_HOME') ?? join(data, 'faiss-quiver'), 'collections');
}

export function folderOf(name: string): string {
  // A collection in the working folder is meant by its name, too.
  const bare = NAME.test(name) && !isCollection(name);
  return bare ? join(collectionsHome(), name) : resolve(name);
}

export function isCollection(folder: string): boolean {
  return existsSync(join(folder, DATABASE));
}

/** The names of the collections at home. */
export async function namedCollections(): Promise<string[]> {
  const home = collectionsHome();
  if (!existsSync(home)) return [];
  return (await readdir(home)).filter((name) => isCollection(join(home, name))).sort();
}
