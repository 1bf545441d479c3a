/**
 * The table of `quiver bench`, kept as bench/results/table.json: the main job, with the same code that users run.
 * Arguments go on to the command, such as `--limit 10000 --types flat,hnsw`.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../src/cli/program.js';

const results = fileURLToPath(new URL('../../bench/results/', import.meta.url));

process.exitCode = await run(['bench', '--output', join(results, 'table.json'), ...process.argv.slice(2)]);
