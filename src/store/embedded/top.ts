/** The best few of many. */

/**
 * The `wanted` ids with the highest scores, best first; equal scores by lower id. A heap whose root is the worst one kept: most ids are
 * turned away by one comparison.
 */
export function topIds(ids: Uint32Array, scoreOf: (id: number) => number, wanted: number): number[] {
  const heap: number[] = [];
  const scores: number[] = [];
  const worse = (a: number, b: number): boolean =>
    scores[a] < scores[b] || (scores[a] === scores[b] && heap[a] > heap[b]);
  const swap = (a: number, b: number): void => {
    [heap[a], heap[b]] = [heap[b], heap[a]];
    [scores[a], scores[b]] = [scores[b], scores[a]];
  };
  const down = (): void => {
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < heap.length && worse(child, least)) least = child;
      if (least === at) return;
      swap(at, least);
      at = least;
    }
  };
  const up = (): void => {
    for (let at = heap.length - 1; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!worse(at, parent)) return;
      swap(at, parent);
      at = parent;
    }
  };
  for (const id of ids) {
    const score = scoreOf(id);
    if (heap.length < wanted) {
      heap.push(id);
      scores.push(score);
      up();
    } else if (wanted > 0 && (score > scores[0] || (score === scores[0] && id < heap[0]))) {
      heap[0] = id;
      scores[0] = score;
      down();
    }
  }
  const order = heap.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || heap[a] - heap[b]);
  return order.map((i) => heap[i]);
}
