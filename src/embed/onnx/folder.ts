/** What a sentence-transformers folder says about its model: weights, tokenizer, pooling, prompts. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { QuiverError } from '../../../lib/index.js';

export type Pooling = 'mean' | 'cls' | 'max' | 'last';

export interface OnnxFolder {
  name: string;
  folder: string;
  /** The weights. */
  model: string;
  dim: number;
  /** Tokens of one text at most, its special ones included; the rest is cut off. */
  maxTokens: number;
  pooling: Pooling;
  normalize: boolean;
  /** Put before each text. */
  prompts: { query: string; document: string };
  /** Changes with the weights, the tokenizer or any of the settings above. */
  fingerprint: string;
}

/** Where exporters put the weights, the likeliest first. */
const MODEL_FILES = ['model.onnx', 'onnx/model.onnx', 'model_quantized.onnx', 'onnx/model_quantized.onnx'];
const DEFAULT_TOKENS = 512;

type Json = Record<string, unknown>;

async function readJson(folder: string, file: string): Promise<Json | undefined> {
  const path = join(folder, file);
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Json;
  } catch (error) {
    throw new QuiverError('E_CORRUPT', `${path} is not JSON. Get the model anew.`, {
      expected: 'JSON',
      actual: error instanceof Error ? error.message : String(error),
      cause: error,
    });
  }
}

function missing(folder: string, what: string): QuiverError {
  return new QuiverError(
    'E_NOT_FOUND',
    `${folder} has no ${what}, so it is not a sentence-transformers folder with ONNX weights. ` +
      'Expected model.onnx, tokenizer.json and config.json, as `quiver models pull` lays them down.',
    { expected: what, actual: 'none' },
  );
}

/** Exactly one of the modes of sentence-transformers' Pooling module; several at once would lengthen the vectors. */
function poolingOf(folder: string, config: Json | undefined): Pooling {
  if (config === undefined) return 'mean';
  const modes: [key: string, pooling: Pooling][] = [
    ['pooling_mode_mean_tokens', 'mean'],
    ['pooling_mode_cls_token', 'cls'],
    ['pooling_mode_max_tokens', 'max'],
    ['pooling_mode_lasttoken', 'last'],
  ];
  const chosen = modes.filter(([key]) => config[key] === true).map(([, pooling]) => pooling);
  const [only] = chosen;
  if (chosen.length === 1 && only !== undefined) return only;
  const set = Object.keys(config).filter((key) => config[key] === true);
  throw new QuiverError('E_UNSUPPORTED', `${folder} pools its tokens in a way that is not known here.`, {
    expected: 'one of mean, cls, max, last',
    actual: set.length === 0 ? 'none' : set.join(', '),
  });
}

function promptsOf(config: Json | undefined): { query: string; document: string } {
  const prompts = (config?.prompts ?? {}) as Record<string, unknown>;
  const named = (...names: string[]): string => {
    const found = names.map((name) => prompts[name]).find((prompt) => typeof prompt === 'string');
    return found ?? '';
  };
  return { query: named('query'), document: named('document', 'passage') };
}

async function hashFiles(files: readonly string[], settings: unknown): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(settings));
  for (const file of files) {
    for await (const part of createReadStream(file)) hash.update(part as Buffer);
  }
  return hash.digest('hex');
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined;
}

/**
 * Reads all but the weights' contents. The limit of tokens comes from sentence_bert_config.json: tokenizer.json often carries
 * a shorter one, and a fixed padding, from its training.
 *
 * Errors: E_NOT_FOUND, E_CORRUPT, E_UNSUPPORTED.
 */
export async function readOnnxFolder(path: string): Promise<OnnxFolder> {
  const folder = resolve(path);
  if (!existsSync(folder)) throw missing(folder, 'such folder');
  const model = MODEL_FILES.map((file) => join(folder, file)).find((file) => existsSync(file));
  if (model === undefined) throw missing(folder, 'model.onnx');
  if (!existsSync(join(folder, 'tokenizer.json'))) throw missing(folder, 'tokenizer.json');
  const config = await readJson(folder, 'config.json');
  if (config === undefined) throw missing(folder, 'config.json');
  const modules = (await readJson(folder, 'modules.json')) as unknown as { type?: string; path?: string }[] | undefined;
  const poolingPath = modules?.find(({ type }) => type?.endsWith('Pooling') === true)?.path ?? '1_Pooling';
  const poolingConfig = await readJson(folder, join(poolingPath, 'config.json'));
  const sentence = await readJson(folder, 'sentence_bert_config.json');
  const tokenizer = await readJson(folder, 'tokenizer_config.json');
  const dim = positive(poolingConfig?.word_embedding_dimension) ?? positive(config.hidden_size);
  if (dim === undefined) throw missing(folder, 'hidden_size in config.json');
  const limits = [sentence?.max_seq_length, tokenizer?.model_max_length, config.max_position_embeddings];
  const about = {
    dim,
    maxTokens: limits.map(positive).find((limit) => limit !== undefined && limit < 1e6) ?? DEFAULT_TOKENS,
    pooling: poolingOf(folder, poolingConfig),
    normalize: modules?.some(({ type }) => type?.endsWith('Normalize') === true) ?? true,
    prompts: promptsOf(await readJson(folder, 'config_sentence_transformers.json')),
  };
  const fingerprint = await hashFiles([model, join(folder, 'tokenizer.json')], about);
  return { name: basename(folder), folder, model, ...about, fingerprint };
}
