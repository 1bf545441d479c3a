/**
 * Embeds with any sentence-transformers model in ONNX format.
 *
 * Texts of all calls wait in one queue, sorted by length within a call; a process that has room takes the next of them. So calls
 * that come together share batches without anybody waiting on purpose, and a query never waits behind a long ingestion.
 */
import { availableParallelism } from 'node:os';
import { aborted } from '../../../lib/calls.js';
import { checkInteger, wrongArgument } from '../../../lib/errors.js';
import { checkEmbed } from '../check.js';
import type { Embedder, EmbedOptions } from '../embedder.js';
import { readOnnxFolder, type OnnxFolder } from './folder.js';
import type { Device } from './messages.js';
import { closed, ModelProcesses } from './processes.js';
import { Queue } from './queue.js';

export interface OnnxOptions {
  /** The model's name; default: that of its folder. */
  name?: string;
  /** `cuda` falls back to the CPU with a warning. Default `cpu`. */
  device?: Device;
  /** Processes that each hold the model. Default: one a core, at most 8 (bench/embed-onnx.ts compares). */
  sessions?: number;
  /** Threads of each. Default 1. */
  threads?: number;
  /** Tokens of a batch, padding included. Default 384. */
  batchTokens?: number;
  /** Weight of vectors in hybrid search. Default 0.7, as measured for MiniLM. */
  hybridWeight?: number;
}

const DEFAULTS = { sessions: 8, threads: 1, batchTokens: 384, hybridWeight: 0.7 };
/** A request to a process holds so much at most: enough for several batches, little enough to spread over processes. */
const REQUEST = { texts: 64, characters: 12_000 };
/** A call with no more texts than this is somebody waiting for an answer. */
const URGENT = 8;

interface Call {
  vectors: Float32Array;
  left: number;
  total: number;
  onProgress: EmbedOptions['onProgress'];
  /** Settles the promise: well, or with a reason. */
  end: (reason?: Error) => void;
}

interface Item {
  call: Call;
  at: number;
  text: string;
}

export class OnnxEmbedder implements Embedder {
  readonly model: string;
  readonly fingerprint: string;
  readonly dim: number;
  readonly hybridWeight: number;
  readonly #prompts: OnnxFolder['prompts'];
  readonly #maxCharacters: number;
  readonly #processes: ModelProcesses;
  readonly #urgent = new Queue<Item>();
  readonly #bulk = new Queue<Item>();
  readonly #calls = new Set<Call>();
  #closed = false;

  private constructor(folder: OnnxFolder, options: OnnxOptions) {
    const { device = 'cpu', threads = DEFAULTS.threads, batchTokens = DEFAULTS.batchTokens } = options;
    const { sessions = Math.min(availableParallelism(), DEFAULTS.sessions) } = options;
    if (device !== 'cpu' && device !== 'cuda') throw wrongArgument('device', "'cpu' or 'cuda'", device);
    checkInteger('threads', threads, 1, 256);
    checkInteger('sessions', sessions, 1, 64);
    checkInteger('batchTokens', batchTokens, 1, 1 << 20);
    this.model = options.name ?? folder.name;
    this.fingerprint = folder.fingerprint;
    this.dim = folder.dim;
    this.hybridWeight = options.hybridWeight ?? DEFAULTS.hybridWeight;
    this.#prompts = folder.prompts;
    // No tokenizer makes fewer tokens than one for 32 characters of real text: what is cut here would be cut there.
    this.#maxCharacters = folder.maxTokens * 32;
    this.#processes = new ModelProcesses({ model: folder, device, threads, budget: batchTokens }, sessions);
  }

  /** Errors: E_NOT_FOUND, E_CORRUPT, E_UNSUPPORTED (the folder), E_MISSING_DEPENDENCY (onnxruntime-node), E_ARGUMENT, E_RANGE. */
  static async open(folder: string, options: OnnxOptions = {}): Promise<OnnxEmbedder> {
    const embedder = new OnnxEmbedder(await readOnnxFolder(folder), options);
    try {
      await embedder.#processes.check();
    } catch (error) {
      await embedder.close();
      throw error;
    }
    return embedder;
  }

  /** The processes that hold the model now. */
  get pids(): number[] {
    return this.#processes.pids;
  }

  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array> {
    if (this.#closed) throw closed();
    const { signal, onProgress, input = 'document' } = options;
    checkEmbed(texts, options);
    const prompt = this.#prompts[input];
    if (texts.length === 0) return new Float32Array(0);
    return new Promise((resolve, reject) => {
      const total = texts.length;
      const abort = (): void => signal && this.#drop(call, aborted(signal));
      const call: Call = {
        vectors: new Float32Array(total * this.dim),
        left: total,
        total,
        onProgress,
        end: (reason) => {
          signal?.removeEventListener('abort', abort);
          if (reason === undefined) resolve(call.vectors);
          else reject(reason);
        },
      };
      this.#calls.add(call);
      signal?.addEventListener('abort', abort, { once: true });
      const items = texts.map((text, at) => ({ call, at, text: prompt + text.slice(0, this.#maxCharacters) }));
      items.sort((a, b) => b.text.length - a.text.length);
      (total <= URGENT ? this.#urgent : this.#bulk).push(items);
      // Calls of the same turn of the event loop are joined.
      setImmediate(() => this.#pump());
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const call of [...this.#calls]) this.#drop(call, closed());
    await this.#processes.close();
  }

  #pump(): void {
    while (this.#processes.room > 0) {
      const items = take(this.#urgent.length > 0 ? this.#urgent : this.#bulk);
      if (items.length === 0) return;
      void this.#request(items);
    }
  }

  async #request(items: readonly Item[]): Promise<void> {
    try {
      const vectors = await this.#processes.embed(items.map(({ text }) => text));
      items.forEach(({ call, at }, row) => {
        call.vectors.set(vectors.subarray(row * this.dim, (row + 1) * this.dim), at * this.dim);
      });
      for (const [call, count] of countByCall(items)) this.#advance(call, count);
    } catch (error) {
      for (const call of countByCall(items).keys()) this.#drop(call, error as Error);
    }
    this.#pump();
  }

  #advance(call: Call, count: number): void {
    call.left -= count;
    if (!this.#calls.has(call)) return;
    try {
      call.onProgress?.({ phase: 'embed', done: call.total - call.left, total: call.total });
    } catch (error) {
      this.#drop(call, error as Error);
      return;
    }
    if (call.left === 0 && this.#calls.delete(call)) call.end();
  }

  /** Its texts that still wait are forgotten; what is in a model comes to nobody. */
  #drop(call: Call, reason: Error): void {
    if (!this.#calls.delete(call)) return;
    for (const queue of [this.#urgent, this.#bulk]) queue.remove((item) => item.call === call);
    call.end(reason);
  }
}

/** The next texts, as many as fit one request. */
function take(queue: Queue<Item>): Item[] {
  const items: Item[] = [];
  let length = 0;
  for (let item = queue.peek(); item !== undefined && items.length < REQUEST.texts; item = queue.peek()) {
    length += item.text.length;
    if (items.length > 0 && length > REQUEST.characters) break;
    items.push(item);
    queue.shift();
  }
  return items;
}

function countByCall(items: readonly Item[]): Map<Call, number> {
  const counts = new Map<Call, number>();
  for (const { call } of items) counts.set(call, (counts.get(call) ?? 0) + 1);
  return counts;
}
