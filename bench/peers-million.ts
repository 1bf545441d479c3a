/**
 * HNSW of a million vectors beside other libraries. Each takes minutes to build it, so those for Node are left out, of which one builds on
 * one thread only.
 */
import { beside } from './graph/beside.js';
import type { Benchmark } from './support/report.js';

export const benchmark: Benchmark = {
  title: 'HNSW of a million vectors beside other libraries',
  run: (context) => beside(['million'], ['python'], context),
};
