import type { Command } from 'commander';
import type { Context } from '../context.js';

export interface ExportCommandOptions {
  output: string;
}

export function registerIndexExport(parent: Command, context: Context): void {
  parent
    .command('export')
    .description('write a plain FAISS file, which faiss.read_index opens')
    .argument('<index>', 'an index file of quiver')
    .requiredOption('-o, --output <file>', 'the FAISS file to write, such as base.faiss')
    .action(async (path: string, options: ExportCommandOptions) => {
      const { exportIndex } = await import('../index/convert.js');
      await exportIndex(context, path, options);
    });
}
