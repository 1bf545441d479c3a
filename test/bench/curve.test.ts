import { strict as assert } from 'node:assert';
import { commonLeast, mixed, mixedSpeed, reaching, type Point } from '../../bench/graph/curve.js';
import { rowsOf, type Measured } from '../../bench/graph/rows.js';
import { draw } from '../../bench/support/chart.js';
import { recallOf } from '../../bench/support/data.js';
import { gaussianClusters } from '../../bench/support/gaussian-clusters.js';
import { Index } from '../../lib/index.js';

const points: Point[] = [
  { ef: 10, chosenOn: 0.9, shown: 0.91, qps: 400 },
  { ef: 12, chosenOn: 0.94, shown: 0.94, qps: 200 },
  { ef: 16, chosenOn: 0.98, shown: 0.97, qps: 100 },
];

describe('bench: curves of recall and speed', function () {
  this.timeout(30_000);

  it('reads a setting between two widths by the half for choosing', () => {
    const setting = reaching(points, 0.96);
    assert.deepEqual([setting?.low, setting?.high], [12, 16]);
    assert.ok(Math.abs((setting?.part ?? 0) - 0.5) < 1e-9);
    // Straight in the logarithm: halfway between 200 and 100 is 141.
    assert.equal(Math.round(mixedSpeed(200, 100, 0.5)), 141);
    assert.equal(mixed(0.9, 1, 0.5), 0.95);
  });

  it('takes the least width for a recall below it, and none for one that is never reached', () => {
    assert.deepEqual(reaching(points, 0.5), { low: 10, high: 10, part: 0 });
    assert.equal(reaching(points, 0.99), undefined);
    assert.equal(reaching([], 0.5), undefined);
    const starting = (chosenOn: number): Point[] => [{ ef: 10, chosenOn, shown: chosenOn, qps: 1 }];
    assert.equal(commonLeast([points, starting(0.93), starting(0.995)], 0.99), 0.93);
  });

  it('shows who failed and who never got there as rows, too', () => {
    const base = { about: 'x 1', built: undefined, opened: undefined };
    const measured: Measured = {
      key: 'k',
      data: 'd',
      dim: 2,
      metric: 'l2',
      count: 1,
      queries: 1,
      compared: [],
      made: [
        { ...base, name: 'a', label: 'A', points, failure: undefined },
        { ...base, name: 'b', label: 'B', points: [], failure: 'build: stopped' },
      ],
    };
    const rows = rowsOf(measured).map(([, label, said]) => `${label ?? ''}: ${said ?? ''}`);
    assert.deepEqual(rows, ['A: never reached 0.95: 0.9700', 'A: never reached 0.99: 0.9700', 'B: failed (see below)']);
  });

  it('draws what is well formed, also at recall 1 and with signs of markup in a name', () => {
    const svg = draw({
      file: 'x',
      title: 'a < b & c',
      series: [
        {
          label: 'one',
          points: [
            { recall: 0.9, qps: 50_000 },
            { recall: 1, qps: 100 },
          ],
        },
      ],
    });
    assert.match(svg, /^<svg [^>]+>/);
    assert.match(svg, /a &#60; b &#38; c/);
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
  });

  it('makes the same clusters each time, near enough to each other that a graph has to walk', async () => {
    const { dim, base, queries } = gaussianClusters(5_000, 100, 50);
    assert.deepEqual(gaussianClusters(5_000, 100, 50).base, base);
    const index = await Index.create({ dim, type: 'hnsw', M: 4, efConstruction: 16 });
    await index.add(base);
    const truth = await index.search(queries, 10, { exact: true });
    const found = await index.search(queries, 10, { efSearch: 10 });
    const recall = recallOf(truth.ids as Float64Array, found.ids as Float64Array, 10);
    assert.ok(recall > 0.2 && recall < 0.99, `recall ${recall}`);
    await index.close();
  });
});
