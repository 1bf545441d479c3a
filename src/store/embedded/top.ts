/** The best few of many. */

/**
 * The `wanted` ids with the highest scores (`scores[id]`), best first; equal scores by lower id. A heap whose root is the worst one kept:
 * most ids are turned away by one comparison.
 */
export function topIds(ids: Uint32Array, scores: Float32Array, wanted: number): Uint32Array {
  const heap = new Uint32Array(Math.min(wanted, ids.length));
  let size = 0;
  const worse = (a: number, b: number): boolean => scores[a] < scores[b] || (scores[a] === scores[b] && a > b);
  const sift = (id: number): void => {
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && worse(heap[child + 1], heap[child])) child++;
      if (!worse(heap[child], id)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = id;
  };
  for (let i = 0; i < ids.length && wanted > 0; i++) {
    const id = ids[i];
    if (size < heap.length) {
      let at = size++;
      for (let parent = (at - 1) >> 1; at > 0 && worse(id, heap[parent]); parent = (at - 1) >> 1) {
        heap[at] = heap[parent];
        at = parent;
      }
      heap[at] = id;
    } else if (worse(heap[0], id)) sift(id);
  }
  return heap.sort((a, b) => (worse(a, b) ? 1 : -1));
}
