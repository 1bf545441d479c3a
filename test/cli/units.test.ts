import { strict as assert } from 'node:assert';
import { bytes, count, pairs, plural, seconds, table } from '../../src/cli/format.js';
import { quantile, recall } from '../../src/cli/bench/measure.js';
import { machine } from '../../src/cli/machine.js';
import { listsOfFactory, sampleSize } from '../../src/cli/index/sample.js';

describe('quiver: parts of the command', () => {
  it('formats counts, times and sizes', () => {
    assert.deepEqual([0, 999, 1000, 60_000, 1234567.4].map(count), ['0', '999', '1,000', '60,000', '1,234,567']);
    assert.deepEqual([plural(1, 'core'), plural(2000, 'core')], ['1 core', '2,000 cores']);
    assert.equal(count(2n ** 60n), '1,152,921,504,606,846,976');
    assert.deepEqual([0.0004, 0.0121, 0.5, 9.5, 12.34, 150].map(seconds), [
      '0.4 ms',
      '12 ms',
      '0.50 s',
      '9.50 s',
      '12.3 s',
      '2 min 30 s',
    ]);
    assert.deepEqual([512, 2048, 3.5 * 2 ** 30].map(bytes), ['512 B', '2.0 KiB', '3.5 GiB']);
    assert.equal(
      pairs([
        ['a', '1'],
        ['long', '2'],
      ]),
      'a     1\nlong  2',
    );
  });

  it('aligns tables', async () => {
    const text = await table(
      ['name', 'n'],
      ['left', 'right'],
      [
        ['flat', '1'],
        ['ivf', '1,000'],
      ],
    );
    assert.equal(text, ['name      n', '───────────', 'flat      1', 'ivf   1,000'].join('\n'));
  });

  it('measures recall and quantiles', async () => {
    const truth = Float64Array.of(1, 2, 3, 4, 5, 6);
    assert.equal(await recall(truth, Float64Array.of(2, 1, 9, 4, 9, 9), 3), 0.5);
    assert.equal(await recall(truth, truth, 3), 1);
    // Places that stay empty (fewer vectors than k) are no misses.
    assert.equal(await recall(Float64Array.of(1, -1, -1), Float64Array.of(1, -1, -1), 3), 1);
    const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
    assert.deepEqual(
      [0, 0.5, 0.99, 1].map((q) => quantile(hundred, q)),
      [1, 50, 99, 100],
    );
    assert.equal(quantile([7], 0.5), 7);
  });

  it('chooses the size of the sample to train on', () => {
    assert.equal(sampleSize(128, undefined), 100_000);
    assert.equal(sampleSize(128, 100), 25_600);
    assert.equal(sampleSize(128, 4000), 256_000);
    assert.equal(sampleSize(65_536, 4000), 4096, 'a sample takes at most 1 GiB');
    assert.deepEqual(['IVF256,PQ16', 'OPQ16,IVF1024,PQ16', 'HNSW32'].map(listsOfFactory), [256, 1024, undefined]);
  });

  it('knows the machine', () => {
    const { cpu, cores, memory } = machine();
    assert.ok(cpu !== '' && cores >= 1 && memory > 0);
  });
});
