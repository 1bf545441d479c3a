/** Missing build tools: installed when we are root, offered through sudo on a terminal, else named in one error. */
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { SupplyError } from './errors.mjs';
import { say } from './progress.mjs';
import { run } from './run.mjs';
import { missingToolsError, which } from './tools.mjs';

/** @typedef {import('./tools.mjs').Tool} Tool */

/** @param {string} command @param {readonly string[]} rest */
async function apt(command, rest) {
  const { code } = await run(command, rest, { inherit: true, env: { DEBIAN_FRONTEND: 'noninteractive' } });
  if (code !== 0) {
    throw new SupplyError(
      `expected '${[command, ...rest].join(' ')}' to work, found exit code ${code} (its output is above).`,
    );
  }
}

/** @param {string} question */
async function agrees(question) {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** @param {readonly Tool[]} missing */
export async function installTools(missing) {
  if (missing.length === 0) return;
  // A compiler that the user named with CXX is not a package's name.
  if (!which('apt-get') || !existsSync('/etc/debian_version')) throw missingToolsError(missing);
  const packs = [...new Set(missing.map((tool) => tool.pack))];
  const isRoot = process.getuid?.() === 0;
  const before = isRoot ? [] : ['sudo'];
  const canAsk = process.stdin.isTTY && process.stderr.isTTY && which('sudo');
  if (!isRoot && !canAsk) throw missingToolsError(missing);
  say(`${isRoot ? 'installing' : 'needed'}: ${packs.join(', ')}`);
  for (const tool of missing) say(`  ${tool.name}: ${tool.why}`);
  const command = [...before, 'apt-get', 'install', '-y', '--no-install-recommends', ...packs];
  if (!isRoot && !(await agrees(`Run '${command.join(' ')}' now?`))) throw missingToolsError(missing);
  const [program = 'apt-get', ...rest] = command;
  await apt(before[0] ?? 'apt-get', [...before.slice(1), ...(isRoot ? [] : ['apt-get']), 'update', '-q']);
  await apt(program, rest);
}
