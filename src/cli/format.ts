const GROUPS = /\B(?=(\d{3})+(?!\d))/g;

/** `1 thread`, `2 threads` */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** 60000 -> 60,000 */
export function count(value: number | bigint): string {
  return String(typeof value === 'bigint' ? value : Math.round(value)).replace(GROUPS, ',');
}

export function seconds(value: number): string {
  if (value < 0.0995) return `${(value * 1000).toFixed(value < 0.00995 ? 1 : 0)} ms`;
  if (value < 99.5) return `${value.toFixed(value < 9.95 ? 2 : 1)} s`;
  return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let [scaled, unit] = [value / 1024, 0];
  while (scaled >= 1024 && unit < units.length - 1) {
    scaled /= 1024;
    unit++;
  }
  return `${scaled.toFixed(scaled < 100 ? 1 : 0)} ${units[unit] ?? ''}`;
}

/** Lines of `name  value`, the values in one column. */
export function pairs(rows: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

export type Align = 'left' | 'right';

/** An aligned table with a rule under its head, and no other lines, so that it pastes well. */
export async function table(
  head: readonly string[],
  align: readonly Align[],
  rows: readonly (readonly string[])[],
): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const names = ['top', 'bottom', 'mid', 'left', 'right'] as const;
  const borders = Object.fromEntries(
    names.flatMap((name) => [name, `${name}-mid`, `${name}-left`, `${name}-right`].map((key) => [key, ''])),
  );
  const lines = new Table({
    head: [...head],
    colAligns: [...align],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2, compact: true },
    chars: { ...borders, middle: '' },
  });
  lines.push(...rows.map((row) => [...row]));
  const [first = '', ...rest] = lines
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
  const width = Math.max(...[first, ...rest].map((line) => line.length));
  return [first, '─'.repeat(width), ...rest].join('\n');
}

const ESCAPES = /\x1b\[\d+m/g; // eslint-disable-line no-control-regex -- colours take no room

/** Breaks a text at spaces into lines that fit the terminal, at most 100 wide. Lines that it has stay lines. */
export function wrap(text: string, indent: string, width = Math.min(process.stdout.columns ?? 100, 100)): string {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = indent;
    let used = indent.length;
    for (const word of paragraph.split(' ')) {
      const length = word.replace(ESCAPES, '').length;
      if (used > indent.length && used + 1 + length > width) {
        lines.push(line);
        [line, used] = [indent, indent.length];
      }
      if (used > indent.length) [line, used] = [`${line} `, used + 1];
      [line, used] = [line + word, used + length];
    }
    lines.push(line);
  }
  return lines.join('\n');
}
