import type { Command } from 'commander';
import { integer, number } from '../arguments.js';
import type { Context } from '../context.js';

export interface PlanOptions {
  documents: number;
  qps: number;
  peak: number;
  measured?: boolean;
  sample?: number;
  collection?: string;
  files?: string[];
  model?: string;
  type?: string;
}

export function registerPlan(parent: Command, context: Context): void {
  parent
    .command('plan')
    .description('storage, memory, cores, shards and cost for so many documents and queries')
    .requiredOption('--documents <n>', 'documents to plan for', integer('--documents', 1, 1e12))
    .requiredOption('--qps <n>', 'queries a second, on average', number('--qps', 0, 1e9))
    .option('--peak <x>', 'the busiest moment, as a multiple of the average', number('--peak', 1, 1000), 3)
    .option('--measured', 'also measure a sample of real documents on this machine, and predict from that')
    .option('--sample <n>', 'documents to measure with (default: 400)', integer('--sample', 20, 100_000))
    .option('--collection <name>', 'measure with documents and model of this collection')
    .option('--files <paths...>', 'measure with these files, folders or globs (default: READMEs of node_modules)')
    .option('-m, --model <model>', 'measure with this model, by name or folder')
    .option('--type <type>', 'measure with this kind of index: auto (default), flat, hnsw')
    .action(async (options: PlanOptions) => {
      const { plan } = await import('../plan/run.js');
      await plan(context, options);
    });
}
