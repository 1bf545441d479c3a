/** A program that answers one line to each line: the C++ loop and the Python peer run this way beside Node. */
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';

export class LineServer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  readonly #name: string;
  #stderr = '';
  #ended: string | undefined;

  constructor(name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#name = name;
    this.#child = spawn(command, args, { env: { ...process.env, ...env }, stdio: 'pipe' });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#waiting.shift()?.resolve(line));
    this.#child.once('error', (error) => this.#end(error.message));
    this.#child.once('close', (code, signal) => this.#end(`it ended with ${signal ?? `exit code ${code ?? 'none'}`}`));
    this.#child.stdin.on('error', () => undefined); // its end is told by 'close'
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure(reason));
  }

  #failure(reason: string): Error {
    return new Error(`${this.#name}: ${reason}${this.#stderr === '' ? '' : `\n${this.#stderr.trim()}`}`);
  }

  /** The answer without its leading `ok`. */
  async ask(...words: (string | number)[]): Promise<string> {
    if (this.#ended !== undefined) throw this.#failure(this.#ended);
    const answer = new Promise<string>((resolve, reject) => this.#waiting.push({ resolve, reject }));
    this.#child.stdin.write(`${words.join('\t')}\n`);
    const line = await answer;
    if (!line.startsWith('ok')) throw this.#failure(`asked '${words.join(' ')}', expected ok, found '${line}'`);
    return line.slice(2).trim();
  }

  async askNumber(...words: (string | number)[]): Promise<number> {
    return Number(await this.ask(...words));
  }

  /** For one that does not answer. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin.end();
    await closed;
  }
}
