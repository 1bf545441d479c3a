import { findFashionMnist } from '../bench/fashion-mnist.js';
import type { Context } from '../context.js';
import type { Output } from '../output.js';
import { EXIT } from '../output.js';
import type { Check, State } from './check.js';
import { hostChecks } from './host.js';
import { searchChecks } from './search.js';
import { toolChecks } from './tools.js';

/** `quiver doctor`: exit code 1 only when search cannot work here. */
export async function runDoctor(context: Context): Promise<void> {
  const [search, tools] = await Promise.all([searchChecks(), toolChecks()]);
  const checks = [...hostChecks(), ...search, ...tools, dataCheck()];
  const works = checks.every(({ state }) => state !== 'bad');
  context.output.result({ works, checks }, () => text(context.output, checks, works));
  context.exitCode = works ? EXIT.ok : EXIT.failed;
}

function dataCheck(): Check {
  const folder = findFashionMnist();
  const base = { section: 'data', name: 'fashion-mnist', detail: { folder: folder ?? null } } as const;
  if (folder !== undefined) return { ...base, state: 'ok', found: folder };
  const fix = '`quiver bench` fetches it, or: apt-get install dataset-fashion-mnist, or set QUIVER_DATA to its folder';
  return { ...base, state: 'missing', found: 'not found', fix };
}

const SIGNS: Record<State, [sign: string, color: 'green' | 'yellow' | 'red']> = {
  ok: ['✓', 'green'],
  warn: ['!', 'yellow'],
  missing: ['-', 'yellow'],
  bad: ['✗', 'red'],
};

function text(output: Output, checks: readonly Check[], works: boolean): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines: string[] = [];
  let section = '';
  for (const check of checks) {
    if (check.section !== section) lines.push(...(section === '' ? [] : ['']), output.bold(check.section));
    section = check.section;
    const [sign, color] = SIGNS[check.state];
    lines.push(`  ${output.color(color, sign)} ${check.name.padEnd(width)}  ${indent(check.found, width + 6)}`);
    if (check.fix !== undefined) lines.push(`${' '.repeat(width + 6)}${output.color(color, '->')} ${check.fix}`);
  }
  lines.push('', works ? verdict(output, checks) : output.color('red', 'Search cannot work here: see ✗ above.'));
  return lines.join('\n');
}

/** Further lines of a message stand under its first. */
function indent(found: string, width: number): string {
  return found.split('\n').join(`\n${' '.repeat(width)}`);
}

function verdict(output: Output, checks: readonly Check[]): string {
  const advice = checks.filter(({ state }) => state !== 'ok').length;
  const more = advice === 0 ? '' : ` ${advice} ${advice === 1 ? 'thing' : 'things'} could be better: see -> above.`;
  return output.color('green', 'Search works here.') + more;
}
