/** Room for the vectors of a call. */
import { QuiverError } from '../../lib/errors.js';

/** Error: E_OUT_OF_MEMORY. */
export function allocateVectors(count: number, dim: number): Float32Array {
  try {
    return new Float32Array(count * dim);
  } catch (cause) {
    const bytes = count * dim * 4;
    const message = `The vectors of ${count} texts need ${bytes} bytes at once, which there are not. Embed fewer texts a call.`;
    throw new QuiverError('E_OUT_OF_MEMORY', message, { expected: `${bytes} bytes`, actual: 'less', cause });
  }
}
