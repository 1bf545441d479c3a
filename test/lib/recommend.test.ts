import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { Index, type Metric, type Recommendation } from '../../lib/index.js';
import { candidates, defaultMemory } from '../../lib/recommend.js';
import { clustered, fails, indexes, random } from './support.js';

const GIB = 2 ** 30;

describe('lib: Index.recommend', () => {
  const { keep } = indexes();

  it('compares with all where that is quick', () => {
    for (const [n, dim] of [
      [0, 384],
      [1, 1],
      [9_999, 4096],
      [100_000, 9],
      [999_999, 1],
    ] as const) {
      const { factory, type, bytes, reason } = Index.recommend({ n, dim, memory: GIB });
      assert.deepEqual([factory, type, bytes], ['Flat', 'flat', n * dim * 4], `${n} of ${dim}`);
      assert.equal(reason, `${n.toLocaleString('en')} vectors are few enough to compare with all of them, exactly`);
    }
    assert.equal(
      Index.recommend({ n: 10_000, dim: 100, memory: GIB }).type,
      'hnsw',
      'and not from 10,000 and a million numbers on',
    );
  });

  it('goes down from graphs to codes as the memory gets less', () => {
    const at = (memory: number): Recommendation => Index.recommend({ n: 10_000_000, dim: 128, memory });
    const steps = [10e9, 5e9, 2e9, 1e9].map(at);
    assert.deepEqual(
      steps.map(({ factory }) => factory),
      ['HNSW32,Flat', 'HNSW32,SQ8', 'IVF12649,SQ8', 'IVF12649,PQ32'],
    );
    assert.deepEqual(
      steps.map(({ type }) => type),
      ['hnsw', 'hnsw', 'ivf', 'ivf'],
    );
    for (const [i, { bytes, reason }] of steps.entries()) {
      if (i > 0) assert.ok(bytes < steps[i - 1].bytes);
      assert.match(reason, /MiB of .*MiB\)$/);
    }
    const none = at(1000);
    assert.equal(none.factory, 'IVF12649,PQ32');
    assert.match(
      none.reason,
      /^the smallest kind, but it needs [\d.,]+ MiB and there are 0 MiB: split the data or use a larger machine$/,
    );
  });

  it('does not name codes for so few vectors that their codebook is larger', () => {
    for (const n of [1, 100, 1000]) {
      const { factory, reason } = Index.recommend({ n, dim: 128, memory: 10 });
      assert.doesNotMatch(factory, /PQ/);
      assert.match(reason, /^the smallest kind, but it needs /);
    }
  });

  it('spends more effort on more recall, and everything on all of it', () => {
    const at = (recall: number): Recommendation => Index.recommend({ n: 1_000_000, dim: 128, memory: GIB, recall });
    assert.deepEqual(
      [0.5, 0.9, 0.95, 0.98, 0.99, 0.999].map((recall) => at(recall).efSearch),
      [32, 32, 64, 128, 200, 400],
    );
    assert.deepEqual([at(1).factory, at(1).bytes], ['Flat', 512_000_000]);
    const lists = (recall: number): Recommendation =>
      Index.recommend({ n: 1_000_000, dim: 128, memory: 1.5e8, recall });
    assert.deepEqual([lists(0.95).nprobe, lists(0.98).nprobe], [125, 250]);
  });

  it('knows what FAISS knows: other metrics on flat only', () => {
    for (const metric of ['l1', 'linf', 'lp', 'canberra', 'braycurtis', 'jensenshannon', 'jaccard'] as const) {
      const { factory, reason } = Index.recommend({ n: 1e7, dim: 128, metric, memory: 1000 });
      assert.deepEqual([factory, reason], ['Flat', `FAISS knows the metric ${metric} on flat indexes only`]);
    }
  });

  it('takes half of what the machine or container has where no memory is given', () => {
    const memory = defaultMemory();
    assert.ok(memory > 2 ** 25 && memory < 2 ** 46);
    const input = { n: 10_000_000, dim: 256 };
    assert.deepEqual(Index.recommend(input), Index.recommend({ ...input, memory }));
  });

  it('whatever is asked for, names a kind that Index.create takes, within the memory where any is', async () => {
    const metric = fc.constantFrom<Metric>('l2', 'ip', 'cosine');
    const input = fc.record({
      n: fc.nat(2 ** 31 - 1),
      dim: fc.integer({ min: 1, max: 4096 }),
      metric,
      memory: fc.integer({ min: 1, max: 64 * GIB }),
      recall: fc.double({ min: 0.01, max: 1, noNaN: true }),
    });
    const asked = new Set<string>();
    await fc.assert(
      fc.asyncProperty(input, async (one) => {
        const { factory, type, bytes, reason, ...parameters } = Index.recommend(one);
        assert.ok(bytes <= one.memory || factory === 'Flat' || reason.startsWith('the smallest kind'), reason);
        assert.ok(parameters.nprobe === undefined || parameters.nprobe <= parameters.nlist!);
        assert.ok(factory.toLowerCase().startsWith(type));
        // FAISS parses each kind of string; the number of lists makes no difference to that, only takes its time.
        const small = factory.replace(/^IVF\d+/, 'IVF16');
        if (asked.has(`${small} ${one.dim}`)) return;
        asked.add(`${small} ${one.dim}`);
        await (await Index.create({ dim: one.dim, metric: one.metric, type: small })).close();
      }),
      { numRuns: 200 },
    );
  });

  describe('says what an index will take, within 5 %', () => {
    const dim = 32;
    const n = 12_000;
    const data = clustered(n, dim, 61);
    for (const metric of ['l2', 'ip'] as const) {
      const flat = Index.recommend({ n, dim, metric, recall: 1 });
      for (const { factory, bytes } of [flat, ...candidates(n, dim, 0.95, metric)]) {
        it(`${factory} for ${metric}`, async () => {
          // A graph takes the same whatever the effort of building it.
          const index = keep(await Index.create({ dim, type: factory, metric, efConstruction: 8 }));
          await index.train(data);
          await index.add(data);
          const real = index.stats().bytes;
          assert.ok(Math.abs(bytes - real) <= 0.05 * real, `${bytes} foretold, ${real} taken`);
        });
      }
    }
  });

  describe('says what a graph takes with its codes, within 5 %, when it sees some of the vectors', () => {
    for (const [dim, n] of [
      [64, 8000],
      [200, 8000],
      [600, 8000],
    ] as const) {
      for (const metric of ['l2', 'cosine'] as const) {
        for (const whole of metric === 'l2' ? [false, true] : [false]) {
          it(`${dim} dims, ${whole ? 'whole numbers' : 'fractions'}, ${metric}`, async () => {
            const next = random(62);
            // In a plane of 40 axes, as real vectors nearly are: or codes would not do.
            const axes = Float32Array.from({ length: 40 * dim }, () => next() - 0.5);
            const data = new Float32Array(n * dim);
            for (let i = 0; i < n; i++) {
              for (let a = 0; a < 40; a++) {
                const along = next() - 0.5;
                for (let j = 0; j < dim; j++) data[i * dim + j] += along * axes[a * dim + j];
              }
            }
            if (whole)
              data.forEach((value, at) => (data[at] = Math.max(0, Math.min(255, Math.round(128 + 60 * value)))));
            const [said] = candidates(n, dim, 0.95, metric, whole);
            const asked = Index.recommend({
              n: 10_000_000,
              dim,
              metric,
              sample: data.subarray(0, 100 * dim),
              memory: 1e12,
            });
            const wanted = candidates(10_000_000, dim, 0.95, metric, whole)[0];
            assert.equal(asked.bytes, wanted.bytes);
            const index = keep(await Index.create({ dim, type: said.factory, metric, efConstruction: 16 }));
            await index.add(data);
            await index.ready();
            const real = index.stats().bytes;
            assert.ok(Math.abs(said.bytes - real) <= 0.05 * real, `${said.bytes} foretold, ${real} taken`);
          });
        }
      }
    }
  });

  it('knows that a cosine index holds no whole numbers', () => {
    const input = { n: 1e6, dim: 200, sample: new Float32Array(2000).fill(7), memory: 1e12 };
    const { bytes } = Index.recommend({ ...input, metric: 'cosine' });
    assert.equal(bytes, candidates(1e6, 200, 0.95, 'cosine', false)[0].bytes);
    assert.ok(Index.recommend({ ...input, metric: 'ip' }).bytes > bytes);
  });

  it('refuses input that is none', async () => {
    const wrong: [unknown, string, string, string, 'E_RANGE' | 'E_ARGUMENT' | 'E_DIMENSION'][] = [
      [{ n: -1, dim: 4 }, 'n', 'an integer from 0 to 2,147,483,647', '-1', 'E_RANGE'],
      [{ n: 2 ** 31, dim: 4 }, 'n', 'an integer from 0 to 2,147,483,647', '2147483648', 'E_RANGE'],
      [{ n: '5', dim: 4 }, 'n', 'an integer from 0 to 2,147,483,647', '"5"', 'E_ARGUMENT'],
      [{ n: 5, dim: 0 }, 'dim', 'an integer from 1 to 65,536', '0', 'E_DIMENSION'],
      [{ n: 5, dim: 4, memory: 0 }, 'memory', 'an integer from 1 to 9,007,199,254,740,991', '0', 'E_RANGE'],
      [{ n: 5, dim: 4, recall: 0 }, 'recall', 'above 0 and up to 1', '0', 'E_RANGE'],
      [{ n: 5, dim: 4, recall: 'all' }, 'recall', 'a number above 0 and up to 1', '"all"', 'E_ARGUMENT'],
      [
        { n: 5, dim: 4, sample: 'some' },
        'sample',
        'a Float32Array or an array of numbers or of vectors',
        '"some"',
        'E_ARGUMENT',
      ],
      [{ n: 5, dim: 4, recall: null }, 'recall', 'a number above 0 and up to 1', 'null', 'E_ARGUMENT'],
    ];
    for (const [input, name, expected, actual, code] of wrong) {
      await fails(() => Index.recommend(input as never), {
        code,
        message: `${name} must be ${expected}, but is ${actual}.`,
        expected,
        actual,
      });
    }
    await fails(() => Index.recommend({ n: 5, dim: 4, metric: 'euclid' as never }), {
      code: 'E_ARGUMENT',
      message: /^metric must be one of l2, ip, cosine, /,
      expected: /^one of l2, ip, cosine, /,
      actual: '"euclid"',
    });
    for (const [input, actual] of [
      [undefined, 'undefined'],
      [null, 'null'],
      [5, '5'],
    ] as const) {
      await fails(() => Index.recommend(input as never), {
        code: 'E_ARGUMENT',
        message: `input must be an object with n and dim, but is ${actual}.`,
        expected: 'an object with n and dim',
        actual,
      });
    }
  });
});
