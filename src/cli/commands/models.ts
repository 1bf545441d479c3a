import { Option, type Command } from 'commander';
import { integer } from '../arguments.js';
import type { Context } from '../context.js';
import type { FitCommandOptions } from '../models/change.js';

const device = (): Option =>
  new Option('--device <device>', 'for models in ONNX format').choices(['cpu', 'cuda']).default('cpu');

export function registerModels(parent: Command, context: Context): void {
  const models = parent.command('models').description('the models that turn text into vectors');
  models
    .command('list')
    .description('the models that are known, and those on this machine')
    .action(async () => (await import('../models/list.js')).listModelsCommand(context));
  models
    .command('pull')
    .description('fetch a known model; one that broke off goes on where it was')
    .argument('<model>', 'its name, or a short one such as minilm')
    .option('--hub <url>', 'a mirror of the model hub (default: $QUIVER_HUB, else the public one)')
    .action(async (name: string, options: { hub?: string }) =>
      (await import('../models/pull.js')).pullModelCommand(context, name, options),
    );
  models
    .command('add')
    .description('take in a model from a folder, so that it has a name')
    .argument('<folder>', 'a sentence-transformers folder with ONNX weights, or a static model of quiver')
    .option('--name <name>', "what it is called (default: the folder's name)")
    .action(async (folder: string, options: { name?: string }) =>
      (await import('../models/add.js')).addModelCommand(context, folder, options),
    );
  models
    .command('check')
    .description('is a model whole, and does it give the vectors that it should')
    .argument('<model>', 'a name or a folder')
    .action(async (name: string) => (await import('../models/check.js')).checkModelCommand(context, name));
  models
    .command('bench')
    .description('compare models: dimensions, speed, quality, memory')
    .argument('[models...]', 'names or folders (default: all on this machine)')
    .option('--data <folder>', 'with stsb/, scifact/ and cranfield/, for the quality')
    .action(async (names: string[], options: { data?: string }) =>
      (await import('../models/bench.js')).benchModels(context, names, options),
    );
  models
    .command('use')
    .description('embed a collection anew with another model')
    .argument('<collection>', 'a name, or the path of a folder')
    .argument('<model>', 'a name, a folder, or openai:<model>')
    .addOption(device())
    .action(async (collection: string, model: string, options: { device?: 'cpu' | 'cuda' }) =>
      (await import('../models/change.js')).useModel(context, collection, model, options),
    );
  models
    .command('fit')
    .description("fit the small model to a collection's own texts, with a large one as its teacher")
    .argument('<collection>', 'a name, or the path of a folder')
    .requiredOption('-t, --teacher <model>', 'the large model: a name or a folder')
    .option('--texts <n>', 'chunks to learn from at most (default: 20000)', integer('--texts', 100, 1_000_000))
    .addOption(device())
    .action(async (collection: string, options: FitCommandOptions) =>
      (await import('../models/change.js')).fitCollectionModel(context, collection, options),
    );
}
