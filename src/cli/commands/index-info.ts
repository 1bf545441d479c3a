import type { Command } from 'commander';
import type { Context } from '../context.js';

export interface InfoOptions {
  verify?: boolean;
}

export function registerIndexInfo(parent: Command, context: Context): void {
  parent
    .command('info')
    .description('what is in an index file')
    .argument('<index>', 'an index file of quiver')
    .option('--verify', 'check every byte against the checksums')
    .action(async (path: string, options: InfoOptions) => {
      const { indexInfo } = await import('../index/convert.js');
      await indexInfo(context, path, options);
    });
}
