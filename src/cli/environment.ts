/** A variable of the environment; an empty one counts as not set, as in shells. */
export function variable(name: string): string | undefined {
  const value = process.env[name];
  return value === '' ? undefined : value;
}
