/**
 * A filter as SQL over `documents d`. Everything that a caller gave, paths included, is a bound parameter; the text of the SQL is
 * made of constants alone.
 */
import { isOwnPath, type FilterNode, type Order, type OwnPath, type Scalar } from '../filter.js';
import { KIND, type Kind } from './fields.js';

export interface Condition {
  sql: string;
  values: (string | number)[];
}

const COLUMNS: Record<OwnPath, string> = { $id: 'd.id', $title: 'd.title', $type: 'd.type', $source: 'd.source' };
const SIGNS: Record<Order, string> = { gt: '>', gte: '>=', lt: '<', lte: '<=' };

/** Holds for the documents that the filter takes. */
export function toSql(node: FilterNode): Condition {
  if ('all' in node) return join(node.all, 'AND', '1');
  if ('any' in node) return join(node.any, 'OR', '0');
  if ('not' in node) {
    const { sql, values } = toSql(node.not);
    return { sql: `NOT (${sql})`, values };
  }
  return isOwnPath(node.path) ? own(COLUMNS[node.path], node) : field(node);
}

function join(nodes: readonly FilterNode[], word: 'AND' | 'OR', none: string): Condition {
  if (nodes.length === 0) return { sql: none, values: [] };
  const conditions = nodes.map(toSql);
  return {
    sql: `(${conditions.map(({ sql }) => sql).join(` ${word} `)})`,
    values: conditions.flatMap(({ values }) => values),
  };
}

type Leaf = Extract<FilterNode, { path: string }>;

/** A column of `documents`: one text, or NULL where there is none. Never NULL itself, so that NOT means not. */
function own(column: string, leaf: Leaf): Condition {
  if ('exists' in leaf) return { sql: `${column} IS NOT NULL`, values: [] };
  if ('order' in leaf) {
    if (typeof leaf.than !== 'string') return { sql: '0', values: [] };
    return { sql: `coalesce(${column} ${SIGNS[leaf.order]} ?, 0)`, values: [leaf.than] };
  }
  const texts = leaf.among.filter((value) => typeof value === 'string');
  return { sql: `coalesce(${column} IN (${places(texts)}), 0)`, values: texts };
}

function field(leaf: Leaf): Condition {
  if ('exists' in leaf) return among('path = ?', [leaf.path]);
  if ('order' in leaf) {
    const kind = typeof leaf.than === 'string' ? KIND.text : KIND.number;
    return among(`path = ? AND kind = ${String(kind)} AND value ${SIGNS[leaf.order]} ?`, [leaf.path, leaf.than]);
  }
  const conditions = [...byKind(leaf.among)].map(([kind, values]) =>
    among(`path = ? AND kind = ${String(kind)} AND value IN (${places(values)})`, [leaf.path, ...values]),
  );
  if (conditions.length === 0) return { sql: '0', values: [] };
  return {
    sql: `(${conditions.map(({ sql }) => sql).join(' OR ')})`,
    values: conditions.flatMap(({ values }) => values),
  };
}

function among(where: string, values: (string | number)[]): Condition {
  return { sql: `d.number IN (SELECT document FROM fields WHERE ${where})`, values };
}

function places(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ');
}

function byKind(values: readonly Scalar[]): Map<Kind, (string | number)[]> {
  const kinds = new Map<Kind, (string | number)[]>();
  const note = (kind: Kind, value: string | number): void => {
    const list = kinds.get(kind);
    if (list === undefined) kinds.set(kind, [value]);
    else list.push(value);
  };
  for (const value of values) {
    if (value === null) note(KIND.null, 0);
    else if (typeof value === 'boolean') note(KIND.boolean, Number(value));
    else if (typeof value === 'number') note(KIND.number, value === 0 ? 0 : value);
    else note(KIND.text, value);
  }
  return kinds;
}
