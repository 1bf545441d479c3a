import type { Command } from 'commander';
import type { Context } from '../context.js';

export interface ReportCommandOptions {
  key?: string;
}

export function registerReport(parent: Command, context: Context): void {
  parent
    .command('report')
    .description('how a running server does: health, service levels, times, and what to change')
    .argument('[url]', 'where it is', 'http://127.0.0.1:7700')
    .option('--key <key>', 'its API key (default: QUIVER_API_KEY)')
    .action(async (url: string, options: ReportCommandOptions) => {
      const { reportServer } = await import('../serve/report.js');
      await reportServer(context, url, options);
    });
}
