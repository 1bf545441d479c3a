/**
 * An index whose every vector says of which generation it is, so that a file which mixes two of them, or lacks a part,
 * gives itself away.
 */
import type { Index } from '../../../lib/index.js';
import { DIM } from './kinds.js';

export const ROWS = 400;

/** All vectors of a generation: the first number is the generation, the second the row. */
export function generation(number: number): Float32Array {
  const floats = new Float32Array(ROWS * DIM);
  for (let row = 0; row < ROWS; row++) floats.set([number, row], row * DIM);
  return floats;
}

export const ids = (): number[] => Array.from({ length: ROWS }, (_, i) => i);

/** Which generation the index holds. Throws when it is not one whole generation. */
export async function generationOf(index: Index): Promise<number> {
  if (index.count !== ROWS) throw new Error(`${String(index.count)} vectors, not ${String(ROWS)}`);
  const all = await index.get(ids());
  const number = all[0] ?? NaN;
  for (let row = 0; row < ROWS; row++) {
    const [first, second] = all.subarray(row * DIM, row * DIM + 2);
    if (first !== number || second !== row) {
      throw new Error(`row ${String(row)} of generation ${String(number)} holds ${String(first)}, ${String(second)}`);
    }
  }
  const query = new Float32Array(DIM);
  query.set([number, 17]);
  const [nearest] = (await index.search(query, 1, { exact: true })).row(0);
  if (nearest?.id !== 17) throw new Error(`a search for row 17 found ${String(nearest?.id)}`);
  return number;
}
