/** Answers as JSON, and back. */

/** Whether some object in it has a key of this name, which a careless copy elsewhere would take for the prototype. */
function carriesPrototype(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(carriesPrototype);
  if (Object.hasOwn(value, '__proto__')) return true;
  return Object.values(value).some(carriesPrototype);
}

/** Undefined where it has no JSON. */
export function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/** A value of its own for each caller; undefined where it is not JSON, or has a `__proto__`. */
export function fromForeignJson(json: string): unknown {
  try {
    const value: unknown = JSON.parse(json);
    return carriesPrototype(value) ? undefined : value;
  } catch {
    // Not JSON, or nested too deep.
    return undefined;
  }
}
