import { strict as assert } from 'node:assert';
import { planCapacity, RULES, type CapacityPlan } from '../../src/plan/formula.js';
import type { Need } from '../../src/plan/need.js';
import { PRICES } from '../../src/plan/prices.js';
import { fails, random } from '../lib/support.js';

const close = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < 1e-9 * Math.max(1, Math.abs(expected)), `${actual} is not ${expected}`);

describe('planCapacity', () => {
  it("gives the guide's example, rounded up and paid for as told", () => {
    const { need, get, cost, peak } = planCapacity({ documents: 100_000, qps: 50 });
    assert.equal(peak, 3);
    // By hand: 2 GB * 1.5; 800 / 1024 + 0.3 + 2; 150 / 10.
    close(need.storageGB, 3);
    close(need.memoryGB, 3.08125);
    close(need.cores, 15);
    // By hand: 3.6, 4.005625 and 22.5, each up. The guide has 3, 4 and 22.
    assert.deepEqual(get, { storageGB: 4, memoryGB: 5, cores: 23 });
    // By hand: 23 * 50 + 5 * 5 + 4 * 0.1; 23 * 45 + 5 * 4.5 + 4 * 0.08. The guide has 765.71 and 689.11.
    close(cost.aws.total, 1175.4);
    close(cost.gcp.total, 1057.82);
  });

  it('never says 0, where the guide does', () => {
    // The guide: int(0.036), int(3.62), int(0.45).
    assert.deepEqual(planCapacity({ documents: 1000, qps: 1 }).get, { storageGB: 1, memoryGB: 4, cores: 1 });
    assert.deepEqual(planCapacity({ documents: 1, qps: 0 }).get, { storageGB: 1, memoryGB: 4, cores: 1 });
  });

  it('does not take the noise of floats for a need', () => {
    // 36 GB and 36 cores exactly: 20 * 1.5 * 1.2, 24 * 1.5.
    const { get } = planCapacity({ documents: 1_000_000, qps: 80 });
    assert.deepEqual([get.storageGB, get.cores], [36, 36]);
    assert.equal(planCapacity({ documents: 5_000_000, qps: 0.7, peak: 100 / 0.7 }).get.cores, 15);
  });

  it('says of which day and in which currency its prices are', () => {
    const { prices } = planCapacity({ documents: 1, qps: 1 });
    assert.equal(prices.currency, 'USD');
    assert.match(prices.date, /^\d{4}-\d\d-\d\d$/);
    assert.deepEqual(PRICES.clouds.aws, { core: 50, memoryGB: 5, storageGB: 0.1 });
    assert.deepEqual(PRICES.clouds.gcp, { core: 45, memoryGB: 4.5, storageGB: 0.08 });
  });
});

describe('planCapacity, over many needs', () => {
  const next = random(11);
  const needs = Array.from({ length: 500 }, (): Required<Need> => ({
    documents: Math.ceil(10 ** (next() * 11)),
    qps: 10 ** (next() * 7 - 2),
    peak: 1 + next() * 20,
  }));
  const parts = ({ get, cost }: CapacityPlan): number[] => [
    ...[get.storageGB, get.memoryGB, get.cores],
    ...[cost.aws.total, cost.gcp.total],
  ];

  it('is whole, and never below the need with its buffer', () => {
    for (const one of needs) {
      const { need, get } = planCapacity(one);
      const pairs = [
        [get.storageGB, need.storageGB * RULES.buffer.storage],
        [get.memoryGB, need.memoryGB * RULES.buffer.memory],
        [get.cores, need.cores * RULES.buffer.cores],
      ] as const;
      for (const [whole, wanted] of pairs) {
        assert.ok(Number.isInteger(whole) && whole >= 1, JSON.stringify(one));
        assert.ok(whole >= wanted * (1 - 1e-8) && whole < wanted + 1 + 1e-6, JSON.stringify({ one, whole, wanted }));
      }
    }
  });

  it('never falls when documents, queries or the peak rise', () => {
    for (const one of needs) {
      const before = parts(planCapacity(one));
      const factor = 1 + next() * 3;
      for (const more of [
        { ...one, documents: Math.ceil(one.documents * factor) },
        { ...one, qps: one.qps * factor },
        { ...one, peak: one.peak * factor },
      ]) {
        parts(planCapacity(more)).forEach((value, i) =>
          assert.ok(value >= (before[i] ?? 0), JSON.stringify({ one, more, i })),
        );
      }
    }
  });

  it('has a total that is the sum of its parts', () => {
    for (const one of needs) {
      const { cost } = planCapacity(one);
      for (const { compute, memory, storage, total } of [cost.aws, cost.gcp]) close(total, compute + memory + storage);
    }
  });
});

describe('planCapacity refuses', () => {
  const cases: [what: string, options: unknown, code: 'E_ARGUMENT' | 'E_RANGE', message: RegExp][] = [
    ['no options', undefined, 'E_ARGUMENT', /^options must be an object, but is undefined\.$/],
    ['no documents', { qps: 1 }, 'E_ARGUMENT', /^documents must be an integer from 1 to .*, but is undefined\.$/],
    ['0 documents', { documents: 0, qps: 1 }, 'E_RANGE', /^documents must be an integer from 1 to .*, but is 0\.$/],
    ['half a document', { documents: 1.5, qps: 1 }, 'E_RANGE', /^documents must be .*, but is 1\.5\.$/],
    ['documents as text', { documents: '5', qps: 1 }, 'E_ARGUMENT', /^documents must be .*, but is "5"\.$/],
    ['queries below 0', { documents: 1, qps: -1 }, 'E_RANGE', /^qps must be a number from 0 to .*, but is -1\.$/],
    ['NaN queries', { documents: 1, qps: NaN }, 'E_RANGE', /^qps must be .*, but is NaN\.$/],
    ['no queries', { documents: 1 }, 'E_ARGUMENT', /^qps must be .*, but is undefined\.$/],
    ['a peak below the average', { documents: 1, qps: 1, peak: 0.5 }, 'E_RANGE', /^peak must be .*, but is 0\.5\.$/],
    ['a peak of null', { documents: 1, qps: 1, peak: 'x' }, 'E_ARGUMENT', /^peak must be .*, but is "x"\.$/],
    [
      'a misspelt option',
      { documents: 1, qps: 1, peek: 2 },
      'E_ARGUMENT',
      /^There is no option "peek"\. Known are documents, qps, peak\.$/,
    ],
  ];
  for (const [what, options, code, message] of cases) {
    it(what, async () => {
      await fails(() => planCapacity(options as Need), { code, message, expected: /./, actual: /./ });
    });
  }
});
