/** FAISS called from C++: bench/native/faiss_loop, built with the addon's FAISS, BLAS and flags. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { system } from '../../lib/index.js';
import type { Context } from './report.js';
import { LineServer } from '../../test/support/line-server.js';

const script = fileURLToPath(new URL('../../../bench/native/build.mjs', import.meta.url));

async function build(): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, system().simd], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(output.trim());
      else reject(new Error(`expected ${script} to build faiss_loop, found exit code ${code ?? 'none'}`));
    });
  });
}

/** FAISS from C++, in a process of its own, with the BLAS kernel that the addon runs. */
export class Cpp {
  readonly #server: LineServer;
  readonly #folder: string;
  about = '';

  private constructor(server: LineServer, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  static async start(context: Context): Promise<Cpp> {
    // FAISS's own OpenMP with libgomp's default wait policy, which is the best for it: no GOMP_ or OMP_ variable is set.
    const server = new LineServer('faiss_loop', await build(), [], { OPENBLAS_CORETYPE: system().blasKernel });
    const cpp = new Cpp(server, context.folder);
    cpp.about = await server.ask('about');
    if (!cpp.about.endsWith(system().blasKernel)) {
      throw new Error(`expected the BLAS kernel ${system().blasKernel} in C++ as in Node, found ${cpp.about}`);
    }
    return cpp;
  }

  async load(name: string, file: string): Promise<void> {
    await this.#server.ask('load', name, file);
  }

  async queries(file: string, dim: number): Promise<void> {
    await this.#server.ask('queries', file, dim);
  }

  async threads(count: number): Promise<void> {
    await this.#server.ask('threads', count);
  }

  /** Seconds of `calls` searches of `batch` queries each. */
  async search(name: string, batch: number, k: number, calls: number): Promise<number> {
    return this.#server.askNumber('search', name, batch, k, calls);
  }

  /** The labels of the first n queries. */
  async answers(name: string, n: number, k: number): Promise<Float64Array> {
    const file = join(this.#folder, 'answers.i64');
    await this.#server.ask('answers', name, n, k, file);
    const bytes = readFileSync(file);
    return Float64Array.from({ length: n * k }, (_, i) => Number(bytes.readBigInt64LE(i * 8)));
  }

  async close(): Promise<void> {
    await this.#server.close();
  }
}
