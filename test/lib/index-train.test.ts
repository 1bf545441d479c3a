import { strict as assert } from 'node:assert';
import { clustered, fails, indexes, isExact, known } from './support.js';

describe('lib: Index.train', () => {
  const { make } = indexes();
  const dim = 8;
  const data = clustered(2000, dim, 71);

  it('ivf without nlist takes as many lists as the sample calls for', async () => {
    for (const [n, lists] of [
      [1, 1],
      [100, 2],
      [2000, 51],
    ] as const) {
      const index = await make({ dim, type: 'ivf' });
      assert.equal(index.stats().trained, false);
      await index.train(data.subarray(0, n * dim));
      const { nlist, nprobe, factory, trained } = index.stats();
      assert.deepEqual(
        [nlist, nprobe, factory, trained],
        [lists, Math.max(1, Math.round(lists / 32)), `IVF${lists},Flat`, true],
      );
      await index.add(data);
      isExact(await index.search(data.subarray(0, 80), 5, { exact: true }), known(data, dim), data, dim);
    }
  });

  it('keeps the nprobe that was asked for', async () => {
    const index = await make({ dim, type: 'ivf', nprobe: 7 });
    await index.train(data);
    const { nprobe } = index.stats();
    assert.equal(nprobe, 7);
  });

  it('may be trained again while it is empty, and after a reset', async () => {
    const index = await make({ dim, type: 'ivf' });
    await index.train(data.subarray(0, 100 * dim));
    await index.train(data);
    assert.equal(index.stats().nlist, 51);
    await index.add(data);
    await index.reset();
    await index.train(data.subarray(0, 100 * dim));
    assert.equal(index.stats().nlist, 2);
  });

  it('needs as many vectors as lists', async () => {
    const index = await make({ dim, type: 'ivf', nlist: 64 });
    await fails(index.train(data.subarray(0, 63 * dim)), {
      code: 'E_ARGUMENT',
      message:
        'Training needs at least as many vectors as lists: nlist is 64, but 63 vectors came. Give more vectors or a smaller nlist.',
      expected: '>= 64 vectors',
      actual: '63 vectors',
    });
    assert.equal(index.stats().trained, false);
    await index.train(data.subarray(0, 64 * dim));
    assert.equal(index.stats().trained, true);
  });

  it('a codebook needs as many vectors as it has entries', async () => {
    const index = await make({ dim, type: 'PQ4' });
    await fails(index.train(data.subarray(0, 100 * dim)), {
      code: 'E_FAISS',
      message: /^FAISS could not train the index: .*(100|256)/s,
      expected: 'vectors that the kind can learn from',
      actual: '100 vectors',
    });
    await index.train(data.subarray(0, 256 * dim));
    assert.equal(index.stats().trained, true);
  });

  it('is refused on an index that holds vectors', async () => {
    for (const options of [{ type: 'ivf' }, { type: 'ivf', nlist: 4 }, { type: 'PQ4x4' }] as const) {
      const index = await make({ dim, ...options }, data);
      await fails(index.train(data), {
        code: 'E_ARGUMENT',
        message: 'The index is trained and holds vectors; call reset() before training it anew.',
        expected: 'an empty index',
        actual: '2000 vectors',
      });
      assert.equal(index.count, 2000);
    }
  });

  it('changes nothing on kinds that need none', async () => {
    for (const type of ['flat', 'hnsw', 'auto'] as const) {
      const index = await make({ dim, type });
      await index.train(data);
      await index.add(data.subarray(0, 80));
      await index.train(data);
      assert.equal(index.count, 10);
    }
  });

  it('reports its progress', async () => {
    const index = await make({ dim, type: 'ivf' });
    const seen: unknown[] = [];
    await index.train(data, { onProgress: (progress) => seen.push(progress) });
    assert.deepEqual(seen.at(-1), { phase: 'train', done: 2000, total: 2000 });
  });
});
