/** The values of a document's metadata, each under its path: what filters look at. */
import type { JsonObject, JsonValue } from '../../document/types.js';

/** Types are kept apart, since SQLite compares 1 with true and orders numbers before text. */
export const KIND = { null: 0, boolean: 1, number: 2, text: 3, array: 4, object: 5 } as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

export interface Field {
  path: string;
  kind: Kind;
  value: string | number;
}

/** Each value once. Elements of arrays stand under the array's own path. */
export function fieldsOf(metadata: JsonObject): Field[] {
  const seen = new Set<string>();
  const fields: Field[] = [];
  const note = (path: string, kind: Kind, value: string | number): void => {
    const key = `${String(kind)}${typeof value === 'number' ? `#${String(value)}` : `"${value}`}\0${path}`;
    if (seen.has(key)) return;
    seen.add(key);
    fields.push({ path, kind, value });
  };
  const walk = (path: string, value: JsonValue): void => {
    if (value === null) note(path, KIND.null, 0);
    else if (typeof value === 'boolean') note(path, KIND.boolean, Number(value));
    else if (typeof value === 'number')
      note(path, KIND.number, value === 0 ? 0 : value); // -0 is 0
    else if (typeof value === 'string') note(path, KIND.text, value);
    else if (Array.isArray(value)) {
      note(path, KIND.array, 0);
      for (const element of value) walk(path, element);
    } else {
      note(path, KIND.object, 0);
      inside(`${path}.`, value);
    }
  };
  const inside = (prefix: string, object: JsonObject): void => {
    for (const [key, value] of Object.entries(object)) walk(`${prefix}${key}`, value);
  };
  inside('', metadata);
  return fields;
}
