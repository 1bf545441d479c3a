/**
 * Which documents count: conditions on metadata and on a document's own fields, in the form that MongoDB made known.
 *
 *   { year: { $gte: 2020 }, 'author.name': 'Ada', $or: [{ tags: 'draft' }, { $not: { lang: { $in: ['de', 'fr'] } } }] }
 *
 * - A path names keys from the outermost in, joined by dots; `$id`, `$title`, `$type` and `$source` name the document's own.
 * - A condition on an array holds when it holds for one of its elements, those of nested arrays included. So does a path
 *   that leads through an array.
 * - Values of different types are never equal nor in order: `{ $gt: 5 }` finds no text, and null is not "missing" (that is
 *   `{ $exists: false }`). Text is ordered by code point.
 * - `$ne`, `$nin` and `$not` are the exact opposites, so they hold where the path is missing too.
 */
import { QuiverError, show, wrongArgument } from '../../lib/errors.js';

export type Scalar = string | number | boolean | null;

/** What a value must fulfil, all of it. */
export interface Condition {
  $eq?: Scalar;
  $ne?: Scalar;
  $gt?: string | number;
  $gte?: string | number;
  $lt?: string | number;
  $lte?: string | number;
  $in?: readonly Scalar[];
  $nin?: readonly Scalar[];
  /** Whether there is something at the path, be it null. */
  $exists?: boolean;
  $not?: Condition;
}

export interface Filter {
  $and?: readonly Filter[];
  $or?: readonly Filter[];
  $not?: Filter;
  /** A condition, or a value that must be equal. */
  [path: string]: Scalar | Condition | Filter | readonly Filter[] | undefined;
}

export type Order = 'gt' | 'gte' | 'lt' | 'lte';

/** A filter as it is worked with: checked, and without synonyms. */
export type FilterNode =
  | { all: FilterNode[] }
  | { any: FilterNode[] }
  | { not: FilterNode }
  | { path: string; among: Scalar[] }
  | { path: string; order: Order; than: string | number }
  | { path: string; exists: true };

/** The document's own fields, as paths. */
export const OWN_PATHS = ['$id', '$title', '$type', '$source'] as const;
export type OwnPath = (typeof OWN_PATHS)[number];

export function isOwnPath(path: string): path is OwnPath {
  return (OWN_PATHS as readonly string[]).includes(path);
}

const OPERATORS = '$eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists and $not';
const MAX_DEPTH = 32;
const MAX_PARTS = 500;
/** SQLite binds at most 32,766 parameters. */
const MAX_VALUES = 30_000;

interface Budget {
  parts: number;
  values: number;
}

/** Checks a filter. Errors: E_ARGUMENT, E_RANGE. */
export function parseFilter(filter: unknown): FilterNode {
  return parse('filter', filter, 0, { parts: 0, values: 0 });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(name: string, filter: unknown, depth: number, budget: Budget): FilterNode {
  if (!isObject(filter)) throw wrongArgument(name, 'an object such as { year: { $gte: 2020 } }', filter);
  checkSize(depth, budget);
  const all: FilterNode[] = [];
  for (const [key, value] of Object.entries(filter)) {
    if (value === undefined) continue;
    const part = `${name}.${key}`;
    if (key === '$and' || key === '$or') {
      const nodes = parts(part, value).map((one, i) => parse(`${part}[${String(i)}]`, one, depth + 1, budget));
      all.push(key === '$and' ? { all: nodes } : { any: nodes });
    } else if (key === '$not') all.push({ not: parse(part, value, depth + 1, budget) });
    else if (key.startsWith('$') && !isOwnPath(key)) throw unknownKey(name, key);
    else all.push(parseField(part, checkPath(key), value, depth + 1, budget));
  }
  return all.length === 1 ? all[0] : { all };
}

function parts(name: string, value: unknown): unknown[] {
  if (!Array.isArray(value)) throw wrongArgument(name, 'an array of filters', value);
  return value;
}

function checkPath(path: string): string {
  if (path !== '') return path;
  throw new QuiverError(
    'E_ARGUMENT',
    'A filter has an empty path. Name a key of the metadata, such as "author.name".',
    {
      expected: 'a path',
      actual: '""',
    },
  );
}

function unknownKey(name: string, key: string): QuiverError {
  const expected = `$and, $or, $not, ${OWN_PATHS.join(', ')} or a path into the metadata`;
  return new QuiverError('E_ARGUMENT', `${name} has no place for "${key}"; known are ${expected}.`, {
    expected,
    actual: key,
  });
}

function checkSize(depth: number, budget: Budget): void {
  budget.parts++;
  if (depth <= MAX_DEPTH && budget.parts <= MAX_PARTS && budget.values <= MAX_VALUES) return;
  const expected = `at most ${String(MAX_DEPTH)} levels, ${MAX_PARTS.toLocaleString('en')} parts and ${MAX_VALUES.toLocaleString('en')} values`;
  throw new QuiverError('E_RANGE', `The filter is too large: ${expected}.`, { expected, actual: 'more' });
}

function parseField(name: string, path: string, value: unknown, depth: number, budget: Budget): FilterNode {
  checkSize(depth, budget);
  if (!isObject(value)) return { path, among: [scalar(name, value)] };
  const all: FilterNode[] = [];
  for (const [key, operand] of Object.entries(value)) {
    if (operand === undefined) continue;
    all.push(parseCondition(`${name}.${key}`, path, key, operand, depth, budget));
  }
  if (all.length === 0) throw wrongArgument(name, `a value or a condition (${OPERATORS})`, value);
  return all.length === 1 ? all[0] : { all };
}

function parseCondition(
  name: string,
  path: string,
  operator: string,
  operand: unknown,
  depth: number,
  budget: Budget,
): FilterNode {
  switch (operator) {
    case '$eq':
      return { path, among: [scalar(name, operand)] };
    case '$ne':
      return { not: { path, among: [scalar(name, operand)] } };
    case '$in':
      return { path, among: scalars(name, operand, budget) };
    case '$nin':
      return { not: { path, among: scalars(name, operand, budget) } };
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
      return { path, order: operator.slice(1) as Order, than: ordered(name, operand) };
    case '$exists':
      if (typeof operand !== 'boolean') throw wrongArgument(name, 'true or false', operand);
      return operand ? { path, exists: true } : { not: { path, exists: true } };
    case '$not':
      if (!isObject(operand)) throw wrongArgument(name, `a condition (${OPERATORS})`, operand);
      return { not: parseField(name, path, operand, depth + 1, budget) };
    default: {
      const hint = operator.startsWith('$') ? '' : ` For a key within it, write the path "${path}.${operator}".`;
      throw new QuiverError('E_ARGUMENT', `${name} is no operator; known are ${OPERATORS}.${hint}`, {
        expected: OPERATORS,
        actual: operator,
      });
    }
  }
}

function scalars(name: string, list: unknown, budget: Budget): Scalar[] {
  if (!Array.isArray(list)) throw wrongArgument(name, 'an array of values', list);
  budget.values += list.length;
  checkSize(0, budget);
  return list.map((value, i) => scalar(`${name}[${String(i)}]`, value));
}

function scalar(name: string, value: unknown): Scalar {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  const hint = Array.isArray(value) ? ' For one of several, write { $in: [...] }.' : '';
  const expected = 'a string, a finite number, a boolean or null';
  throw new QuiverError('E_ARGUMENT', `${name} must be ${expected}, but is ${show(value)}.${hint}`, {
    expected,
    actual: show(value),
  });
}

function ordered(name: string, value: unknown): string | number {
  if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) return value;
  throw wrongArgument(name, 'a string or a finite number', value);
}
