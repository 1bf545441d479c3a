/** Whether a model on this machine is whole and gives the vectors that it should. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CallOptions } from '../../../lib/index.js';
import type { Embedder } from '../embedder.js';
import { sha256Of } from './download.js';
import { folderOf } from './home.js';
import { findModelFolder, openModel } from './open.js';
import { findModel } from './registry.js';

export interface ModelCheck {
  what: string;
  ok: boolean;
  found: string;
}

/** Two sentences that say the same, and one that does not; any model of use tells them apart. */
const SAME = ['The cat sleeps on the sofa.', 'A cat is lying asleep on the couch.'];
const OTHER = 'Interest rates rose by a quarter of a percent in March.';
/** Quantised graphs move a vector a little with the company of its batch. */
const LEAST_ALONE = 0.98;
const LEAST_REFERENCE = 0.99;

function cosine(a: Float32Array, b: ArrayLike<number>, at = 0): number {
  let [ab, bb, aa] = [0, 0, 0];
  for (let i = 0; i < b.length; i++) {
    ab += a[at + i] * b[i];
    aa += a[at + i] ** 2;
    bb += b[i] ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

async function checkFiles(name: string, folder: string): Promise<ModelCheck[]> {
  const known = findModel(name);
  if (known?.remote === undefined || folder !== folderOf(known.name)) return [];
  const checks: ModelCheck[] = [];
  for (const { file, sha256 } of known.remote.files) {
    const path = join(folder, file);
    const actual = existsSync(path) ? await sha256Of(path) : 'no file';
    const ok = actual === sha256;
    checks.push({ what: file, ok, found: ok ? 'the bytes that were published' : `SHA-256 ${actual}, not ${sha256}` });
  }
  return checks;
}

async function checkVectors(embedder: Embedder, options: CallOptions): Promise<ModelCheck[]> {
  const { dim } = embedder;
  const texts = [...SAME, OTHER];
  const together = await embedder.embed(texts, options);
  const alone = await embedder.embed([SAME[0]], options);
  const row = (i: number): Float32Array => together.subarray(i * dim, (i + 1) * dim);
  const lengths = texts.map((_, i) => Math.hypot(...row(i)));
  const [same, other, again] = [cosine(row(0), row(1)), cosine(row(0), row(2)), cosine(row(0), alone)];
  const off = Math.max(...lengths.map((length) => Math.abs(length - 1)));
  return [
    { what: 'shape', ok: together.length === 3 * dim, found: `${together.length / 3} numbers a text` },
    { what: 'length 1', ok: off < 1e-3, found: `at most ${off.toExponential(1)} off` },
    {
      what: 'meaning',
      ok: same > other + 0.1,
      found: `cosine ${same.toFixed(3)} for the same, ${other.toFixed(3)} for another`,
    },
    { what: 'alone as together', ok: again >= LEAST_ALONE, found: `cosine ${again.toFixed(4)}` },
  ];
}

/** `reference.jsonl` in the model's folder: texts with the vectors that another implementation gave. */
async function checkReference(embedder: Embedder, folder: string, options: CallOptions): Promise<ModelCheck[]> {
  const file = join(folder, 'reference.jsonl');
  if (!existsSync(file)) return [];
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  const wanted = lines.map((line) => JSON.parse(line) as { text: string; embedding: number[] });
  const vectors = await embedder.embed(
    wanted.map(({ text }) => text),
    options,
  );
  const worst = Math.min(...wanted.map(({ embedding }, i) => cosine(vectors, embedding, i * embedder.dim)));
  const found = `cosine at least ${worst.toFixed(4)} for each of ${wanted.length} texts`;
  return [{ what: 'reference.jsonl', ok: worst >= LEAST_REFERENCE, found }];
}

/** By name, alias or folder. Errors: those of opening it. */
export async function checkModel(
  name: string,
  options: CallOptions = {},
): Promise<{ folder: string; checks: ModelCheck[] }> {
  const folder = await findModelFolder(name);
  const checks = await checkFiles(name, folder);
  const embedder = await openModel(name, options);
  try {
    checks.push(...(await checkVectors(embedder, options)), ...(await checkReference(embedder, folder, options)));
  } finally {
    await embedder.close();
  }
  return { folder, checks };
}
