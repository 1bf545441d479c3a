import { Option, type Command } from 'commander';
import type { SearchMode } from '../../store/backend.js';
import type { Filter as MetadataFilter } from '../../store/filter.js';
import { integer, number } from '../arguments.js';
import { metadataFilter } from '../collection/filter.js';
import type { Context } from '../context.js';

export interface SearchCommandOptions {
  k?: number;
  mode?: SearchMode;
  filter?: MetadataFilter;
  weight?: number;
  fusion?: 'score' | 'rrf';
  minScore?: number;
  minCosine?: number;
  perDocument?: number;
  mmr?: number;
  exact?: boolean;
}

/** What `search` and `ask` have in common. */
export function addSearchOptions(command: Command): Command {
  return command
    .option('-k <n>', 'passages wanted', integer('-k', 1, 1000))
    .addOption(
      new Option('--mode <mode>', 'by words and meaning, or one of them').choices(['hybrid', 'vector', 'keyword']),
    )
    .option('--filter <json>', 'only these documents: \'{"$type": "pdf", "year": {"$gte": 2020}}\'', metadataFilter)
    .option(
      '--weight <w>',
      'hybrid: weight of the meaning, 0 to 1 (default: as measured for the model)',
      number('--weight', 0, 1),
    )
    .addOption(new Option('--fusion <how>', 'hybrid: how the two parts are joined').choices(['score', 'rrf']))
    .option('--min-score <s>', 'leave out what scores lower', number('--min-score'))
    .option('--min-cosine <c>', 'leave out what means something else, -1 to 1', number('--min-cosine', -1, 1))
    .option('--per-document <n>', 'at most so many passages of a document', integer('--per-document'))
    .option(
      '--mmr <lambda>',
      'prefer passages unlike those before: 1 is relevance alone, 0 difference',
      number('--mmr', 0, 1),
    )
    .option('--exact', 'compare with every vector');
}

export function registerSearch(parent: Command, context: Context): void {
  addSearchOptions(
    parent
      .command('search')
      .description('find the passages of a collection that fit best')
      .argument('<collection>', 'a name, or the path of a folder')
      .argument('<query>', 'words or a question'),
  ).action(async (collection: string, query: string, options: SearchCommandOptions) => {
    const { searchCollection } = await import('../collection/search.js');
    await searchCollection(context, collection, query, options);
  });
}
