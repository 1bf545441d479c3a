/** Values from files as metadata: nothing but JSON, and of a bounded size. */
import type { JsonObject, JsonValue } from '../../document/types.js';

/** Deeper than this no writer means it, and what walks the value by recursion would fail. */
const DEEPEST = 64;
/** A YAML file can name one value many times over: written out, it would never end. */
const MOST_VALUES = 100_000;

/** Dates become text. What JSON has no word for, what is nested too deep and what is too much becomes null. */
export function toJsonObject(value: object): JsonObject {
  let left = MOST_VALUES;
  const convert = (item: unknown, depth: number): JsonValue => {
    if (typeof item === 'string' || typeof item === 'boolean') return item;
    if (typeof item === 'number') return Number.isFinite(item) ? item : null;
    if (typeof item === 'bigint') return item.toString();
    if (item instanceof Date) return Number.isNaN(item.getTime()) ? null : item.toISOString();
    if (typeof item !== 'object' || item === null || depth >= DEEPEST || --left < 0) return null;
    if (Array.isArray(item)) return item.map((one) => convert(one, depth + 1));
    return object(item, depth);
  };
  // By way of entries: a key named __proto__ is then a key like any other.
  const object = (item: object, depth: number): JsonObject =>
    Object.fromEntries(Object.entries(item).map(([key, one]) => [key, convert(one, depth + 1)]));
  return object(value, 0);
}
