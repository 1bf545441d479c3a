/** Python with real FAISS: its files are read here, and ours there. */
import { join } from 'node:path';
import { LineServer } from './line-server.js';
import { repositoryRoot, scriptModule } from './run.js';
import { skip } from './skip.js';

interface PythonModule {
  pythonWith(name: 'faiss' | 'graphs' | 'onnx', options?: { install?: boolean }): Promise<string>;
}

/** The interpreter that has certain packages, installed when they are not there; throws where they cannot be had. */
export async function pythonWith(...wanted: Parameters<PythonModule['pythonWith']>): Promise<string> {
  return (await scriptModule<PythonModule>('lib/python.mjs')).pythonWith(...wanted);
}

/** The peer of the tests; skips the suite, with the reason, where there is no Python or no FAISS for it. */
export async function needPython(context: Mocha.Context): Promise<LineServer> {
  let python: string;
  try {
    python = await pythonWith('faiss', { install: false });
  } catch (error) {
    skip(context, error instanceof Error ? error.message : String(error));
  }
  return new LineServer('Python FAISS', python, [join(repositoryRoot, 'test', 'support', 'faiss_peer.py')], {
    // Threads that wait for each other take the time of the others: small indexes need one.
    OMP_NUM_THREADS: '1',
  });
}
