import { strict as assert } from 'node:assert';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { clustered, counting, fails, indexes, isExact, known, vectors } from './support.js';

describe('lib: Index.merge', () => {
  const { make } = indexes();
  const dim = 64;
  /** So many go over in one piece. */
  const piece = 4096;
  const data = clustered(10_000, dim, 51);
  const half = 5_000;
  const [low, high] = [data.subarray(0, half * dim), data.subarray(half * dim)];

  it('renumbers in pieces what has no ids of its own, and reports each', async () => {
    const one = await make({ dim, type: 'flat' }, low);
    const two = await make({ dim, type: 'flat' }, high);
    const seen: unknown[] = [];
    const { ids, added, replaced } = await one.merge(two, { onProgress: (progress) => seen.push(progress) });
    assert.deepEqual([...ids], counting(half, half));
    assert.deepEqual([added, replaced, one.count, two.count], [half, 0, 2 * half, 0]);
    assert.deepEqual(
      seen,
      [piece, half].map((done) => ({ phase: 'merge', done, total: half })),
    );
    isExact(await one.search(data.subarray(0, 20 * dim), 5), known(data, dim), data.subarray(0, 20 * dim), dim);
    assert.deepEqual(await one.get(counting(half, half)), high.slice());
  });

  it('renumbers when it is told to, and replaces when it is told not to', async () => {
    const [a, b] = [low.subarray(0, 3 * dim), high.subarray(0, 3 * dim)];
    const one = await make({ dim, type: 'flat' }, a, [5, 6, 7]);
    const { ids } = await one.merge(await make({ dim, type: 'flat' }, b, [6, 7, 8]), { renumber: true });
    assert.deepEqual([...ids], [8, 9, 10]);
    assert.deepEqual(await one.get([5, 6, 7, 8, 9, 10]), Float32Array.of(...a, ...b));
    const two = await make({ dim, type: 'flat' }, a);
    const result = await two.merge(await make({ dim, type: 'flat' }, b), { renumber: false });
    assert.deepEqual(result, { ids: Float64Array.of(0, 1, 2), added: 0, replaced: 3 });
    assert.deepEqual(await two.get([0, 1, 2]), b.slice());
    await fails(one.merge(two, { renumber: 1 as never }), {
      code: 'E_ARGUMENT',
      message: 'renumber must be true or false, but is 1.',
      expected: 'true or false',
      actual: '1',
    });
  });

  it('brings every kind into every other', async () => {
    const few = clustered(600, 8, 52);
    const kinds = [
      ['flat', {}],
      ['hnsw', { M: 8, efConstruction: 40 }],
      ['ivf', { nlist: 4 }],
      ['SQ8', {}],
    ] as const;
    for (const [into, more] of kinds) {
      for (const [from, other] of kinds) {
        const one = await make({ dim: 8, type: into, ...more }, few.subarray(0, 300 * 8), counting(300));
        const two = await make({ dim: 8, type: from, ...other }, few.subarray(300 * 8), counting(300, 300));
        assert.deepEqual(
          [...(await one.merge(two)).ids].sort((a, b) => Number(a) - Number(b)),
          counting(300, 300),
        );
        await Promise.all([one.ready(), two.ready()]);
        assert.deepEqual([one.count, two.count], [600, 0]);
        const { ids } = await one.search(few, 1, { exact: true });
        const right = [...ids].filter((id, i) => id === i).length;
        assert.ok(right >= 580, `${from} into ${into}: ${right}`);
      }
    }
  });

  it('an index that is empty brings nothing', async () => {
    const one = await make({ dim, type: 'flat' }, low.subarray(0, dim));
    const seen: unknown[] = [];
    const result = await one.merge(await make({ dim, type: 'hnsw' }), {
      onProgress: (progress) => seen.push(progress),
    });
    assert.deepEqual([result, seen, one.count], [{ ids: new Float64Array(0), added: 0, replaced: 0 }, [], 1]);
  });

  it('what goes over can be added to the other again', async () => {
    const one = await make({ dim, type: 'flat' });
    const two = await make({ dim, type: 'hnsw', M: 8, efConstruction: 20 }, low.subarray(0, 500 * dim));
    await one.merge(two);
    await two.add(high.subarray(0, 500 * dim));
    isExact(
      await two.search(high.subarray(0, 640), 3, { exact: true }),
      known(high.subarray(0, 500 * dim), dim, counting(500, 500)),
      high.subarray(0, 640),
      dim,
    );
  });

  it('aborted before it begins, changes nothing', async () => {
    const one = await make({ dim, type: 'flat' }, low.subarray(0, dim));
    const two = await make({ dim, type: 'flat' }, high.subarray(0, dim));
    const error = await fails(one.merge(two, { signal: AbortSignal.abort('early') }), {
      code: 'E_ABORTED',
      message: 'The call was aborted.',
      expected: 'a signal that is not aborted',
      actual: 'an aborted one',
    });
    assert.deepEqual([error.cause, one.count, two.count], ['early', 1, 1]);
  });

  it('aborted in the middle, leaves each vector in one of the two', async () => {
    for (const own of [false, true]) {
      const one = await make({ dim, type: 'flat' }, low, own ? counting(half) : undefined);
      const two = await make({ dim, type: 'flat' }, high, own ? counting(half, half) : undefined);
      const controller = new AbortController();
      const error = await fails(
        one.merge(two, { signal: controller.signal, onProgress: () => controller.abort('late') }),
        {
          code: 'E_ABORTED',
          message: `The merge was aborted after ${piece} of ${half} vectors; those are here now, the others still there.`,
          expected: `${half} vectors`,
          actual: String(piece),
        },
      );
      assert.equal(error.cause, 'late');
      assert.deepEqual([one.count, two.count], [half + piece, half - piece]);
      await one.merge(two, { renumber: !own });
      assert.deepEqual([one.count, two.count], [2 * half, 0]);
      const { ids, distances } = await one.search(data, 1);
      assert.equal(new Set(ids).size, 2 * half, 'a second call brings the rest');
      assert.ok(distances.every((distance) => distance < 1e-4));
    }
  });

  it('an onProgress that throws stops it as an abort does', async () => {
    const one = await make({ dim, type: 'flat' }, low);
    const two = await make({ dim, type: 'flat' }, high);
    const bad = new Error('from the callback');
    const onProgress = (): never => {
      throw bad;
    };
    await assert.rejects(one.merge(two, { onProgress }), (error) => error === bad);
    assert.deepEqual([one.count, two.count], [half + piece, half - piece]);
  });

  it('one that cannot take the vectors leaves them where they are', async () => {
    const one = await make({ dim, type: 'ivf' });
    const two = await make({ dim, type: 'flat' }, high.subarray(0, 10 * dim));
    await fails(one.merge(two), {
      code: 'E_NOT_TRAINED',
      message: 'This kind of index (IVF1,Flat) must be trained first: call train() with a sample of the vectors.',
      expected: 'a trained index',
      actual: 'an untrained one',
    });
    const numbers = await make({ dim, type: 'flat' });
    const bigints = await make({ dim, type: 'flat', idType: 'bigint' }, high.subarray(0, dim), [2n ** 60n]);
    await fails(numbers.merge(bigints), {
      code: 'E_RANGE',
      message: `ids[0] must be a safe integer (create the index with idType: 'bigint' for larger ids), but is ${2n ** 60n}n.`,
      expected: "a safe integer (create the index with idType: 'bigint' for larger ids)",
      actual: `${2n ** 60n}n`,
    });
    assert.deepEqual([one.count, two.count, numbers.count, bigints.count], [0, 10, 0, 1]);
  });

  it('the other closed meanwhile is an error, and what went over is here', async () => {
    const one = await make({ dim, type: 'flat' });
    const two = await make({ dim, type: 'flat' }, data);
    let closing: Promise<void> | undefined;
    await fails(one.merge(two, { onProgress: () => (closing ??= two.close()) }), {
      code: 'E_CLOSED',
      message: 'The index is closed.',
      expected: 'an open index',
      actual: 'a closed one',
    });
    await closing;
    assert.equal(one.count, piece);
  });

  it('both can be searched meanwhile, and each answer is a vector that is there', async () => {
    const one = await make({ dim, type: 'flat' }, low);
    const two = await make({ dim, type: 'flat' }, high);
    let running = true;
    const merging = one.merge(two).finally(() => (running = false));
    let looked = 0;
    while (running) {
      const found = await one.search(data.subarray(0, dim), 3);
      assert.equal(found.row(0)[0]!.id, 0);
      await two.search(data.subarray(0, dim), 3);
      looked++;
      await nextTurn();
    }
    await merging;
    assert.ok(looked > 0);
  });

  it('the other may be of a shape that is no Index', async () => {
    const index = await make({ dim, type: 'flat' }, vectors(1, dim, 53));
    for (const [other, actual] of [
      [undefined, 'undefined'],
      [null, 'null'],
      ['x', '"x"'],
    ] as const) {
      await fails(index.merge(other as never), {
        code: 'E_ARGUMENT',
        message: `other must be an Index, but is ${actual}.`,
        expected: 'an Index',
        actual,
      });
    }
  });
});
