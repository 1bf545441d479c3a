/** The models that can be named here: those that are known, and those that lie on this machine, with what they are. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { folderOf } from './home.js';
import { installedModels, type FolderKind } from './open.js';
import { DEFAULT_MODEL, MODELS } from './registry.js';

export interface ModelEntry {
  name: string;
  aliases: readonly string[];
  kind: FolderKind;
  dim: number | undefined;
  languages: string | undefined;
  license: string | undefined;
  /** Bytes on disk, or to be fetched. */
  bytes: number;
  /** Where it lies; absent when it has to be fetched first. */
  folder?: string;
  /** It comes with the package. */
  shipped: boolean;
}

export async function bytesOfFolder(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}

async function dimOf(folder: string): Promise<number | undefined> {
  try {
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>;
    const dim = config.dim ?? config.hidden_size;
    return typeof dim === 'number' ? dim : undefined;
  } catch {
    return undefined;
  }
}

/** Known ones first, in the registry's order, then those that were added here. */
export async function listModels(): Promise<ModelEntry[]> {
  const installed = await installedModels();
  const entries: ModelEntry[] = [];
  for (const { name, aliases, dim, languages, license, remote } of MODELS) {
    const here = installed.find(({ folder }) => folder === folderOf(name));
    entries.push({
      name,
      aliases,
      kind: remote === undefined ? 'static' : 'onnx',
      dim,
      languages,
      license,
      bytes: here ? await bytesOfFolder(here.folder) : (remote?.files.reduce((sum, file) => sum + file.bytes, 0) ?? 0),
      ...(here && { folder: here.folder }),
      shipped: name === DEFAULT_MODEL,
    });
  }
  for (const { name, folder, kind } of installed) {
    if (entries.some((entry) => entry.folder === folder)) continue;
    const [dim, bytes] = [await dimOf(folder), await bytesOfFolder(folder)];
    entries.push({
      name,
      aliases: [],
      kind,
      dim,
      languages: undefined,
      license: undefined,
      bytes,
      folder,
      shipped: false,
    });
  }
  return entries;
}
