/** One loaded model: texts in, vectors out. Lives in a process of its own (child.ts). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as Ort from 'onnxruntime-node';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { QuiverError } from '../../../lib/index.js';
import { planBatches } from './batches.js';
import type { OnnxFolder } from './folder.js';
import type { Device, Setup } from './messages.js';
import { pool } from './pooling.js';

type Runtime = typeof Ort;

/** What is used of the tokenizer: its package's own types do not resolve under Node's rules for modules. */
interface Tokenizer {
  encode: (text: string) => { ids: number[] };
}
type TokenizerClass = new (tokenizer: object, config: object) => Tokenizer;

async function runtime(): Promise<Runtime> {
  try {
    return await import('onnxruntime-node');
  } catch (error) {
    throw new QuiverError(
      'E_MISSING_DEPENDENCY',
      'Models in ONNX format need the package onnxruntime-node, which is not installed. ' +
        'Install it with: npm install onnxruntime-node',
      { expected: 'onnxruntime-node', actual: error instanceof Error ? error.message : String(error), cause: error },
    );
  }
}

/** The tokenizer as the folder has it, without the truncation and padding that training left in its file. */
async function loadTokenizer({ folder }: OnnxFolder): Promise<Tokenizer> {
  const { Tokenizer } = (await import('@huggingface/tokenizers')) as unknown as { Tokenizer: TokenizerClass };
  const read = async (file: string): Promise<object> => {
    return JSON.parse(await readFile(join(folder, file), 'utf8')) as object;
  };
  const config = await read('tokenizer_config.json').catch(() => ({}));
  return new Tokenizer({ ...(await read('tokenizer.json')), truncation: null, padding: null }, config);
}

export interface Opened {
  session: OnnxSession;
  device: Device;
  /** Why the wanted device could not be had. */
  warning?: string;
}

export class OnnxSession {
  readonly #runtime: Runtime;
  readonly #session: InferenceSession;
  readonly #tokenizer: Tokenizer;
  readonly #model: OnnxFolder;
  #budget: number;

  private constructor(ort: Runtime, session: InferenceSession, tokenizer: Tokenizer, setup: Setup) {
    this.#runtime = ort;
    this.#session = session;
    this.#tokenizer = tokenizer;
    this.#model = setup.model;
    this.#budget = setup.budget;
  }

  static async open(setup: Setup): Promise<Opened> {
    const ort = await runtime();
    const tokenizer = await loadTokenizer(setup.model);
    const create = async (device: Device): Promise<InferenceSession> =>
      ort.InferenceSession.create(setup.model.model, {
        executionProviders: device === 'cuda' ? ['cuda', 'cpu'] : ['cpu'],
        intraOpNumThreads: setup.threads,
        interOpNumThreads: 1,
        graphOptimizationLevel: 'all',
        logSeverityLevel: 3,
      });
    const opened = async (device: Device): Promise<OnnxSession> =>
      new OnnxSession(ort, await create(device), tokenizer, setup);
    try {
      return { session: await opened(setup.device), device: setup.device };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (setup.device === 'cpu') {
        throw new QuiverError('E_CORRUPT', `ONNX Runtime cannot load ${setup.model.model}: ${reason}`, {
          expected: 'a model in ONNX format',
          actual: reason,
          cause: error,
        });
      }
      return {
        session: await opened('cpu'),
        device: 'cpu',
        warning: `no CUDA, so the model runs on the CPU: ${reason}`,
      };
    }
  }

  /** One vector of length 1 a text, `n * dim` floats. */
  async embed(texts: readonly string[]): Promise<Float32Array> {
    const { dim } = this.#model;
    const tokens = texts.map((text) => this.#tokens(text));
    const vectors = new Float32Array(texts.length * dim);
    const lengths = tokens.map(({ length }) => length);
    const waiting = planBatches(lengths, this.#budget);
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      let found: Float32Array;
      try {
        found = await this.#run(batch.map((at) => tokens[at]));
      } catch (error) {
        // Short of memory: half as many texts at a time from here on.
        if (!isMemory(error) || batch.length === 1) throw this.#explain(error, batch.length);
        this.#budget = Math.max(1, Math.floor(this.#budget / 2));
        const half = Math.ceil(batch.length / 2);
        waiting.unshift(batch.slice(0, half), batch.slice(half));
        continue;
      }
      batch.forEach((at, row) => vectors.set(found.subarray(row * dim, (row + 1) * dim), at * dim));
    }
    return vectors;
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  /** Cut to the limit, its last token kept: that is the one that ends every text. */
  #tokens(text: string): number[] {
    const { ids } = this.#tokenizer.encode(text);
    const { maxTokens } = this.#model;
    return ids.length <= maxTokens ? ids : [...ids.slice(0, maxTokens - 1), ids[ids.length - 1]];
  }

  async #run(rows: readonly number[][]): Promise<Float32Array> {
    const batch = rows.length;
    const length = Math.max(...rows.map((row) => row.length));
    const ids = new BigInt64Array(batch * length);
    const mask = new BigInt64Array(batch * length);
    rows.forEach((row, at) => {
      row.forEach((id, place) => {
        ids[at * length + place] = BigInt(id);
        mask[at * length + place] = 1n;
      });
    });
    const tensor = (data: BigInt64Array): Tensor => new this.#runtime.Tensor('int64', data, [batch, length]);
    const given: Record<string, Tensor> = {
      input_ids: tensor(ids),
      attention_mask: tensor(mask),
      token_type_ids: tensor(new BigInt64Array(batch * length)),
    };
    const { inputNames, outputNames } = this.#session;
    const feeds = Object.fromEntries(Object.entries(given).filter(([name]) => inputNames.includes(name)));
    const output = outputNames.find((name) => name === 'last_hidden_state') ?? outputNames[0];
    const result = await this.#session.run(feeds, [output]);
    try {
      const hidden = result[output];
      const { dim, pooling } = this.#model;
      if (hidden.dims.length !== 3 || hidden.dims[2] !== dim) {
        throw new QuiverError('E_DIMENSION', `The model's output is not the vectors of its tokens.`, {
          expected: `batch x tokens x ${dim}`,
          actual: hidden.dims.join(' x '),
        });
      }
      const data = hidden.data as Float32Array;
      return pool({ data, batch, length, dim, tokens: rows.map((row) => row.length) }, pooling);
    } finally {
      for (const part of [...Object.values(given), ...Object.values(result)]) part.dispose();
    }
  }

  #explain(error: unknown, batch: number): QuiverError {
    if (error instanceof QuiverError) return error;
    const reason = error instanceof Error ? error.message : String(error);
    const code = isMemory(error) ? 'E_OUT_OF_MEMORY' : 'E_INTERNAL';
    return new QuiverError(code, `The model failed on ${batch} texts: ${reason}`, { actual: reason, cause: error });
  }
}

function isMemory(error: unknown): boolean {
  return error instanceof Error && /alloc|out of memory|bad_array_new_length/i.test(error.message);
}
