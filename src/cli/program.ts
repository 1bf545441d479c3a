import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerAdd } from './commands/add.js';
import { registerAsk } from './commands/ask.js';
import { registerBench } from './commands/bench.js';
import { registerDoctor } from './commands/doctor.js';
import { registerExport } from './commands/export.js';
import { registerIndexBuild } from './commands/index-build.js';
import { registerIndexExport } from './commands/index-export.js';
import { registerIndexImport } from './commands/index-import.js';
import { registerIndexInfo } from './commands/index-info.js';
import { registerIndexSearch } from './commands/index-search.js';
import { registerInfo } from './commands/info.js';
import { registerList } from './commands/list.js';
import { registerModels } from './commands/models.js';
import { registerPlan } from './commands/plan.js';
import { registerRemove } from './commands/remove.js';
import { registerReport } from './commands/report.js';
import { registerSearch } from './commands/search.js';
import { registerServe } from './commands/serve.js';
import type { Context } from './context.js';
import { Output } from './output.js';
import { watchSignals } from './signals.js';

/** Runs one command line and returns its exit code: 0, 1 (it failed), 2 (wrong usage), 130 (Ctrl-C). */
export async function run(argv: readonly string[]): Promise<number> {
  const output = new Output(wantsJson(argv));
  const signals = watchSignals(output);
  const context: Context = { output, signal: signals.signal, exitCode: 0 };
  try {
    await createProgram(context).parseAsync([...argv], { from: 'user' });
    return context.exitCode;
  } catch (error) {
    return output.error(error);
  } finally {
    signals.stop();
  }
}

/** Asked before the arguments are parsed: what is wrong with them is also said in JSON. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? undefined : end).includes('--json');
}

function createProgram(context: Context): Command {
  const program = new Command('quiver')
    .description('Vector search and answers from documents, in process: FAISS for Node.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print the help')
    .showSuggestionAfterError()
    // `run` prints errors itself, as text or as JSON.
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  program.commandsGroup('Documents:');
  for (const register of [
    registerAdd,
    registerAsk,
    registerSearch,
    registerList,
    registerInfo,
    registerRemove,
    registerExport,
    registerModels,
  ]) {
    register(program, context);
  }
  program.commandsGroup('Service:');
  for (const register of [registerServe, registerReport]) register(program, context);
  program.commandsGroup('Vectors:');
  const index = program.command('index').description('build, search, inspect and convert index files');
  for (const register of [
    registerIndexBuild,
    registerIndexSearch,
    registerIndexInfo,
    registerIndexImport,
    registerIndexExport,
  ]) {
    register(index, context);
  }
  registerBench(program, context);
  program.commandsGroup('This machine:');
  registerDoctor(program, context);
  registerPlan(program, context);
  program.addHelpCommand(
    new Command('help').argument('[command]').description('the help of a command').helpGroup('This machine:'),
  );
  addJson(program);
  program.addHelpText(
    'after',
    `
Examples:
  quiver add notes ~/Documents "papers/**/*.pdf"      into the collection \`notes\`, made when it is new
  quiver ask notes "When is the deadline?"            an answer, and where it stands
  quiver search notes deadline -k 5                   the passages themselves
  quiver serve ./my-docs                              a page to ask and to drop files on, and an API
  quiver index build base.npy -o base.quiver          any of .npy .fvecs .bvecs .jsonl idx, gzipped or not
  quiver index search base.quiver --queries q.npy     the 10 nearest of each query
  quiver bench                                        60,000 images: build time, recall, latency, throughput`,
  );
  return program;
}

/** Every command knows --json, whatever its place on the line; commander wants the option on each. */
function addJson(command: Command): void {
  command.option('--json', 'print one JSON document on stdout');
  for (const child of command.commands) addJson(child);
}

function packageVersion(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
