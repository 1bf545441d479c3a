/** Fetches a known model from the hub: pinned to a revision and to the hash of each file. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkCall } from '../../../lib/calls.js';
import { QuiverError } from '../../../lib/errors.js';
import type { LongCallOptions } from '../../../lib/index.js';
import { download } from './download.js';
import { modelsHome } from './home.js';
import { findModel, MODELS, type KnownModel } from './registry.js';

/** `$QUIVER_HUB` may name a mirror with the same layout. */
const HUB = 'https://huggingface.co';

export interface PullOptions extends LongCallOptions {
  /** Address of the hub or of a mirror. Default: `$QUIVER_HUB`, else the public hub. */
  hub?: string;
  /** Attempts that brought nothing before it gives up. Default 5. */
  retries?: number;
}

export interface Pulled {
  name: string;
  folder: string;
  bytes: number;
  /** Files that were fetched now; the rest was there. */
  fetched: number;
}

function knownModel(name: string): KnownModel {
  const found = findModel(name);
  if (found !== undefined) return found;
  const known = MODELS.map((model) => model.name).join(', ');
  throw new QuiverError('E_NOT_FOUND', `There is no model named ${name}. Known are ${known}; or give a folder.`, {
    expected: known,
    actual: name,
  });
}

/** The small files of the folder follow from what is known of the model. */
async function writeSettings(folder: string, { dim, maxTokens, pooling }: KnownModel): Promise<void> {
  const modes = { mean: 'mean_tokens', cls: 'cls_token', max: 'max_tokens', last: 'lasttoken' };
  const files: Record<string, object> = {
    'config.json': { hidden_size: dim },
    ...(maxTokens !== undefined && { 'sentence_bert_config.json': { max_seq_length: maxTokens } }),
    '1_Pooling/config.json': { word_embedding_dimension: dim, [`pooling_mode_${modes[pooling]}`]: true },
    'modules.json': [
      { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
      { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
      { idx: 2, name: '2', path: '2_Normalize', type: 'sentence_transformers.models.Normalize' },
    ],
  };
  await mkdir(join(folder, '1_Pooling'), { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    await writeFile(join(folder, file), `${JSON.stringify(content, undefined, 2)}\n`);
  }
}

/** By name, or as described. Errors: E_NOT_FOUND (no such model), E_REMOTE, E_CORRUPT, E_IO, E_ABORTED. */
export async function pullModel(wanted: string | KnownModel, options: PullOptions = {}): Promise<Pulled> {
  checkCall(options);
  const model = typeof wanted === 'string' ? knownModel(wanted) : wanted;
  const { signal, onProgress, retries, hub = process.env.QUIVER_HUB ?? HUB } = options;
  const folder = join(modelsHome(), model.name);
  if (model.remote === undefined) {
    throw new QuiverError('E_ARGUMENT', `${model.name} comes with the package: there is nothing to pull.`, {
      expected: 'a model from the hub',
      actual: model.name,
    });
  }
  const { repository, revision, files } = model.remote;
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let before = 0;
  let fetched = 0;
  for (const { path, file, bytes, sha256 } of files) {
    const url = `${hub.replace(/\/+$/, '')}/${repository}/resolve/${revision}/${path}`;
    const how = await download(url, join(folder, file), {
      bytes,
      sha256,
      signal,
      ...(retries !== undefined && { retries }),
      onBytes: (have) => onProgress?.({ phase: 'pull', done: before + have, total }),
    });
    if (how === 'fetched') fetched++;
    before += bytes;
    onProgress?.({ phase: 'pull', done: before, total });
  }
  await writeSettings(folder, model);
  return { name: model.name, folder, bytes: total, fetched };
}
