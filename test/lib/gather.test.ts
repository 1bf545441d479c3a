import { strict as assert } from 'node:assert';
import { readFileSync, writeFileSync } from 'node:fs';
import { Index, QuiverError, type SearchResult } from '../../lib/index.js';
import { clustered, counting, indexes, isExact, known, row, suiteFolder, vectors } from './support.js';

/** Single searches of indexes that are too large to be answered at once: those of one turn leave together. */
describe('lib: single searches asked at once', () => {
  const { keep, make } = indexes();
  const path = suiteFolder();
  const dim = 16;
  const n = 2000;
  const data = clustered(n, dim, 91);
  const queries = clustered(300, dim, 92);
  const query = (i: number): Float32Array => row(queries, i, dim);
  const ids = (found: SearchResult): unknown[] => found.row(0).map((hit) => hit.id);

  for (const metric of ['l2', 'ip', 'cosine'] as const) {
    for (const [type, more] of [
      ['flat', {}],
      ['hnsw', { M: 8, efConstruction: 40 }],
      ['ivf', { nlist: 16 }],
    ] as const) {
      it(`find what each finds alone: ${type}, ${metric}`, async () => {
        const index = await make({ dim, metric, type, ...more }, data);
        const together = await Promise.all(counting(300).map((i) => index.search(query(i), 7)));
        for (const i of counting(300)) {
          const alone = await index.search(query(i), 7);
          assert.deepEqual([together[i].n, together[i].k], [1, 7]);
          assert.deepEqual(ids(together[i]), ids(alone), `query ${i}`);
          if (type === 'flat' && i < 30) isExact(together[i], known(data, dim), query(i), dim, metric);
        }
      });
    }
  }

  it('may each have their own k and effort', async () => {
    const index = await make({ dim, type: 'hnsw', M: 4, efConstruction: 10, efSearch: 4 }, data);
    const options = [undefined, {}, { efSearch: 200 }, { efSearch: 1 }, { exact: true }, { nprobe: 3 }] as const;
    const asked = counting(300).map((i) => ({ i, k: 1 + (i % 4), option: options[i % 6] }));
    const together = await Promise.all(asked.map(({ i, k, option }) => index.search(query(i), k, option)));
    for (const { i, k, option } of asked) {
      const alone = await index.search(query(i), k, option);
      assert.equal(together[i].k, k);
      assert.deepEqual(ids(together[i]), ids(alone));
    }
  });

  it('may be asked on several indexes and by several kinds of ids', async () => {
    const [numbers, bigints] = [
      await make({ dim, type: 'flat' }, data),
      await make(
        { dim, type: 'flat', idType: 'bigint' },
        data,
        counting(n).map((id) => 2n ** 40n + BigInt(id)),
      ),
    ];
    const pairs = await Promise.all(
      counting(40).map(async (i) => Promise.all([numbers.search(query(i), 3), bigints.search(query(i), 3)])),
    );
    for (const [a, b] of pairs) {
      assert.ok(a.ids instanceof Float64Array && b.ids instanceof BigInt64Array);
      assert.deepEqual(
        ids(a).map((id) => 2n ** 40n + BigInt(id as number)),
        ids(b),
      );
    }
  });

  it('are taken as they are when they are asked: the array may be used for the next one', async () => {
    const index = await make({ dim, type: 'flat' }, data);
    const one = new Float32Array(dim);
    const asked = counting(100).map((i) => {
      one.set(row(data, i, dim));
      return index.search(one, 1);
    });
    one.fill(99);
    assert.deepEqual(
      (await Promise.all(asked)).map((found) => ids(found)[0]),
      counting(100),
    );
  });

  it('have results of their own: what one does to its arrays the others do not see', async () => {
    const index = await make({ dim, type: 'flat' }, data);
    const [first, ...others] = await Promise.all(counting(5).map((i) => index.search(row(data, i, dim), 3)));
    structuredClone(first.ids, { transfer: [first.ids.buffer as ArrayBuffer] });
    first.distances.fill(-1);
    assert.deepEqual(
      others.map((found) => ids(found)[0]),
      [1, 2, 3, 4],
    );
    assert.ok(others.every(({ distances }) => distances.every((distance) => distance >= 0)));
  });

  it('may be more than one call takes', async () => {
    const wide = vectors(20, 1024, 93);
    const index = await make({ dim: 1024, type: 'flat' }, wide);
    const found = await Promise.all(counting(1100).map((i) => index.search(row(wide, i % 20, 1024), 1)));
    assert.deepEqual(
      found.map((one) => ids(one)[0]),
      counting(1100).map((i) => i % 20),
    );
  });

  it('may ask for very many neighbours each', async () => {
    const index = await make({ dim, type: 'flat' }, data);
    const found = await Promise.all(counting(4).map((i) => index.search(row(data, i, dim), 1 << 20)));
    for (const [i, one] of found.entries()) {
      assert.equal(one.ids.length, 1 << 20);
      assert.equal(ids(one)[0], i);
      assert.equal(one.row(0).length, n);
    }
  });

  it('fail each with an error of its own', async () => {
    // So many that whole blocks hold nothing but vectors: others are looked through at the open.
    const many = 6_000_000 / dim;
    const index = await make({ dim, type: 'flat' }, vectors(many, dim, 95));
    await index.save(path('damaged.quiver'));
    const bytes = readFileSync(path('damaged.quiver'));
    const at = bytes.length - many * dim * 2;
    bytes[at] = bytes[at] ^ 1;
    writeFileSync(path('damaged.quiver'), bytes);
    // Mapped, it is looked through in the background: from then on every call fails.
    const damaged = keep(await Index.open(path('damaged.quiver'), { mmap: true }));
    await damaged.ready();
    const outcomes = await Promise.allSettled(counting(3).map((i) => damaged.search(query(i), 3)));
    const errors = outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason as QuiverError);
    for (const error of errors) {
      assert.ok(error instanceof QuiverError);
      assert.equal(error.code, 'E_CORRUPT');
      assert.match(error.message, /damaged/);
    }
    assert.equal(new Set(errors).size, 3);
  });

  it('those that are wrong fail alone, and say what is wrong', async () => {
    const index = await make({ dim, type: 'flat' }, data);
    const wrong = new Map<number, Float32Array>([
      [3, new Float32Array(dim).fill(1, 5).fill(NaN, 7, 8)],
      [40, new Float32Array(dim).fill(1e20)],
    ]);
    const asked = counting(60).map((i) => index.search(wrong.get(i) ?? row(data, i, dim), 1));
    const outcomes = await Promise.allSettled(asked);
    const messages = new Map<number, string>();
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') assert.deepEqual(ids(outcome.value), [i]);
      else {
        const error = outcome.reason as QuiverError;
        assert.equal(error.code, 'E_NOT_FINITE');
        messages.set(i, error.message);
      }
    }
    assert.deepEqual(
      [...messages],
      [
        [3, 'The query holds NaN at position 7; every number must be finite.'],
        [
          40,
          'The query is too large: its squared length must stay below 1e37, or distances overflow. Scale the vectors.',
        ],
      ],
    );
  });

  it('are each answered with what they asked, however many turns and indexes ask before the first answer', async () => {
    const wide = vectors(800, 64, 96);
    const some = [
      { index: await make({ dim, type: 'flat' }, data), of: data, d: dim },
      { index: await make({ dim: 64, type: 'flat' }, wide), of: wide, d: 64 },
    ];
    for (let round = 0; round < 20; round++) {
      const asked: Promise<unknown>[] = [];
      for (let turn = 0; turn < 10; turn++) {
        for (const { index, of, d } of some) {
          for (let i = 0; i < 1 + turn * 3; i++) {
            const id = (round * 37 + turn * 11 + i) % 800;
            asked.push(index.search(row(of, id, d), 1).then((found) => assert.deepEqual(ids(found), [id])));
          }
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all(asked);
    }
  });
});
