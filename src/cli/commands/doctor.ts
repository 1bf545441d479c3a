import type { Command } from 'commander';
import type { Context } from '../context.js';

export function registerDoctor(parent: Command, context: Context): void {
  parent
    .command('doctor')
    .description('what this machine has, what quiver uses of it, what is missing and how to get it')
    .action(async () => {
      const { runDoctor } = await import('../doctor/run.js');
      await runDoctor(context);
    });
}
