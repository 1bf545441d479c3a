/** What the calls of a collection ask of their arguments. */
import { wrongArgument } from '../../lib/errors.js';

export function checkText(name: string, value: unknown): void {
  if (typeof value !== 'string' || value.trim() === '') throw wrongArgument(name, 'a text that is not empty', value);
}
