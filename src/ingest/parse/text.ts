/** Plain text is what it is. */
import { cleanText } from '../clean.js';
import type { Parsed } from './parsed.js';

export function parseText(text: string): Parsed {
  return { text: cleanText(text), metadata: {} };
}
