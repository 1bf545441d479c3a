/** Exact searches by codes: what floats find, in the same order, through everything that changes an index. */
import { strict as assert } from 'node:assert';
import { Index, system, type Metric, type OpenOptions } from '../../lib/index.js';
import { until } from '../support/redis.js';
import { skip } from '../support/skip.js';
import { counting, indexes, suiteFolder, vectors } from './support.js';

const DIM = 256;
const COUNT = 8_000;
const RANK = 12;

/** Vectors that lie in a few directions, as those of texts and images nearly do. */
function lowRank(n: number, seed: number): Float32Array {
  const axes = vectors(RANK, DIM, 91);
  const at = vectors(n, RANK, seed);
  const data = new Float32Array(n * DIM);
  for (let i = 0; i < n * DIM; i++) {
    const [row, column] = [Math.floor(i / DIM), i % DIM];
    for (let r = 0; r < RANK; r++) data[i] += at[row * RANK + r] * axes[r * DIM + column];
  }
  return data;
}

/** By plain arithmetic in doubles. */
function nearest(base: Float32Array, query: Float32Array, metric: Metric): number {
  let [best, least] = [-1, Infinity];
  for (let row = 0; row < base.length / DIM; row++) {
    let [sum, product, length] = [0, 0, 0];
    for (let j = 0; j < DIM; j++) {
      const value = base[row * DIM + j];
      sum += (value - query[j]) ** 2;
      product += value * query[j];
      length += value * value;
    }
    const distance = metric === 'l2' ? sum : metric === 'ip' ? -product : -product / Math.sqrt(length);
    if (distance < least) [best, least] = [row, distance];
  }
  return best;
}

describe('lib: exact searches by codes', () => {
  const { keep } = indexes();
  const file = suiteFolder();
  const base = lowRank(COUNT, 92);
  const queries = lowRank(40, 93);

  async function warm(index: Index): Promise<void> {
    for (let i = 0; i < 3; i++) await index.search(queries, 10, { exact: true });
  }

  before(function () {
    if (system().simd === 'v2') skip(this, 'codes pay with AVX2 or AVX-512 only');
  });

  for (const metric of ['l2', 'ip', 'cosine'] as const) {
    it(`${metric}: find what floats find`, async () => {
      const index = keep(await Index.create({ dim: DIM, metric, type: 'flat' }));
      await index.add(base);
      const plain = await index.search(queries.subarray(0, 5 * DIM), 10);
      assert.equal(index.stats().derivedBytes, 0);
      await warm(index);
      await until(() => index.stats().derivedBytes > 0);
      const found = await index.search(queries.subarray(0, 5 * DIM), 10);
      assert.deepEqual(found.ids, plain.ids);
      for (let q = 0; q < 5; q++) {
        assert.equal(found.ids[q * 10], nearest(base, queries.subarray(q * DIM, (q + 1) * DIM), metric));
      }
      await index.remove([Number(found.ids[0])]);
      assert.equal((await index.search(queries.subarray(0, DIM), 1)).ids[0], found.ids[1]);
      await index.add(queries.subarray(0, DIM), { ids: [COUNT + 5] });
      if (metric !== 'ip') assert.equal((await index.search(queries.subarray(0, DIM), 1)).ids[0], COUNT + 5);
      const filter = { ids: counting(500) };
      const few = await index.search(queries, 3, { filter });
      assert.ok(Array.from(few.ids as Float64Array).every((id) => id < 500));
    });
  }

  it('a mapped index has them only when its codes may be in memory', async () => {
    const index = keep(await Index.create({ dim: DIM, type: 'flat' }));
    await index.add(base);
    await index.save(file('flat'));
    const open = async (options: OpenOptions): Promise<Index> => {
      const opened = keep(await Index.open(file('flat'), options));
      await warm(opened);
      return opened;
    };
    const opened = await open({ mmap: 'vectors' });
    await until(() => opened.stats().derivedBytes > 0);
    assert.ok(opened.stats().mapped);
    const mapped = await open({ mmap: true });
    // On the index's own line of work, behind whatever was begun.
    await mapped.compact();
    assert.equal(mapped.stats().derivedBytes, 0);
    assert.deepEqual((await opened.search(queries, 10)).ids, (await mapped.search(queries, 10)).ids);
  });
});
