/** One order out of two: how far the vectors like a chunk, and how far the words do. */

/** Mean and standard deviation of a score over the whole store, for this question. */
export interface Spread {
  mean: number;
  deviation: number;
}

export const RRF_CONSTANT = 60;

/**
 * Standard scores, weighted. Both parts are measured against the whole store and not against the candidates alone: among
 * the best hundred of each part the spreads say little, and the weight that suits one question spoils the next.
 */
export function fuseScores(
  cosines: Float64Array,
  words: Float64Array,
  ofCosines: Spread,
  ofWords: Spread,
  weight: number,
): Float64Array {
  return cosines.map((cosine, i) => {
    const z = (value: number, { mean, deviation }: Spread): number => (deviation > 0 ? (value - mean) / deviation : 0);
    return weight * z(cosine, ofCosines) + (1 - weight) * z(words[i], ofWords);
  });
}

/**
 * Reciprocal ranks, weighted. `near` says which are in the vectors' list: the others have no rank there, as what has score 0 has none in
 * the words' list.
 */
export function fuseRanks(cosines: Float64Array, near: Uint8Array, words: Float64Array, weight: number): Float64Array {
  const fused = new Float64Array(cosines.length);
  const add = (scores: Float64Array, share: number, listed: (at: number) => boolean): void => {
    orderOf(scores)
      .filter(listed)
      .forEach((at, rank) => (fused[at] += share / (RRF_CONSTANT + rank + 1)));
  };
  add(cosines, weight, (at) => near[at] === 1);
  add(words, 1 - weight, (at) => words[at] > 0);
  return fused;
}

/** Places from the highest score to the lowest; equal scores keep their order. */
export function orderOf(scores: Float64Array): number[] {
  return Array.from(scores, (_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
}
