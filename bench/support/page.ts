/** Tables of measured numbers in a page of docs/, between two marks; the words around them are written by hand. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export interface Shown {
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

export function markdown({ head, rows }: Shown): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** @param command what writes it, as the first mark says */
export async function updatePage(name: string, command: string, body: string): Promise<void> {
  const page = fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url));
  const marks = [`<!-- measured: ${command} -->`, '<!-- end of what was measured -->'];
  const text = await readFile(page, 'utf8');
  const [from = -1, to = -1] = marks.map((mark) => text.indexOf(mark));
  if (from < 0 || to < from) throw new Error(`${page}: expected the marks ${marks.join(' and ')}, found none`);
  await writeFile(page, `${text.slice(0, from)}${marks[0] ?? ''}\n\n${body}\n\n${text.slice(to)}`);
}
