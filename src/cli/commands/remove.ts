import type { Command } from 'commander';
import type { Filter as MetadataFilter } from '../../store/filter.js';
import { metadataFilter } from '../collection/filter.js';
import type { Context } from '../context.js';

export interface RemoveCommandOptions {
  filter?: MetadataFilter;
}

export function registerRemove(parent: Command, context: Context): void {
  parent
    .command('remove')
    .description('take documents out of a collection')
    .argument('<collection>', 'a name, or the path of a folder')
    .argument('[ids...]', 'ids of documents, or the files that they came from')
    .option('--filter <json>', 'all of these documents: \'{"$type": "pdf"}\'', metadataFilter)
    .action(async (collection: string, ids: string[], options: RemoveCommandOptions) => {
      const { removeDocuments } = await import('../collection/remove.js');
      await removeDocuments(context, collection, ids, options);
    });
}
