/** The libraries that are compared, with versions; each is installed into the cache by the first run. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LineServer } from '../../test/support/line-server.js';
import { pythonWith } from '../../test/support/python.js';
import { scriptModule } from '../../test/support/run.js';
import type { Context } from '../support/report.js';
import { OURS } from './setting.js';
import type { Launcher } from './system.js';

export type Language = 'node' | 'python';

const PYTHON = ['faiss', 'hnswlib', 'usearch'];
const NODE = [
  { name: 'hnswlib-node', version: '3.0.0' },
  { name: 'usearch', version: '2.25.3' },
  { name: '@lancedb/lancedb', version: '0.39.0' },
  {
    name: 'faiss-node',
    version: '0.5.1',
    hint: 'its install fetches a prebuilt addon, or else FAISS itself to compile it',
  },
];

const script = fileURLToPath(new URL('../../../bench/peers/graph_loop.py', import.meta.url));
const loop = fileURLToPath(new URL('../peers/node-loop.js', import.meta.url));

const firstLine = (error: unknown): string =>
  ((error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '').replace(/:$/, '');

function node(
  context: Context,
  name: string,
  label: string,
  folder: string,
  word: string,
  env: NodeJS.ProcessEnv = {},
): Launcher {
  const start = (): LineServer =>
    new LineServer(label, process.execPath, [loop, name, folder, join(context.folder, `scratch-${word}`)], env);
  return { name: word, label, start };
}

function ours(context: Context): Launcher {
  return node(context, OURS, 'Quiver', '', OURS);
}

async function pythonPeers(
  wanted: readonly string[],
  notes: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Launcher[]> {
  let python: string;
  try {
    python = await pythonWith('graphs');
  } catch (error) {
    notes.push(`${wanted.join(', ')} for Python could not be had: ${firstLine(error)}.`);
    return [];
  }
  return wanted.map((name) => ({
    name: `python-${name}`,
    label: `${name}, Python`,
    start: () => new LineServer(`${name}, Python`, python, [script, name], env),
  }));
}

async function nodePeers(context: Context, notes: string[]): Promise<Launcher[]> {
  const { nodePeer } = await scriptModule<{ nodePeer: (name: string, version: string) => Promise<string> }>(
    'lib/node-peers.mjs',
  );
  const found: Launcher[] = [];
  for (const { name, version, hint } of NODE) {
    const word = `node-${name.replace(/^.*\//, '')}`;
    const missing = join(context.folder, `missing-${word}`);
    // Tried once a run: it takes long to fail.
    if (existsSync(missing)) {
      notes.push(readFileSync(missing, 'utf8'));
      continue;
    }
    try {
      found.push(node(context, name, `${name}, Node`, await nodePeer(name, version), word));
    } catch (error) {
      const note = `${name} ${version} could not be had: ${firstLine(error)}${hint === undefined ? '' : ` (${hint})`}.`;
      writeFileSync(missing, note);
      notes.push(note);
    }
  }
  return found;
}

/** Ours and those of the languages; what cannot be had is a note. */
export async function launchers(
  context: Context,
  languages: readonly Language[],
  notes: string[],
): Promise<Record<Language, Launcher[]> & { ours: Launcher }> {
  return {
    ours: ours(context),
    python: languages.includes('python') ? await pythonPeers(PYTHON, notes) : [],
    node: languages.includes('node') ? await nodePeers(context, notes) : [],
  };
}

/** Ours and Python's FAISS alone; without the latter where it cannot be had. */
export async function oursAndFaiss(context: Context, notes: string[]): Promise<Launcher[]> {
  return [ours(context), ...(await pythonPeers(['faiss'], notes))];
}

export function oursAlone(context: Context): Launcher {
  return ours(context);
}

/** What FAISS's wheel calls the levels that our builds are for. */
const FAISS_LEVELS = { v2: 'NONE', v3: 'AVX2', v4: 'AVX512' } as const;
export type Level = keyof typeof FAISS_LEVELS;

/** Both, held to what a CPU of that level has. */
export async function oursAndFaissAt(level: Level, context: Context, notes: string[]): Promise<Launcher[]> {
  const env = { QUIVER_SIMD: level, QUIVER_KERNELS: level };
  const mine = node(context, OURS, `Quiver, ${level}`, '', `${OURS}-${level}`, env);
  const theirs = await pythonPeers(['faiss'], notes, { FAISS_SIMD_LEVEL: FAISS_LEVELS[level] });
  return [mine, ...theirs.map((one) => ({ ...one, name: `${one.name}-${level}`, label: `${one.label}, ${level}` }))];
}
