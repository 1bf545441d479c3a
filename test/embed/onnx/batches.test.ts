import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { planBatches } from '../../../src/embed/onnx/batches.js';
import { pool } from '../../../src/embed/onnx/pooling.js';
import { Queue } from '../../../src/embed/onnx/queue.js';

describe('embed: onnx, batches', () => {
  it('takes every text once, and keeps to the budget with its padding', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 600 })), fc.integer({ min: 1, max: 2000 }), (lengths, budget) => {
        const batches = planBatches(lengths, budget);
        const seen = batches.flat().sort((a, b) => a - b);
        assert.deepEqual(seen, [...lengths.keys()]);
        for (const batch of batches) {
          const longest = Math.max(...batch.map((at) => lengths[at]));
          assert.ok(batch.length === 1 || longest * batch.length <= budget);
        }
      }),
    );
  });

  it('puts texts of like length together, the longest first', () => {
    assert.deepEqual(planBatches([5, 100, 6, 90, 7], 200), [
      [1, 3],
      [4, 2, 0],
    ]);
  });
});

describe('embed: onnx, pooling', () => {
  // Two texts of 2 and 1 tokens, padded to 2, of dim 2.
  const hidden = { data: Float32Array.of(3, 0, 1, 4, 0, 2, 9, 9), batch: 2, length: 2, dim: 2, tokens: [2, 1] };
  const unit = (x: number, y: number): number[] => [x / Math.hypot(x, y), y / Math.hypot(x, y)];
  const wanted = {
    mean: [...unit(2, 2), 0, 1],
    cls: [1, 0, 0, 1],
    last: [...unit(1, 4), 0, 1],
    max: [...unit(3, 4), 0, 1],
  };
  for (const [pooling, rows] of Object.entries(wanted)) {
    it(`${pooling} leaves padding out`, () => {
      const found = pool(hidden, pooling as keyof typeof wanted);
      rows.forEach((value, i) => assert.ok(Math.abs(found[i] - value) < 1e-6, `${i}: ${found[i]} is not ${value}`));
    });
  }
});

describe('embed: onnx, queue', () => {
  it('is an array as far as anyone can see', () => {
    const step = fc.oneof(fc.array(fc.integer(), { maxLength: 5 }), fc.constant('shift'), fc.constant('remove'));
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const queue = new Queue<number>();
        let plain: number[] = [];
        for (const one of steps) {
          if (Array.isArray(one)) {
            queue.push(one);
            plain.push(...one);
          } else if (one === 'shift') assert.equal(queue.shift(), plain.shift());
          else {
            queue.remove((n) => n % 2 === 0);
            plain = plain.filter((n) => n % 2 !== 0);
          }
          assert.deepEqual([queue.length, queue.peek()], [plain.length, plain[0]]);
        }
      }),
    );
  });
});
