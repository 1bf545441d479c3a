import type { Command } from 'commander';
import type { Context } from '../context.js';

export interface InfoCommandOptions {
  verify?: boolean;
}

export function registerInfo(parent: Command, context: Context): void {
  parent
    .command('info')
    .description('what a collection holds, and in which state it is')
    .argument('<collection>', 'a name, or the path of a folder')
    .option('--verify', 'read everything and check it against its sums')
    .action(async (collection: string, options: InfoCommandOptions) => {
      const { collectionInfo } = await import('../collection/info.js');
      await collectionInfo(context, collection, options);
    });
}
