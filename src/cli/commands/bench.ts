import type { Command } from 'commander';
import type { Metric } from '../../../lib/types.js';
import { integer, metric, threads } from '../arguments.js';
import type { Context } from '../context.js';

export interface BenchOptions {
  data: string;
  queries?: string;
  types: string;
  metric?: Metric;
  threads?: number;
  limit?: number;
  output?: string;
  guide?: boolean;
  documents: number;
  files?: string[];
  model?: string;
}

export function registerBench(parent: Command, context: Context): void {
  parent
    .command('bench')
    .description('build time, recall, latency, throughput and event-loop delay on real vectors')
    .option('--data <name or file>', 'fashion-mnist (fetched when absent), or a file of base vectors', 'fashion-mnist')
    .option('--queries <file>', 'a file of queries (default: the test images, or the base vectors)')
    .option(
      '--types <a,b,c>',
      'kinds of index, also factory strings (commas in them: separate kinds by ";")',
      'flat,hnsw,ivf,auto',
    )
    .option('--metric <metric>', 'l2 (default), ip or cosine', metric)
    .option('--limit <n>', 'only the first base vectors', integer('--limit'))
    .option('--threads <n>', 'threads to use (default: all cores)', threads)
    .option('-o, --output <file>', 'also write the result there as JSON')
    .option('--guide', "instead: the performance guide's targets beside what this machine does")
    .option('--documents <n>', 'with --guide: documents to measure with', integer('--documents', 20, 100_000), 400)
    .option('--files <paths...>', 'with --guide: whose documents (default: those below node_modules)')
    .option('-m, --model <model>', 'with --guide: the model that embeds')
    .action(async (options: BenchOptions) => {
      if (options.guide === true) {
        const { benchGuide } = await import('../bench/guide.js');
        await benchGuide(context, options);
        return;
      }
      const { runBench } = await import('../bench/run.js');
      await runBench(context, options);
    });
}
