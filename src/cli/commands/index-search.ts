import type { Command } from 'commander';
import { integer, MAX_K, threads } from '../arguments.js';
import type { Context } from '../context.js';

export interface SearchCommandOptions {
  queries: string;
  k: number;
  efSearch?: number;
  nprobe?: number;
  exact?: boolean;
  filterIds?: string;
  filterRange?: string;
  limit?: number;
  mmap?: boolean;
  threads?: number;
  output?: string;
}

export function registerIndexSearch(parent: Command, context: Context): void {
  parent
    .command('search')
    .description('find the nearest neighbours of each query')
    .argument('<index>', 'an index file of quiver')
    .requiredOption('-q, --queries <file>', 'file or glob of query vectors')
    .option('-k <n>', 'neighbours a query', integer('-k', 1, MAX_K), 10)
    .option('--ef-search <n>', 'hnsw: candidates kept', integer('--ef-search'))
    .option('--nprobe <n>', 'ivf: lists visited', integer('--nprobe'))
    .option('--exact', 'compare with every vector')
    .option('--filter-ids <a,b,c>', 'only these ids')
    .option('--filter-range <from:to>', 'only ids from `from` up to, not including, `to`')
    .option('--limit <n>', 'only the first queries of the file', integer('--limit'))
    .option('--mmap', 'map the index file instead of reading it')
    .option('--threads <n>', 'threads to use (default: all cores)', threads)
    .option('-o, --output <file>', 'write the ids there instead: .npy, .ivecs or .jsonl, one row a query')
    .action(async (path: string, options: SearchCommandOptions) => {
      const { searchIndex } = await import('../index/search.js');
      await searchIndex(context, path, options);
    });
}
