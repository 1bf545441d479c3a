/** How far two models agree on which texts are near each other. */
import { Index } from '../../../lib/index.js';

export interface VectorsOf {
  vectors: Float32Array;
  dim: number;
}

/** The `k` nearest others of each text, by cosine. */
async function neighbours({ vectors, dim }: VectorsOf, k: number): Promise<number[][]> {
  const index = await Index.create({ dim, metric: 'cosine', type: 'flat' });
  try {
    await index.add(vectors);
    const found = await index.search(vectors, k + 1);
    const ids = Array.from({ length: vectors.length / dim }, (_, i) =>
      Array.from(found.row(i), (hit) => Number(hit.id)),
    );
    return ids.map((row, i) => row.filter((id) => id !== i).slice(0, k));
  } finally {
    await index.close();
  }
}

/** Share of the `k` nearest neighbours by one model that the other finds too, 0 to 1. Both have vectors of the same texts. */
export async function neighbourAgreement(teacher: VectorsOf, student: VectorsOf, k = 10): Promise<number> {
  const [expected, found] = [await neighbours(teacher, k), await neighbours(student, k)];
  let both = 0;
  let all = 0;
  expected.forEach((row, i) => {
    const others = new Set(found[i]);
    both += row.filter((id) => others.has(id)).length;
    all += row.length;
  });
  return all === 0 ? 1 : both / all;
}
