import type { Command } from 'commander';
import type { IdType, Metric } from '../../../lib/types.js';
import { idType, metric } from '../arguments.js';
import type { Context } from '../context.js';

export interface ImportCommandOptions {
  output: string;
  metric?: Metric;
  idType?: IdType;
  trusted?: boolean;
}

export function registerIndexImport(parent: Command, context: Context): void {
  parent
    .command('import')
    .description('make an index file of quiver from a plain FAISS file')
    .argument('<faiss-file>', 'written by faiss.write_index or by `quiver index export`')
    .requiredOption('-o, --output <file>', 'the index file to write, such as base.quiver')
    .option('--metric <metric>', 'cosine, for inner-product files of unit vectors', metric)
    .option('--id-type <type>', 'number (up to 2^53) or bigint (up to 2^63)', idType)
    .option('--trusted', 'skip the throw-away process that loads the file first: only for files of your own')
    .action(async (path: string, options: ImportCommandOptions) => {
      const { importIndex } = await import('../index/convert.js');
      await importIndex(context, path, options);
    });
}
