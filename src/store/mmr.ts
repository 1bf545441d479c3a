/** Maximal marginal relevance: each next hit is relevant, and unlike those before it. */

/**
 * Orders candidates, given from the most relevant to the least. Each step takes the one with the largest
 * `lambda * relevance - (1 - lambda) * (highest similarity to one taken before)`; relevance is scaled to 0..1 first.
 */
export function diversify(
  scores: readonly number[],
  similarity: (a: number, b: number) => number,
  lambda: number,
  wanted: number,
): number[] {
  const best = scores[0] ?? 0;
  const range = best - (scores.at(-1) ?? 0);
  const relevance = scores.map((score) => (range > 0 ? 1 - (best - score) / range : 1));
  const nearest = new Float64Array(scores.length); // to one taken before; unlike is no merit
  const left = new Set(scores.keys());
  const taken: number[] = [];
  while (taken.length < wanted && left.size > 0) {
    let next = -1;
    let value = -Infinity;
    for (const i of left) {
      const here = lambda * relevance[i] - (1 - lambda) * nearest[i];
      if (here > value) [next, value] = [i, here];
    }
    taken.push(next);
    left.delete(next);
    for (const i of left) nearest[i] = Math.max(nearest[i], similarity(next, i));
  }
  return taken;
}
