/** Texts to embed; without mocha, so that a process of its own can have them too. */
export function texts(count: number, what = 'text'): string[] {
  return Array.from({ length: count }, (_, i) => `${what} number ${i} of a lighthouse`);
}
