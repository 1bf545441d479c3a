/** Opens the collection of a command, and closes it whatever happens. */
import { QuiverError } from '../../../lib/errors.js';
import type { Collection } from '../../collection/collection.js';
import type { CollectionOptions } from '../../collection/types.js';
import type { Context } from '../context.js';
import { folderOf, isCollection, namedCollections } from './place.js';

export type Access = Pick<CollectionOptions, 'cache' | 'create' | 'readOnly' | 'model' | 'verify'>;

export async function withCollection<T>(
  { output, signal }: Context,
  name: string,
  access: Access,
  work: (collection: Collection) => Promise<T>,
): Promise<T> {
  const folder = folderOf(name);
  const makes = access.readOnly !== true && access.create !== false;
  if (!makes && !isCollection(folder)) throw await absent(name, folder);
  const { Collection } = await import('../../collection/collection.js');
  const collection = await Collection.open(folder, {
    ...access,
    signal,
    onWarning: (message) => output.note(`quiver: ${message}`),
  });
  try {
    return await work(collection);
  } finally {
    await collection.close();
  }
}

async function absent(name: string, folder: string): Promise<QuiverError> {
  const names = await namedCollections();
  const others = names.length === 0 ? '' : ` There is ${names.join(', ')}.`;
  return new QuiverError(
    'E_NOT_FOUND',
    `There is no collection ${name} (${folder}).${others} Make one: quiver add ${name} <files or folders>`,
    { expected: 'a collection', actual: 'none' },
  );
}

/** For commands that only look: they work beside a program that writes. */
export const READING: Access = { readOnly: true };
/** For commands that change what is there. */
export const CHANGING: Access = { create: false };
