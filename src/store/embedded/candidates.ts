/** The chunks that a search weighs against each other, with both scores of each. */
import type { SearchPlan } from '../request.js';
import type { Bm25 } from './bm25.js';
import type { Corpus } from './corpus.js';
import { dot } from './cosine-spread.js';
import { hasBit } from './filters.js';
import type { Bounds, NearIndex } from './near-index.js';
import { topIds } from './top.js';
import type { VectorRows } from './vector-rows.js';

export interface Candidates {
  /** In the order of their numbers, so that equal scores are in the order in which the chunks came in. */
  ids: number[];
  /** Estimates in the last digits, or, where the index keeps codes, in the first: see exactCosines(). */
  cosines: Float64Array;
  /** 1 where the vector index found it, 0 where only the words did. */
  near: Uint8Array;
  words: Float64Array;
  /** A larger pool would bring no more. */
  all: boolean;
}

export interface Sources {
  corpus: Corpus;
  near: NearIndex;
  /** The scores of this question's words, where there is a text. */
  bm25: Bm25 | undefined;
}

/** The best `pool` by vector and the best `pool` by words. */
export function gather({ corpus, near, bm25 }: Sources, plan: SearchPlan, pool: number, bounds: Bounds): Candidates {
  const cosines = new Map<number, number>();
  let all = true;
  if (plan.vector !== undefined) {
    const nearest = near.search(plan.vector, pool, bounds, plan.exact);
    const { lengths } = corpus;
    nearest.ids.forEach((id, i) => {
      // What was just deleted, or is not committed yet, may still, or already, be in the index.
      if ((lengths[id] ?? 0) > 0) cosines.set(id, nearest.cosines[i]);
    });
    all = nearest.all;
  }
  const byWords: number[] = [];
  if (bm25 !== undefined) {
    const { bits } = bounds;
    const found = bits === undefined ? bm25.found : bm25.found.filter((id) => hasBit(bits, id));
    all &&= found.length <= pool;
    for (const id of topIds(found, bm25.scores, pool)) if (!cosines.has(id)) byWords.push(id);
  }
  const ids = [...cosines.keys(), ...byWords].sort((a, b) => a - b);
  const isNear = Uint8Array.from(ids, (id) => Number(cosines.has(id)));
  if (plan.vector !== undefined) {
    for (const [id, cosine] of near.cosines(plan.vector, byWords)) cosines.set(id, cosine);
  }
  return {
    ids,
    near: isNear,
    cosines: Float64Array.from(ids, (id) => cosines.get(id) ?? NaN),
    words: Float64Array.from(ids, (id) => bm25?.of(id) ?? 0),
    all,
  };
}

/** Replaces the cosines at these places by those of the vectors in the database; and at all places where there is none. */
export function exactCosines(
  { ids, cosines }: Candidates,
  vector: Float32Array,
  rows: VectorRows,
  places: readonly number[],
): void {
  const one = new Float32Array(rows.dim);
  const set = (at: number): void => {
    rows.read(ids[at], one, 0);
    cosines[at] = Math.max(-1, Math.min(1, dot(vector, 0, one, 0, rows.dim)));
  };
  for (const at of places) set(at);
  cosines.forEach((cosine, at) => {
    if (Number.isNaN(cosine)) set(at);
  });
}
