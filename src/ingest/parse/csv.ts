/** CSV, whatever sign parts its cells. With a column for text a row is a document; otherwise the whole table is one. */
import { CsvError, parse } from 'csv-parse';
import type { Parser } from 'csv-parse';
import type { QuiverError } from '../../../lib/errors.js';
import type { JsonObject, JsonValue } from '../../document/types.js';
import { fileError } from '../../vectors/errors.js';
import { createDecoder } from '../encoding.js';
import { reencode } from './lines.js';
import { toRecord } from './records.js';
import type { FieldNames, RecordResult } from './records.js';

export interface CsvRow {
  /** The line on which it ends, from 1. */
  line: number;
  cells: string[];
}

const SEPARATORS = [',', ';', '\t', '|'];
const FIRST_LINE = 64 * 1024;

/** Why there are no more rows: where the next one would begin nobody can tell. */
export interface CsvFailure {
  line: number;
  error: QuiverError;
}

/** The rows of a table, piece by piece. */
export async function* readCsv(
  name: string,
  parts: AsyncIterable<Buffer>,
  encoding: string,
  maxRecordBytes: number,
): AsyncGenerator<CsvRow | CsvFailure, void> {
  const bytes = encoding === 'utf-8' ? parts : reencode(parts, createDecoder(encoding));
  /** Taken from the parser as it finds them: when it fails, what it has handed to its stream would be lost. */
  let rows: CsvRow[] = [];
  const taken = (): CsvRow[] => {
    const all = rows;
    rows = [];
    return all;
  };
  let parser: Parser | undefined;
  try {
    for await (const part of bytes) {
      parser ??= startParser(separator(part), maxRecordBytes, (row) => rows.push(row));
      await write(parser, part);
      yield* taken();
    }
    if (parser !== undefined) await end(parser);
    yield* taken();
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    yield* taken();
    yield csvFailure(name, error, maxRecordBytes);
  }
}

function startParser(delimiter: string, maxRecordBytes: number, found: (row: CsvRow) => void): Parser {
  const parser = parse({
    bom: true,
    delimiter,
    max_record_size: maxRecordBytes,
    on_record: (cells: string[], { lines }) => {
      found({ line: lines, cells });
      return undefined;
    },
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
  });
  // Whoever writes to it is told.
  return parser.on('error', () => undefined).resume();
}

function write(parser: Parser, part: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    parser.write(part, (error) => (error ? reject(error) : resolve()));
  });
}

function end(parser: Parser): Promise<void> {
  return new Promise((resolve, reject) => {
    parser.once('error', reject).once('end', resolve).end();
  });
}

function csvFailure(name: string, error: CsvError, maxRecordBytes: number): CsvFailure {
  const { lines } = error as unknown as { lines?: unknown };
  const line = typeof lines === 'number' ? lines : 1;
  const at = `line ${line}`;
  if (error.code !== 'CSV_MAX_RECORD_SIZE') {
    return { line, error: fileError('E_CORRUPT', name, `the table is damaged (${error.message})`, { at }) };
  }
  const tooLong = fileError('E_RANGE', name, 'the row is too long', {
    at,
    expected: `at most ${maxRecordBytes} bytes`,
    actual: 'more',
    hint: 'Look for a quotation mark that is never closed; raise maxRecordBytes if the row is right',
  });
  return { line, error: tooLong };
}

/** The sign that most often parts the cells of the first line. */
function separator(head: Buffer): string {
  const line = /^[^\n]*/.exec(head.toString('utf8', 0, FIRST_LINE).replace(/"(?:[^"]|"")*"/g, '""'))?.[0] ?? '';
  let best = ',';
  let most = 0;
  for (const sign of SEPARATORS) {
    const count = line.split(sign).length - 1;
    if (count > most) [best, most] = [sign, count];
  }
  return best;
}

/** The names of the columns, each only once. */
export function columnNames(cells: readonly string[]): string[] {
  const names: string[] = [];
  for (const cell of cells) {
    const name = cell.trim() || `column_${names.length + 1}`;
    let unique = name;
    for (let count = 2; names.includes(unique); count++) unique = `${name}_${count}`;
    names.push(unique);
  }
  return names;
}

/** A row as a document. Its hash is that of its cells. */
export function rowRecord({ line, cells }: CsvRow, names: readonly string[], fields: FieldNames): RecordResult {
  const special = new Set([fields.id, fields.title, fields.text]);
  const record: JsonObject = Object.fromEntries(
    cells.flatMap((cell, column): [string, JsonValue][] => {
      const name = names[column] ?? `column_${column + 1}`;
      if (cell === '') return [];
      return [[name, special.has(name) ? cell : cellValue(cell)]];
    }),
  );
  return { line, record: toRecord(record, fields, JSON.stringify(cells)) };
}

/** A number where it is written as JavaScript would write it, so that 007 and +41 stay what they are. */
function cellValue(cell: string): JsonValue {
  const number = Number(cell);
  return Number.isFinite(number) && String(number) === cell ? number : cell;
}

/** Whether a first row names the columns: names differ, and are no numbers. */
function areNames(cells: readonly string[]): boolean {
  return (
    new Set(cells).size === cells.length && cells.every((cell) => cell.trim() !== '' && Number.isNaN(Number(cell)))
  );
}

/** The text of a table that is one document. */
export interface TableText {
  add: (cells: readonly string[]) => void;
  text: () => string;
}

/** A line each row, each cell with the name of its column where the first row has names. */
export function createTableText(first: readonly string[]): TableText {
  const names = first.map(plainCell);
  const isNamed = areNames(names);
  const lines: string[] = [];
  return {
    add(cells) {
      const plain = cells.map(plainCell);
      if (!isNamed) lines.push(plain.join(' | '));
      else {
        const named = plain.flatMap((cell, at) => (cell === '' ? [] : [`${names[at] ?? `column_${at + 1}`}: ${cell}`]));
        lines.push(named.join('; '));
      }
    },
    // Names alone are all that there is to say.
    text: () => (isNamed && lines.length > 0 ? lines : [names.join(' | '), ...lines]).join('\n'),
  };
}

function plainCell(cell: string): string {
  return cell.replace(/\s+/g, ' ').trim();
}
