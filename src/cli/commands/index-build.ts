import type { Command } from 'commander';
import { addKindOptions, threads } from '../arguments.js';
import type { KindOptions } from '../arguments.js';
import type { Context } from '../context.js';

export interface BuildOptions extends KindOptions {
  output: string;
  ids?: string;
  threads?: number;
}

export function registerIndexBuild(parent: Command, context: Context): void {
  const command = parent
    .command('build')
    .description('build an index from files of vectors, read in pieces: they may be larger than memory')
    .argument('<input...>', 'files or globs: .npy .fvecs .bvecs .ivecs .jsonl idx, gzipped or not')
    .requiredOption('-o, --output <file>', 'the index file to write, such as base.quiver')
    .option('--ids <file>', 'an id for each vector: .npy of integers, or text with one a line');
  addKindOptions(command)
    .option('--threads <n>', 'threads to use (default: all cores)', threads)
    .action(async (inputs: string[], options: BuildOptions) => {
      const { buildIndex } = await import('../index/build.js');
      await buildIndex(context, inputs, options);
    });
}
