import { strict as assert } from 'node:assert';
import { GpuIndex, system, type Index, type IndexOptions, type Metric } from '../../lib/index.js';
import { skip } from '../support/skip.js';
import { clustered, counting, fails, indexes, isExact, known, recall, vectors } from './support.js';

const dim = 32;
const data = clustered(4000, dim, 41);
const queries = clustered(60, dim, 42);

describe('lib: index.toGpu without a GPU', () => {
  const { make } = indexes();

  it('system() tells what is there, and what is missing', () => {
    const { gpu, gpus } = system();
    assert.equal(gpu, gpus.count > 0);
    assert.equal(typeof gpus.built, 'boolean');
    if (gpus.count > 0) assert.equal(gpus.reason, undefined);
    else if (gpus.built) assert.match(gpus.reason ?? '', /NVIDIA driver/);
    else assert.match(gpus.reason ?? '', /^this build has no GPU code\. .*build\.mjs --cuda.*QUIVER_CUDA=1$/);
  });

  it('is E_NO_GPU, whatever the index holds, and leaves it as it is', async function () {
    const { count, reason } = system().gpus;
    if (count > 0) skip(this, 'there is a GPU here');
    const kinds: Partial<IndexOptions>[] = [{ type: 'flat' }, { type: 'hnsw' }, { type: 'ivf', idType: 'bigint' }];
    for (const options of kinds) {
      const index = await make({ dim, ...options }, data);
      for (const how of [{}, { devices: [0, 1] }, { mode: 'shards', float16: true }] as const) {
        await fails(index.toGpu(how), {
          code: 'E_NO_GPU',
          message: `There is no GPU to use: ${reason ?? ''}.`,
          expected: /GPU/,
          actual: /none|without/,
        });
      }
      assert.equal(index.count, 4000);
      assert.equal((await index.search(queries, 3)).n, 60);
    }
  });

  it('refuses options that are none', async () => {
    const index = await make({ dim, type: 'flat' });
    const wrong = async (options: unknown, message: string) =>
      fails(index.toGpu(options as never), { code: 'E_ARGUMENT', message, expected: /./, actual: /./ });
    const devices = 'devices must be an array of different device numbers, such as [0, 1], but';
    await wrong(null, 'options must be an object, but is null.');
    await wrong({ device: 1 }, 'There is no option "device" here. Known are devices, mode, float16, signal.');
    await wrong({ devices: 1 }, `${devices} is 1.`);
    await wrong({ devices: [] }, `${devices} is an array of 0.`);
    await wrong({ devices: [0, 0] }, `${devices} holds 0.`);
    await wrong({ devices: [-1] }, `${devices} holds -1.`);
    await wrong({ devices: [0.5] }, `${devices} holds 0.5.`);
    await wrong({ devices: ['0'] }, `${devices} holds "0".`);
    await wrong({ mode: 'both' }, `mode must be 'replicas' or 'shards', but is "both".`);
    await wrong({ float16: 1 }, 'float16 must be true or false, but is 1.');
    await wrong({ signal: 1 }, 'signal must be an AbortSignal, but is 1.');
  });

  it('refuses an aborted signal, a closed index, and a call without one', async () => {
    const index = await make({ dim, type: 'flat' }, data);
    await fails(index.toGpu({ signal: AbortSignal.abort() }), {
      code: 'E_ABORTED',
      message: 'The call was aborted.',
      expected: 'a signal that is not aborted',
      actual: 'an aborted one',
    });
    const { toGpu } = index;
    await fails(() => toGpu(), {
      code: 'E_RECEIVER',
      message: 'The method was called without its index: use index.method(), or bind it.',
      expected: 'an Index as `this`',
      actual: 'undefined',
    });
    await index.close();
    await fails(index.toGpu(), {
      code: 'E_CLOSED',
      message: 'The index is closed.',
      expected: 'an open index',
      actual: 'a closed one',
    });
  });

  it('a GpuIndex is not made by new', async () => {
    await fails(() => Reflect.construct(GpuIndex, []) as unknown, {
      code: 'E_ARGUMENT',
      message: 'A GPU index is not made by new: use await index.toGpu().',
      expected: 'index.toGpu()',
      actual: 'new GpuIndex()',
    });
  });
});

/** These run where there is a GPU and a build for it: QUIVER_CUDA=1 npm test. */
describe('lib: GpuIndex on a GPU', function () {
  this.timeout(120_000);
  const { make } = indexes();
  const open: GpuIndex[] = [];

  before(function () {
    const { count, reason } = system().gpus;
    if (count === 0) skip(this, `no GPU: ${reason ?? ''}`);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((gpu) => gpu.close()));
  });
  const copy = async (index: Index, options = {}): Promise<GpuIndex> => {
    const gpu = await index.toGpu(options);
    open.push(gpu);
    return gpu;
  };

  for (const metric of ['l2', 'ip', 'cosine'] satisfies Metric[]) {
    it(`flat, ${metric}: finds what an exact search finds`, async () => {
      const gpu = await copy(await make({ dim, metric, type: 'flat' }, data));
      assert.deepEqual([gpu.dim, gpu.metric, gpu.idType, gpu.count, gpu.devices], [dim, metric, 'number', 4000, [0]]);
      isExact(await gpu.search(queries, 10), known(data, dim), queries, dim, metric);
      isExact(await gpu.search(queries.subarray(0, dim), 2048), known(data, dim), queries, dim, metric);
    });
  }

  it('gives cosines within [-1, 1], and 0 for a vector of zeros', async () => {
    const some = Float32Array.from(data.subarray(0, 100 * dim)).fill(0, 0, dim);
    const gpu = await copy(await make({ dim, metric: 'cosine', type: 'flat' }, some));
    const { distances } = await gpu.search(some, 100);
    assert.ok(distances.every((value) => value >= -1 && value <= 1));
    assert.ok(distances.subarray(0, 100).every((value) => value === 0));
  });

  for (const factory of ['IVF32,Flat', 'IVF32,PQ8', 'IVF32,SQ8', 'OPQ8,IVF32,PQ8']) {
    it(`${factory}: finds as much as on the CPU, with the index's nprobe and the call's`, async () => {
      const index = await make({ dim, type: factory, nprobe: 8 }, data);
      const gpu = await copy(index);
      for (const nprobe of [undefined, 1, 32]) {
        const options = nprobe === undefined ? {} : { nprobe };
        const found = await gpu.search(queries, 10, options);
        assert.ok(recall(found, await index.search(queries, 10, options)) > 0.97, `nprobe ${String(nprobe)}`);
      }
    });
  }

  it('keeps ids, and never finds what was removed before the copy', async () => {
    for (const type of ['flat', 'IVF16,Flat']) {
      const ids = counting(4000, 7, 3);
      const index = await make({ dim, type, nprobe: 16 }, data, ids);
      const gone = new Set(ids.filter((_, i) => i % 3 === 0));
      await index.remove(gone);
      const gpu = await copy(index);
      assert.equal(gpu.count, index.count);
      const left = known(data, dim, ids).filter(({ id }) => !gone.has(Number(id)));
      isExact(await gpu.search(queries, 20), left, queries, dim);
    }
  });

  it('takes bigint ids', async () => {
    const ids = counting(4000).map((i) => 2n ** 62n + BigInt(i));
    const gpu = await copy(await make({ dim, type: 'flat', idType: 'bigint' }, data, ids));
    const found = await gpu.search(queries, 5);
    assert.ok(found.ids instanceof BigInt64Array);
    isExact(found, known(data, dim, ids), queries, dim);
  });

  it('is a snapshot, and outlives the index', async () => {
    const index = await make({ dim, type: 'flat' }, data);
    const gpu = await copy(index);
    await index.add(vectors(10, dim, 43));
    await index.close();
    assert.equal(gpu.count, 4000);
    isExact(await gpu.search(queries, 10), known(data, dim), queries, dim);
  });

  it('marks places without a hit', async () => {
    const gpu = await copy(await make({ dim, type: 'flat' }, data.subarray(0, 3 * dim)));
    const found = await gpu.search(queries.subarray(0, dim), 5);
    assert.deepEqual([...found.ids.subarray(3)], [-1, -1]);
    assert.deepEqual([...found.distances.subarray(3)], [Infinity, Infinity]);
    const none = await copy(await make({ dim, type: 'ivf' }));
    assert.deepEqual([...(await none.search(queries.subarray(0, dim), 2)).ids], [-1, -1]);
  });

  it('halves of 16 bits are near', async () => {
    const index = await make({ dim, type: 'flat' }, data);
    const gpu = await copy(index, { float16: true });
    assert.ok(recall(await gpu.search(queries, 10), await index.search(queries, 10)) > 0.9);
  });

  for (const mode of ['replicas', 'shards'] as const) {
    it(`${mode} over all GPUs find the same`, async function () {
      const { count } = system().gpus;
      if (count < 2) skip(this, `${mode} take two GPUs; there is ${String(count)}`);
      for (const type of ['flat', 'IVF16,Flat', 'IVF16,PQ8']) {
        const index = await make({ dim, type, nprobe: 16 }, data);
        const gpu = await copy(index, { mode });
        assert.deepEqual(gpu.devices, counting(count));
        const found = await gpu.search(queries, 10, { nprobe: 16 });
        assert.ok(recall(found, await index.search(queries, 10, { nprobe: 16 })) > 0.97, type);
      }
    });
  }

  it('answers many calls at once, each its own', async () => {
    const gpu = await copy(await make({ dim, type: 'flat' }, data));
    const all = await Promise.all(counting(60).map((i) => gpu.search(queries.subarray(i * dim, (i + 1) * dim), 10)));
    all.forEach((found, i) => isExact(found, known(data, dim), queries.subarray(i * dim, (i + 1) * dim), dim));
  });

  it('refuses kinds and metrics without a form on a GPU, and devices that are not there', async () => {
    const kinds: Partial<IndexOptions>[] = [
      { type: 'hnsw' },
      { type: 'SQ8' },
      { type: 'IVF16_HNSW8,Flat' },
      { type: 'flat', metric: 'l1' },
    ];
    for (const options of kinds) {
      await fails((await make({ dim, ...options }, data)).toGpu(), {
        code: 'E_UNSUPPORTED',
        message: /has no form on a GPU\. These have one: Flat, IVF/,
        expected: /Flat, IVF/,
        actual: /\(l2\)|\(l1\)/,
      });
    }
    await fails((await make({ dim, type: 'flat' }, data)).toGpu({ devices: [1000] }), {
      code: 'E_RANGE',
      message: /^devices must be numbers from 0 to \d+, but holds 1000\.$/,
      expected: /^0 to \d+$/,
      actual: '1000',
    });
  });

  it('refuses what no search on a GPU takes', async () => {
    const gpu = await copy(await make({ dim, type: 'flat' }, data));
    const expected = 'an integer from 1 to 2,048 on a GPU';
    for (const k of [0, 2049]) {
      const message = `k must be ${expected}, but is ${k}.`;
      await fails(gpu.search(queries, k), { code: 'E_RANGE', message, expected, actual: String(k) });
    }
    const options = { efSearch: 3 } as never;
    await fails(gpu.search(queries, 3, options), {
      code: 'E_ARGUMENT',
      message: /"efSearch"/,
      expected: /nprobe/,
      actual: 'efSearch',
    });
    await fails(gpu.search([1, 2], 3), {
      code: 'E_DIMENSION',
      message: /whole vectors of 32/,
      expected: /./,
      actual: '2',
    });
  });

  it('once closed, refuses searches, and closes again', async () => {
    const gpu = await copy(await make({ dim, type: 'flat' }, data));
    const running = gpu.search(queries, 10);
    await gpu.close();
    assert.equal((await running).n, 60);
    assert.deepEqual([gpu.closed, gpu.count], [true, 0]);
    await gpu.close();
    await fails(gpu.search(queries, 10), {
      code: 'E_CLOSED',
      message: 'The GPU index is closed.',
      expected: 'an open GPU index',
      actual: 'a closed one',
    });
  });
});
