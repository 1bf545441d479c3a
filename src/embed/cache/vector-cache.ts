/** The cache as the main thread sees it: it answers, or says once what does not work and is as good as not there. */
import { aborted } from '../../../lib/calls.js';
import type { CallOptions } from '../../../lib/index.js';
import { startThread, type Remote } from '../../thread/rpc.js';
import { closed } from './closed.js';
import type { CacheCalls, CacheData, Found, KeepInput, Space, Trouble } from './messages.js';

/** A disk that does not answer must not hold a call that could go on without. */
const MOST_MS = 10_000;

export class VectorCache {
  readonly #data: CacheData;
  readonly #warn: (message: string) => void;
  readonly #warned = new Set<Trouble['kind']>();
  #thread: Remote<CacheCalls> | undefined;
  #off = false;

  constructor(data: CacheData, warn: (message: string) => void) {
    this.#data = data;
    this.#warn = warn;
  }

  /** Undefined where the cache does not work. Error: E_ABORTED. */
  async find(space: Space, texts: readonly string[], { signal }: CallOptions): Promise<Found | undefined> {
    if (this.#off) return undefined;
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    const timer = setTimeout(abort, MOST_MS);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const found = await this.#started().call('find', { ...space, texts }, { signal: stop.signal });
      this.#note(found.trouble);
      return found;
    } catch (error) {
      if (signal?.aborted === true) throw aborted(signal);
      this.#giveUp(stop.signal.aborted ? `it did not answer within ${MOST_MS / 1000} seconds` : error);
      return undefined;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** In the background; close() waits for it. */
  keep(input: KeepInput): void {
    if (this.#off) return;
    void this.#send(input);
  }

  async #send(input: KeepInput): Promise<void> {
    try {
      const transfer = [input.vectors.buffer as ArrayBuffer];
      this.#note((await this.#started().call('keep', input, { transfer })).trouble);
    } catch (error) {
      this.#giveUp(error);
    }
  }

  async close(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    if (thread === undefined) return;
    // A thread that does not answer is ended all the same.
    await thread.call('close', undefined, { signal: AbortSignal.timeout(MOST_MS) }).catch(() => undefined);
    if (!this.#off) await thread.close();
    else void thread.close();
    this.#off = true;
  }

  #started(): Remote<CacheCalls> {
    return (this.#thread ??= startThread<CacheCalls>({
      name: 'quiver-embedding-cache',
      file: new URL('./thread.js', import.meta.url),
      data: this.#data,
      closed,
      advice: 'Restart the program if the cache is wanted.',
    }));
  }

  #note(trouble: Trouble | undefined): void {
    if (trouble === undefined) return;
    if (trouble.kind === 'unusable') this.#off = true;
    if (this.#warned.has(trouble.kind)) return;
    this.#warned.add(trouble.kind);
    const rest = trouble.kind === 'unusable' ? ' Embedding goes on without a cache.' : '';
    this.#tell(`The cache of embeddings: ${trouble.message}${rest}`);
  }

  #giveUp(cause: unknown): void {
    if (this.#off) return;
    const why = cause instanceof Error ? cause.message : `${String(cause)}.`;
    this.#note({ kind: 'unusable', message: `${this.#data.path}: ${why}` });
  }

  /** The listener's own mistakes are not the call's. */
  #tell(message: string): void {
    try {
      this.#warn(message);
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error));
    }
  }
}
