/** What calls after close() reject with. */
import { QuiverError } from '../../../lib/errors.js';

export function closed(): QuiverError {
  return new QuiverError('E_CLOSED', 'The embedder is closed. Open it again to embed.', {
    expected: 'an open embedder',
    actual: 'a closed one',
  });
}
