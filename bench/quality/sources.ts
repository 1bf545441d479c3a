/** Which data and models of the shared folder are there to be measured; what is not is said, and left out. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Embedder } from '../../src/embed/embedder.js';
import { readRetrievalSet, type RetrievalSet } from '../../src/embed/evaluate/sets.js';
import { openModel } from '../../src/embed/models/open.js';
import { DEFAULT_MODEL } from '../../src/embed/models/registry.js';
import { CachedEmbedder } from '../support/vector-cache.js';
import type { Say } from './retrieval.js';

export interface NamedSet {
  name: string;
  title: string;
  test: RetrievalSet;
  /** For choosing weights. */
  train?: RetrievalSet;
}

export interface NamedModel {
  name: string;
  title: string;
  embedder: Embedder;
}

export interface Sources {
  sets: NamedSet[];
  models: NamedModel[];
  /** STS-B, by split. */
  pairs: { split: string; file: string }[];
  skipped: string[];
}

const TRANSFORMER = 'all-MiniLM-L6-v2-int8';

/** `QUIVER_SHARED`, else the neighbour of the checkout. */
function shared(...parts: string[]): string {
  return resolve(process.env.QUIVER_SHARED ?? '../shared', ...parts);
}

async function openSets(skipped: string[]): Promise<NamedSet[]> {
  const sets: NamedSet[] = [];
  for (const [name, title] of [
    ['scifact', 'SciFact'],
    ['cranfield', 'Cranfield'],
  ] as const) {
    const folder = shared('data', name);
    if (!existsSync(join(folder, 'qrels.tsv'))) {
      skipped.push(`${title}: data/${name} is not in QUIVER_SHARED`);
      continue;
    }
    const set: NamedSet = { name, title, test: await readRetrievalSet(folder, { between: '. ' }) };
    if (existsSync(join(folder, 'qrels.train.tsv'))) {
      set.train = await readRetrievalSet(folder, { between: '. ', split: 'train' });
    }
    sets.push(set);
  }
  return sets;
}

/** The transformer takes minutes for the documents, so its vectors are kept. */
async function openTransformer(say: Say): Promise<NamedModel | string> {
  const folder = shared('models', TRANSFORMER);
  if (!existsSync(folder)) return `MiniLM: models/${TRANSFORMER} is not in QUIVER_SHARED`;
  try {
    const embedder = await CachedEmbedder.open(await openModel(folder));
    say(`${embedder.known} vectors of ${TRANSFORMER} are known already`);
    return { name: TRANSFORMER, title: 'MiniLM, int8', embedder };
  } catch (error) {
    return `MiniLM: ${error instanceof Error ? error.message : String(error)}`;
  }
}

export async function openSources(say: Say): Promise<Sources> {
  const skipped: string[] = [];
  const sets = await openSets(skipped);
  const pairs = ['dev', 'test'].flatMap((split) => {
    const file = shared('data', 'stsb', `${split}.jsonl`);
    if (existsSync(file)) return [{ split, file }];
    skipped.push(`STS-B: data/stsb/${split}.jsonl is not in QUIVER_SHARED`);
    return [];
  });
  const models: NamedModel[] = [{ name: DEFAULT_MODEL, title: 'default', embedder: await openModel() }];
  const transformer = await openTransformer(say);
  if (typeof transformer === 'string') skipped.push(transformer);
  else models.push(transformer);
  return { sets, models, pairs, skipped };
}
