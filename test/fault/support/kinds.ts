/** The eight kinds of index that the fault tests go through. */
import { Index, type IndexOptions } from '../../../lib/index.js';
import { vectors } from './random.js';

export const DIM = 32;

export interface Kind {
  name: string;
  options: Omit<IndexOptions, 'dim'>;
  /** How far a distance may be from the one to the vector that get() gives; undefined where it is only an estimate. */
  tolerance?: number;
}

export const KINDS: readonly Kind[] = [
  { name: 'Flat', options: { type: 'flat' }, tolerance: 1e-3 },
  { name: 'SQ8', options: { type: 'SQ8' }, tolerance: 1e-2 },
  { name: 'HNSW16', options: { type: 'hnsw', M: 16, efConstruction: 40 }, tolerance: 1e-3 },
  { name: 'HNSW16,SQ8', options: { type: 'HNSW16,SQ8', efConstruction: 40 }, tolerance: 1e-2 },
  { name: 'IVF16,Flat', options: { type: 'IVF16,Flat' }, tolerance: 1e-3 },
  { name: 'IVF16,PQ8x4', options: { type: 'IVF16,PQ8x4' }, tolerance: 1e-2 },
  { name: 'IVF16,RaBitQ', options: { type: 'IVF16,RaBitQ' } },
  { name: 'PQ8', options: { type: 'PQ8np' }, tolerance: 1e-2 },
];

export function kindNamed(name: string): Kind {
  const kind = KINDS.find((one) => one.name === name);
  if (kind === undefined) throw new Error(`no kind ${name}`);
  return kind;
}

/** An index of that kind, trained where it needs it, still empty. */
export async function trained(kind: Kind, start: number, more: Partial<IndexOptions> = {}): Promise<Index> {
  const index = await Index.create({ dim: DIM, ...kind.options, ...more });
  await index.train(vectors(1_000, index.dim, start));
  return index;
}

/** An index of that kind with n vectors; ids are 0 to n - 1. */
export async function filled(kind: Kind, n: number, start: number, more: Partial<IndexOptions> = {}): Promise<Index> {
  const index = await trained(kind, start, more);
  await index.add(vectors(n, index.dim, start + 1));
  return index;
}
