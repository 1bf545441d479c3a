import type { Command } from 'commander';
import type { Filter as MetadataFilter } from '../../store/filter.js';
import { integer } from '../arguments.js';
import { metadataFilter } from '../collection/filter.js';
import type { Context } from '../context.js';

export interface ListCommandOptions {
  limit: number;
  after?: string;
  filter?: MetadataFilter;
}

export function registerList(parent: Command, context: Context): void {
  parent
    .command('list')
    .description('the documents of a collection; without one, the collections')
    .argument('[collection]', 'a name, or the path of a folder')
    .option('-n, --limit <n>', 'documents shown', integer('--limit', 1, 10_000), 100)
    .option('--after <id>', 'begin after this document')
    .option('--filter <json>', 'only these documents: \'{"$type": "pdf"}\'', metadataFilter)
    .action(async (collection: string | undefined, options: ListCommandOptions) => {
      const { listCollections, listDocuments } = await import('../collection/list.js');
      await (collection === undefined ? listCollections(context) : listDocuments(context, collection, options));
    });
}
