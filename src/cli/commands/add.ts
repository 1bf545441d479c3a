import type { Command } from 'commander';
import { integer } from '../arguments.js';
import type { Context } from '../context.js';

export interface AddCommandOptions {
  model?: string;
  cache: boolean;
  include?: string[];
  exclude?: string[];
  hidden?: boolean;
  followLinks?: boolean;
  force?: boolean;
  root?: string;
  encoding?: string;
  chunkSize?: number;
  chunkOverlap?: number;
  concurrency?: number;
}

export function registerAdd(parent: Command, context: Context): void {
  parent
    .command('add')
    .description('read files into a collection: PDF, HTML, Markdown, text, DOCX, CSV, JSONL')
    .argument('<collection>', 'a name, or the path of a folder; made when it is new')
    .argument('<paths...>', 'files, folders or globs')
    .option('-m, --model <model>', 'for a new collection: a model by name or folder, or openai:<model>')
    .option('--no-cache', 'embed all texts, also those that ONNX models and services have embedded before')
    .option('--include <globs...>', 'which files of folders are read (default: all known types)')
    .option('--exclude <globs...>', 'what is left out (default: **/node_modules/**)')
    .option('--hidden', 'files whose name begins with a dot, too')
    .option('--follow-links', 'follow symbolic links inside folders')
    .option('--force', 'read files again that have not changed')
    .option('--root <folder>', 'ids are paths relative to it (default: the current folder)')
    .option('--encoding <name>', 'encoding of text files (default: found out)')
    .option('--chunk-size <n>', 'characters of a chunk (default: 1000)', integer('--chunk-size', 50, 100_000))
    .option(
      '--chunk-overlap <n>',
      'characters that chunks repeat (default: 200)',
      integer('--chunk-overlap', 0, 50_000),
    )
    .option('--concurrency <n>', 'files read at a time (default: the cores, up to 8)', integer('--concurrency', 1, 64))
    .action(async (collection: string, paths: string[], options: AddCommandOptions) => {
      const { addToCollection } = await import('../collection/add.js');
      await addToCollection(context, collection, paths, options);
    });
}
