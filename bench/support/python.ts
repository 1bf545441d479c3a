/** Python FAISS as a peer. */
import { fileURLToPath } from 'node:url';
import { LineServer } from '../../test/support/line-server.js';

const script = fileURLToPath(new URL('../../../bench/peers/faiss_loop.py', import.meta.url));

/** @param kernel OPENBLAS_CORETYPE for it; without one, what its OpenBLAS chooses by itself */
export function startPython(python: string, kernel?: string): LineServer {
  return new LineServer('Python FAISS', python, [script], kernel === undefined ? {} : { OPENBLAS_CORETYPE: kernel });
}
