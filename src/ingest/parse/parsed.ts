/** What a parser makes of a file. */
import type { JsonObject } from '../../document/types.js';
import type { Layout } from '../layout.js';

export interface Parsed extends Layout {
  title?: string;
  text: string;
  metadata: JsonObject;
}
