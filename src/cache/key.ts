/** The name of an entry: a hash of everything that may change the answer. */
import { createHash } from 'node:crypto';
import { checkInteger, checkObject, show, wrongArgument } from '../../lib/errors.js';
import type { CacheKey } from './types.js';

/** Part of what is hashed: a release that makes other answers, or writes keys otherwise, counts it up. */
const FORM = 'quiver-answer-1';
/** Requests come from outside: one that nests deeper than this is no question. */
const MOST_DEPTH = 100;

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * One text for each JSON value, whatever the order of its keys. What JSON would write as something else (NaN, a Date, a typed
 * array) is refused: two different requests must not get one name.
 */
export function canonicalJson(value: unknown, name = 'request', depth = 0): string {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return JSON.stringify(value);
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return JSON.stringify(value);
    throw wrongArgument(name, 'a value that JSON can hold', value);
  }
  if (depth >= MOST_DEPTH) throw wrongArgument('request', `a value with at most ${MOST_DEPTH} levels`, value);
  if (Array.isArray(value)) {
    const items = Array.from(value, (item, at) => canonicalJson(item, `${name}[${at}]`, depth + 1));
    return `[${items.join(',')}]`;
  }
  if (typeof value !== 'object' || !isPlain(value)) throw wrongArgument(name, 'a value that JSON can hold', value);
  const fields = value as Record<string, unknown>;
  const parts = Object.keys(fields)
    .filter((key) => fields[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(fields[key], `${name}.${show(key)}`, depth + 1)}`);
  return `{${parts.join(',')}}`;
}

/** SHA-256 of all parts, in hex. Errors: E_ARGUMENT, E_RANGE. */
export function nameOf(key: CacheKey): string {
  checkObject('key', key);
  const { tenant, collection, generation, model, request } = key;
  for (const [name, part] of Object.entries({ tenant, collection, model }))
    if (typeof part !== 'string') throw wrongArgument(`key.${name}`, 'a string', part);
  checkInteger('key.generation', generation, 0, Number.MAX_SAFE_INTEGER);
  // A list as JSON, not texts one after the other: ('ab', 'c') and ('a', 'bc') are two.
  const text = `[${JSON.stringify([FORM, tenant, collection, generation, model])},${canonicalJson(request, 'key.request')}]`;
  return createHash('sha256').update(text).digest('hex');
}
