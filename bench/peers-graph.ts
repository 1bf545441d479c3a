/** HNSW beside other libraries, for Python and for Node, on images and on sentences. */
import { beside } from './graph/beside.js';
import type { Benchmark } from './support/report.js';

export const benchmark: Benchmark = {
  title: 'HNSW beside other libraries',
  run: (context) => beside(['images', 'sentences'], ['python', 'node'], context),
};
