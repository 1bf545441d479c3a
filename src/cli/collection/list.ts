/** `quiver list`: the documents of a collection, or the collections. */
import type { ListCommandOptions } from '../commands/list.js';
import type { Context } from '../context.js';
import { bytes, count, table } from '../format.js';
import { READING, withCollection } from './open.js';
import { collectionsHome, namedCollections } from './place.js';

export async function listDocuments(context: Context, name: string, options: ListCommandOptions): Promise<void> {
  const { output, signal } = context;
  const { limit, after, filter } = options;
  await withCollection(context, name, READING, async (collection) => {
    const page = await collection.list({
      limit,
      ...(after !== undefined && { after }),
      ...(filter !== undefined && { filter }),
      signal,
    });
    const total = await collection.count(filter, { signal });
    const rows = page.documents.map(({ id, title, type, chunks }) => [id, title ?? '', type ?? '', count(chunks)]);
    const text = await table(['id', 'title', 'type', 'chunks'], ['left', 'left', 'left', 'right'], rows);
    output.result({ collection: name, ...total, page: page.documents, ...(page.next && { next: page.next }) }, () =>
      rows.length === 0 ? 'There are no documents.' : text,
    );
    if (page.next === undefined) return;
    output.note(output.dim(`${count(rows.length)} of ${count(total.documents)}; more: --after '${page.next}'`));
  });
}

export async function listCollections(context: Context): Promise<void> {
  const { output } = context;
  const collections: Record<string, unknown>[] = [];
  const rows: string[][] = [];
  for (const name of await namedCollections()) {
    const {
      documents,
      chunks,
      model,
      bytes: size,
    } = await withCollection(context, name, READING, (collection) => collection.stats());
    const total = size.database + size.log + size.snapshot;
    collections.push({ name, documents, chunks, model: model.name, bytes: total });
    rows.push([name, count(documents), count(chunks), model.name, bytes(total)]);
  }
  const head = ['collection', 'documents', 'chunks', 'model', 'size'];
  const text = await table(head, ['left', 'right', 'right', 'left', 'right'], rows);
  output.result({ home: collectionsHome(), collections }, () =>
    rows.length === 0 ? 'There are no collections yet. Make one: quiver add <collection> <files or folders>' : text,
  );
}
