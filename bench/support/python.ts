/** Python as a peer: FAISS, and a pipeline that embeds. */
import { fileURLToPath } from 'node:url';
import { LineServer } from '../../test/support/line-server.js';

const script = (name: string): string => fileURLToPath(new URL(`../../../bench/peers/${name}`, import.meta.url));

/** @param kernel OPENBLAS_CORETYPE for it; without one, what its OpenBLAS chooses by itself */
export function startPython(python: string, kernel?: string): LineServer {
  return new LineServer(
    'Python FAISS',
    python,
    [script('faiss_loop.py')],
    kernel === undefined ? {} : { OPENBLAS_CORETYPE: kernel },
  );
}

export function startPipeline(python: string): LineServer {
  return new LineServer('Python onnxruntime', python, [script('onnx_loop.py')]);
}
