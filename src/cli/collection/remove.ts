/** `quiver remove`: documents out of a collection, by id, by the file they came from, or by a filter. */
import type { Collection } from '../../collection/collection.js';
import type { Filter as MetadataFilter } from '../../store/filter.js';
import { QuiverError } from '../../../lib/errors.js';
import type { RemoveCommandOptions } from '../commands/remove.js';
import type { Context } from '../context.js';
import { count, plural } from '../format.js';
import { UsageError } from '../usage.js';
import { CHANGING, withCollection } from './open.js';

async function idsWith(collection: Collection, filter: MetadataFilter, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await collection.list({ limit: 10_000, filter, signal, ...(after !== undefined && { after }) });
    ids.push(...page.documents.map(({ id }) => id));
    if (page.next === undefined) return ids;
    after = page.next;
  }
}

export async function removeDocuments(
  context: Context,
  name: string,
  wanted: readonly string[],
  { filter }: RemoveCommandOptions,
): Promise<void> {
  const { output, signal } = context;
  if (wanted.length === 0 && filter === undefined) {
    const expected = 'ids, files, or a --filter';
    throw new UsageError(`Which documents? Expected ${expected}.`, expected, 'nothing');
  }
  await withCollection(context, name, CHANGING, async (collection) => {
    const ids = new Set(filter === undefined ? [] : await idsWith(collection, filter, signal));
    const missing: string[] = [];
    for (const one of wanted) {
      // A file with many records is several documents, whose source it is.
      const found = await idsWith(collection, { $or: [{ $id: one }, { $source: one }] }, signal);
      if (found.length === 0) missing.push(one);
      for (const id of found) ids.add(id);
    }
    if (missing.length > 0) {
      throw new QuiverError(
        'E_NOT_FOUND',
        `${name} has no document ${missing.map((one) => `'${one}'`).join(', ')}; nothing was removed. See: quiver list ${name}`,
        { expected: 'ids or sources of documents', actual: missing.join(', ') },
      );
    }
    const removed = await collection.delete([...ids], { signal });
    const { documents, chunks } = await collection.count();
    output.result(
      { collection: name, removed, holds: { documents, chunks } },
      () => `${plural(removed, 'document')} removed; ${name} holds ${count(documents)}.`,
    );
  });
}
