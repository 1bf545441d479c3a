import type { Command } from 'commander';
import type { Filter as MetadataFilter } from '../../store/filter.js';
import { metadataFilter } from '../collection/filter.js';
import type { Context } from '../context.js';

export interface ExportCommandOptions {
  output?: string;
  filter?: MetadataFilter;
  chunks?: boolean;
}

export function registerExport(parent: Command, context: Context): void {
  parent
    .command('export')
    .description('write the documents of a collection as JSON, one a line')
    .argument('<collection>', 'a name, or the path of a folder')
    .option('-o, --output <file>', 'write there instead of to stdout')
    .option('--filter <json>', 'only these documents: \'{"$type": "pdf"}\'', metadataFilter)
    .option('--chunks', 'with their chunks')
    .action(async (collection: string, options: ExportCommandOptions) => {
      const { exportCollection } = await import('../collection/export.js');
      await exportCollection(context, collection, options);
    });
}
