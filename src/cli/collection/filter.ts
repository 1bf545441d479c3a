/** `--filter`: conditions on documents, as JSON. */
import type { Filter as MetadataFilter } from '../../store/filter.js';
import { UsageError } from '../usage.js';

const EXPECTED = 'a JSON object such as {"$type": "pdf"} or {"year": {"$gte": 2020}}';

export function metadataFilter(text: string): MetadataFilter {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as MetadataFilter;
  throw new UsageError(`--filter: expected ${EXPECTED}, found ${text}`, EXPECTED, text);
}
