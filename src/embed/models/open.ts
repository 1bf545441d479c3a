/** From what a user calls a model to an embedder that is ready. */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { QuiverError } from '../../../lib/errors.js';
import type { Embedder } from '../embedder.js';
import type { Device } from '../onnx/messages.js';
import { folderOf, modelsHome } from './home.js';
import { DEFAULT_MODEL, findModel, MODELS } from './registry.js';

export interface OpenModelOptions {
  /** For models in ONNX format. Default `cpu`. */
  device?: Device;
  signal?: AbortSignal;
}

/** Models behind an OpenAI-compatible service: `openai:text-embedding-3-small`, with OPENAI_BASE_URL and OPENAI_API_KEY. */
const SERVICE = 'openai:';

/** What a folder of a model holds, by its files. */
export type FolderKind = 'static' | 'onnx';

export async function kindOfFolder(folder: string): Promise<FolderKind> {
  const text = await readFile(join(folder, 'config.json'), 'utf8').catch(() => '{}');
  return text.includes('"table.bin"') ? 'static' : 'onnx';
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

function absent(name: string): QuiverError {
  const known = findModel(name);
  const message =
    known === undefined
      ? `There is no model named ${name}, and no folder of that name. Known are ${MODELS.map((one) => one.name).join(', ')}; ` +
        'a folder with model.onnx works too.'
      : `${known.name} is not on this machine. Get it with: quiver models pull ${known.name}`;
  return new QuiverError('E_NOT_FOUND', message, { expected: 'a model', actual: name });
}

/** The folder of a model, by its name, an alias, or a path. Error: E_NOT_FOUND, with the command that gets it. */
export async function findModelFolder(name: string): Promise<string> {
  const known = findModel(name);
  const places = known === undefined ? [name, join(modelsHome(), name)] : [folderOf(known.name)];
  for (const place of places) {
    if (await isFolder(place)) return place;
  }
  throw absent(name);
}

/**
 * Opens a model by name (`all-MiniLM-L6-v2`, `default`), by the path of its folder, or as `openai:<model>`.
 * Errors: E_NOT_FOUND, E_CORRUPT, E_MISSING_DEPENDENCY, E_REMOTE, E_UNSUPPORTED.
 */
export async function openModel(name: string = DEFAULT_MODEL, options: OpenModelOptions = {}): Promise<Embedder> {
  const { device, signal } = options;
  if (name.startsWith(SERVICE)) {
    const { HttpEmbedder } = await import('../http/http-embedder.js');
    // Its name is the one that opens it again: a collection keeps that.
    const model = name.slice(SERVICE.length);
    return HttpEmbedder.open({ model, name }, signal === undefined ? {} : { signal });
  }
  const folder = await findModelFolder(name);
  if ((await kindOfFolder(folder)) === 'static') {
    const { openStaticEmbedder } = await import('../static/embedder.js');
    return openStaticEmbedder(folder);
  }
  const { OnnxEmbedder } = await import('../onnx/onnx-embedder.js');
  const known = MODELS.find((model) => folder === folderOf(model.name));
  return OnnxEmbedder.open(folder, {
    ...(known !== undefined && { name: known.name, hybridWeight: known.hybridWeight }),
    ...(device !== undefined && { device }),
  });
}

/** Models on this machine: those of the models' folder, and the one that ships with the package. */
export async function installedModels(): Promise<{ name: string; folder: string; kind: FolderKind }[]> {
  const { readdir } = await import('node:fs/promises');
  const home = modelsHome();
  const names = existsSync(home) ? await readdir(home) : [];
  const folders = [...new Set([folderOf(DEFAULT_MODEL), ...names.sort().map((name) => join(home, name))])];
  const found: { name: string; folder: string; kind: FolderKind }[] = [];
  for (const folder of folders) {
    if (!existsSync(join(folder, 'config.json'))) continue;
    found.push({ name: folder.split('/').at(-1) ?? folder, folder, kind: await kindOfFolder(folder) });
  }
  return found;
}
