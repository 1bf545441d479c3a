import type { Command } from 'commander';
import { integer, number } from '../arguments.js';
import type { Context } from '../context.js';
import { addSearchOptions, type SearchCommandOptions } from './search.js';

export interface AskCommandOptions extends SearchCommandOptions {
  sentences?: number;
  threshold?: number;
}

export function registerAsk(parent: Command, context: Context): void {
  addSearchOptions(
    parent
      .command('ask')
      .description('answer a question with sentences of the documents, and say where they stand')
      .argument('<collection>', 'a name, or the path of a folder')
      .argument('<question>'),
  )
    .option('--sentences <n>', 'sentences of the answer at most (default: 3)', integer('--sentences', 1, 20))
    .option('--threshold <t>', 'how well the best sentence must fit, 0 to 1', number('--threshold', 0, 1))
    .action(async (collection: string, question: string, options: AskCommandOptions) => {
      const { askCollection } = await import('../collection/ask.js');
      await askCollection(context, collection, question, options);
    });
}
