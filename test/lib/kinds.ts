/** The kinds of index whose files are tested, each filled with the same vectors. */
import { Index, type IndexOptions, type OpenOptions, type SearchParams } from '../../lib/index.js';
import { clustered, counting, row } from './support.js';

export const DIM = 16;
export const COUNT = 800;
export const DATA = clustered(COUNT, DIM, 71);
export const QUERIES = clustered(24, DIM, 72);

/** Ids that do not count from 0, none of them in order. */
export const OWN_IDS = counting(COUNT).map((i) => ((i * 37) % COUNT) * 10 + 3);

export interface Kind {
  name: string;
  options: Omit<IndexOptions, 'dim'>;
}

const plain = (type: string): Kind => ({ name: type, options: { type } });

export const KINDS: readonly Kind[] = [
  plain('flat'),
  { name: 'flat, cosine', options: { type: 'flat', metric: 'cosine' } },
  { name: 'flat, l1', options: { type: 'flat', metric: 'l1' } },
  { name: 'flat, lp', options: { type: 'flat', metric: 'lp', metricArg: 3 } },
  { name: 'hnsw', options: { type: 'hnsw', M: 8, efConstruction: 40, efSearch: 33 } },
  { name: 'hnsw, ip', options: { type: 'hnsw', M: 8, efConstruction: 40, metric: 'ip' } },
  { name: 'ivf', options: { type: 'ivf', nlist: 16, nprobe: 3 } },
  { name: 'ivf, cosine', options: { type: 'ivf', nlist: 16, nprobe: 3, metric: 'cosine' } },
  plain('SQ8'),
  plain('SQfp16'),
  plain('PQ8x4'),
  plain('PQ8x4fs'),
  plain('RaBitQ'),
  plain('LSH'),
  plain('RQ2x4'),
  plain('HNSW8,SQ8'),
  plain('IVF16,SQ8'),
  plain('IVF16,PQ8x4'),
  plain('IVF16,PQ8x4fs'),
  plain('IVF16,PQ8x4fsr'),
  plain('IVF16,RaBitQ'),
  plain('IVF8,RQ2x4'),
  plain('IVF16_HNSW8,Flat'),
  plain('OPQ8,IVF16,PQ8x4'),
  plain('IVF16,PQ8x4fs,RFlat'),
  plain('PCA8,Flat'),
  plain('RR16,HNSW8'),
  plain('SQ8,RFlat'),
];

/** The ways to open bytes; with `mmap` the vectors are not looked at before the call returns. */
export const WAYS: readonly OpenOptions[] = [{}, { mmap: true }, { mmap: true, verify: true }, { verify: false }];

/** An index of the kind that holds DATA. */
export async function filled(kind: Kind, more: Partial<IndexOptions> = {}, ids?: readonly number[]): Promise<Index> {
  const index = await Index.create({ dim: DIM, ...kind.options, ...more });
  await index.train(DATA);
  await index.add(DATA, ids === undefined ? {} : { ids });
  return index;
}

/** What the index answers to each query alone: then nothing depends on how a batch is split. */
export function answers(index: Index, params: SearchParams = {}): unknown[] {
  return Array.from({ length: QUERIES.length / DIM }, (_, i) =>
    index.searchSync(row(QUERIES, i, DIM), 10, params).row(0),
  );
}
