import { strict as assert } from 'node:assert';
import { Index, type Metric, type TuneOptions } from '../../lib/index.js';
import { clustered, fails, indexes, recall, row, vectors } from './support.js';

const dim = 16;
const n = 4000;
const data = clustered(n, dim, 81);
const queries = clustered(100, dim, 82);

describe('lib: Index.tune', () => {
  const { keep, make } = indexes();

  const graph = (more = {}) => make({ dim, type: 'hnsw', M: 16, efConstruction: 40, efSearch: 10, ...more }, data);
  const lists = (more = {}) => make({ dim, type: 'ivf', nlist: 64, nprobe: 1, ...more }, data);

  it('finds the efSearch of a graph and leaves it set', async () => {
    const index = await graph();
    const truth = await index.search(queries, 10, { exact: true });
    let before = 0;
    for (const wanted of [0.7, 0.9, 0.99]) {
      const tuned = await index.tune({ recall: wanted, queries });
      assert.deepEqual([tuned.parameter, tuned.k, tuned.queries], ['efSearch', 10, 100]);
      assert.equal(index.stats().efSearch, tuned.value);
      const reached = recall(await index.search(queries, 10), truth);
      assert.ok(reached >= wanted, `${reached} of ${wanted} with ${tuned.value}`);
      assert.equal(tuned.recall, reached);
      assert.ok(tuned.value >= before, `${tuned.value} after ${before}`);
      before = tuned.value;
    }
  });

  it('finds the least nprobe of lists and leaves it set', async () => {
    for (const metric of ['l2', 'ip', 'cosine'] as Metric[]) {
      const index = await lists({ metric });
      const truth = await index.search(queries, 10, { exact: true });
      const at = async (nprobe: number): Promise<number> => recall(await index.search(queries, 10, { nprobe }), truth);
      for (const wanted of [0.6, 0.95]) {
        const { parameter, value, recall: reached } = await index.tune({ recall: wanted, queries });
        assert.deepEqual([parameter, index.stats().nprobe], ['nprobe', value]);
        assert.equal(reached, await at(value));
        assert.ok(reached >= wanted);
        if (value > 1) assert.ok((await at(value - 1)) < wanted, `${metric}: ${value - 1} would be enough`);
      }
    }
  });

  it('reaches all of it with lists', async () => {
    const index = await lists();
    const { recall: reached, value } = await index.tune({ recall: 1, queries });
    assert.equal(reached, 1);
    assert.ok(value <= 64);
    assert.equal(recall(await index.search(queries, 10), await index.search(queries, 10, { exact: true })), 1);
  });

  it('without queries takes a sample of its own vectors and leaves out that each finds itself', async () => {
    for (const idType of ['number', 'bigint'] as const) {
      const index = await lists({ idType });
      const { queries: count, recall: reached, value } = await index.tune({ recall: 0.5 });
      assert.equal(count, 500);
      // One list finds the query itself and most of its neighbours: counting that hit would make one list enough for more.
      const all = await index.tune({ recall: 1 });
      assert.ok(reached >= 0.5 && reached < 1 && value < all.value);
    }
    const few = await make({ dim, type: 'hnsw' }, data.subarray(0, 30 * dim));
    assert.equal((await few.tune({ recall: 0.9 })).queries, 30);
  });

  it('measures as many neighbours as it is told to', async () => {
    const index = await graph();
    const one = await index.tune({ recall: 0.9, queries, k: 1 });
    const many = await index.tune({ recall: 0.9, queries, k: 50 });
    assert.deepEqual([one.k, many.k], [1, 50]);
    assert.ok(many.value >= 50 && many.value > one.value, `${many.value} for 50, ${one.value} for 1`);
  });

  it('takes a single query and rows of numbers', async () => {
    const index = await lists();
    assert.equal((await index.tune({ recall: 0.5, queries: row(queries, 0, dim) })).queries, 1);
    assert.equal(
      (await index.tune({ recall: 0.5, queries: [[...row(queries, 0, dim)], row(queries, 1, dim)] })).queries,
      2,
    );
  });

  it('knows what to turn on every kind', async () => {
    const kinds: [string, string][] = [
      ['HNSW8,SQ8', 'efSearch'],
      ['PCA8,HNSW8', 'efSearch'],
      ['IVF16,SQ8', 'nprobe'],
      ['IVF16,PQ4x4', 'nprobe'],
      ['IVF16,PQ4x4fs', 'nprobe'],
      ['OPQ4,IVF16,PQ4x4', 'nprobe'],
      ['Flat', 'none'],
      ['SQ8', 'none'],
      ['PQ4x4', 'none'],
      ['LSH', 'none'],
    ];
    for (const [type, parameter] of kinds) {
      const index = await make({ dim, type }, data);
      const before = index.stats();
      const tuned = await index.tune({ recall: 0.8, queries });
      assert.equal(tuned.parameter, parameter, type);
      if (parameter === 'none') {
        assert.deepEqual(tuned, { parameter: 'none', value: 0, recall: 1, k: 10, queries: 100 }, type);
        assert.deepEqual(index.stats(), before, type);
      } else assert.ok(tuned.recall >= 0.8, type);
    }
  });

  it('what was found is saved with the index', async () => {
    const index = await graph();
    const { value } = await index.tune({ recall: 0.99, queries });
    const again = keep(await Index.fromBuffer(await index.toBuffer()));
    assert.equal(again.stats().efSearch, value);
  });

  it('says so when no value is enough, and leaves the index as it was', async () => {
    // One link a node and next to no care: parts of such a graph are not connected.
    const index = await make({ dim, type: 'hnsw', M: 2, efConstruction: 1, efSearch: 7 }, vectors(n, dim, 83));
    const reached = recall(
      await index.search(queries, 10, { efSearch: n }),
      await index.search(queries, 10, { exact: true }),
    );
    assert.ok(reached < 1, `${reached}: the graph is whole`);
    await fails(index.tune({ recall: 1, queries }), {
      code: 'E_RANGE',
      message: `No efSearch reaches recall 1 on this index: ${n} gives ${(reached * 100).toFixed(1)} %. Build it with more links (M, efConstruction) or larger codes.`,
      expected: 'recall 1',
      actual: String(reached),
    });
    assert.equal(index.stats().efSearch, 7);
  });

  it('can be aborted between its measurements', async () => {
    const index = await graph();
    const controller = new AbortController();
    const tuning = index.tune({ recall: 0.99, queries, signal: controller.signal });
    controller.abort('enough');
    const error = await fails(tuning, {
      code: 'E_ABORTED',
      message: 'The call was aborted.',
      expected: 'a signal that is not aborted',
      actual: 'an aborted one',
    });
    assert.equal(error.cause, 'enough');
    assert.equal(index.stats().efSearch, 10);
  });

  it('refuses an index with nothing in it', async () => {
    const index = await make({ dim, type: 'hnsw' });
    for (const options of [{ recall: 0.9 }, { recall: 0.9, queries }]) {
      await fails(index.tune(options), {
        code: 'E_ARGUMENT',
        message: 'An empty index has nothing to measure a recall on: add vectors first.',
        expected: 'an index with vectors',
        actual: 'an empty one',
      });
    }
  });

  it('refuses options that are none', async () => {
    const index = await graph();
    const wrong: [Partial<TuneOptions>, string, string, string, 'E_RANGE' | 'E_ARGUMENT' | 'E_DIMENSION'][] = [
      [
        {},
        'recall must be a number above 0 and up to 1, but is undefined.',
        'a number above 0 and up to 1',
        'undefined',
        'E_ARGUMENT',
      ],
      [{ recall: 0 }, 'recall must be above 0 and up to 1, but is 0.', 'above 0 and up to 1', '0', 'E_RANGE'],
      [{ recall: 1.1 }, 'recall must be above 0 and up to 1, but is 1.1.', 'above 0 and up to 1', '1.1', 'E_RANGE'],
      [{ recall: NaN }, 'recall must be above 0 and up to 1, but is NaN.', 'above 0 and up to 1', 'NaN', 'E_RANGE'],
      [
        { recall: 0.9, k: 0 },
        'k must be an integer from 1 to 1,048,576, but is 0.',
        'an integer from 1 to 1,048,576',
        '0',
        'E_RANGE',
      ],
      [
        { recall: 0.9, queries: new Float32Array(dim + 1) },
        'queries must hold whole vectors of 16 numbers, but has 17.',
        'a multiple of 16',
        '17',
        'E_DIMENSION',
      ],
      [
        { recall: 0.9, queries: 5 as never },
        'queries must be a Float32Array or an array of numbers or of vectors, but is 5.',
        'a Float32Array or an array of numbers or of vectors',
        '5',
        'E_ARGUMENT',
      ],
    ];
    for (const [options, message, expected, actual, code] of wrong) {
      await fails(index.tune(options as TuneOptions), { code, message, expected, actual });
    }
    const broken = queries.slice();
    broken[20] = NaN;
    await assert.rejects(index.tune({ recall: 0.9, queries: broken }), { code: 'E_NOT_FINITE' });
    assert.equal(index.stats().efSearch, 10);
  });
});
