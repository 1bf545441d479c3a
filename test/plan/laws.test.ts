import { strict as assert } from 'node:assert';
import { growth, kindOf, lawsOf, lineThrough } from '../../src/plan/laws.js';
import { evenly } from '../../src/plan/sample.js';
import { coresFor, shardsFor } from '../../src/plan/shards.js';
import type { Reading } from '../../src/plan/types.js';
import { random } from '../lib/support.js';

const reading = (chunks: number, change: Partial<Reading> = {}): Reading => ({
  ...{ documents: chunks / 5, chunks, factory: 'HNSW32,Flat', emptyBytes: 60e6 },
  ...{ databaseBytes: 1e5 + 3300 * chunks, snapshotBytes: 1300 * chunks, indexBytes: 1300 * chunks },
  residentBytes: 150e6 + 1300 * chunks,
  ...{ embedMs: 0.1, vectorMs: 0.5, keywordMs: 0.6 + chunks / 1e4, p50Ms: 1 + chunks / 1e4, p95Ms: 2, qps: 900 },
  ...{ cpuSeconds: 0.001, ...change },
});
const wanted = { factory: 'HNSW32,Flat', bytes: (n: number): number => 1200 * n };

describe('laws of growth', () => {
  it('a line goes through two points, and neither part is below 0', () => {
    assert.deepEqual(lineThrough(10, 120, 20, 220), { fixed: 20, each: 10 });
    assert.deepEqual(lineThrough(10, 120, 20, 100), { fixed: 100, each: 0 });
    assert.deepEqual(lineThrough(10, 20, 20, 220), { fixed: 0, each: 11 });
    assert.deepEqual(lineThrough(20, 40, 20, 40), { fixed: 0, each: 2 });
  });

  it('knows kinds by their factory string, and how each grows', () => {
    assert.deepEqual(['Flat', 'HNSW32,SQ8', 'IVF64,Flat'].map(kindOf), ['flat', 'hnsw', 'ivf']);
    const ratio = (kind: Parameters<typeof growth>[0]): number => growth(kind, 40_000) / growth(kind, 10_000);
    assert.equal(ratio('flat'), 4);
    assert.equal(ratio('ivf'), 2);
    assert.ok(ratio('hnsw') > 1.1 && ratio('hnsw') < 1.2);
  });

  it('give at the sample what was measured there', () => {
    const { disk, memory, query } = lawsOf(reading(1000), reading(2000), wanted).at(2000);
    assert.ok(Math.abs(disk.databaseBytes - 6.7e6) < 1);
    assert.equal(disk.snapshotBytes, 2.6e6);
    assert.ok(Math.abs(memory.bytes - 152.6e6) < 1);
    assert.ok(Math.abs(query.p50Ms - 1.2) < 1e-9 && Math.abs(query.qpsPerCore - 1000) < 1e-6);
  });

  it('go on along the line for bytes, and slower for a graph', () => {
    const laws = lawsOf(reading(1000), reading(2000), wanted);
    assert.ok(Math.abs(laws.at(200_000).disk.databaseBytes - (1e5 + 660e6)) < 10);
    assert.ok(Math.abs(laws.at(200_000).memory.indexBytes - 260e6) < 10);
    // Words: 0.1 ms more each 1,000 chunks. The graph's part did not grow between the two.
    assert.ok(Math.abs(laws.at(12_000).query.p50Ms - 2.2) < 1e-6);
  });

  it('take the known size of a kind that the sample is not of', () => {
    const flat = { factory: 'Flat', indexBytes: 1024 * 2000 };
    const laws = lawsOf(reading(1000, flat), reading(2000, flat), wanted);
    assert.equal(laws.at(100_000).memory.indexBytes, 120e6);
  });

  it('never fall with the number of chunks, whatever the noise', () => {
    const next = random(5);
    for (let round = 0; round < 300; round++) {
      const noisy = (chunks: number): Reading => {
        const one = reading(chunks);
        const shaken = Object.entries(one).map(([name, value]: [string, unknown]) => [
          name,
          typeof value === 'number' && name !== 'chunks' ? value * (0.5 + next()) : value,
        ]);
        return Object.fromEntries(shaken) as Reading;
      };
      const laws = lawsOf(noisy(500), noisy(1000), wanted);
      const bounds = { memoryBytes: 8e9, shardBytes: 4e9 };
      let before = [0, 0, 0, 0, 0];
      for (const chunks of [1000, 5000, 1e5, 1e7]) {
        const { disk, memory, query } = laws.at(chunks);
        const { count } = shardsFor(chunks, laws, bounds);
        const now = [disk.bytes, memory.bytes, query.p50Ms, 1 / query.qpsPerCore, count];
        now.forEach((value, i) =>
          assert.ok(value >= (before[i] ?? 0) * (1 - 1e-12), `${i}: ${value} after ${String(before[i])}`),
        );
        before = now;
      }
    }
  });
});

describe('shards and cores', () => {
  const laws = lawsOf(reading(1000), reading(2000), wanted);

  it('one is enough where all fits', () => {
    const { count, memoryBytes } = shardsFor(10_000, laws, { memoryBytes: 8e9, shardBytes: 1e10 });
    assert.deepEqual([count, memoryBytes], [1, laws.at(10_000).memory.bytes]);
  });

  it('are as many as memory and disk ask for, and each stays within', () => {
    const bounds = { memoryBytes: 2e9, shardBytes: 2e9 };
    const shards = shardsFor(10e6, laws, bounds);
    assert.ok(shards.count > 5 && shards.count === Math.max(shards.forMemory, shards.forDisk));
    assert.ok(shards.memoryBytes <= 0.8 * bounds.memoryBytes && shards.diskBytes <= bounds.shardBytes);
    const fewer = laws.at(10e6 / (shards.count - 1));
    assert.ok(fewer.memory.bytes > 0.8 * bounds.memoryBytes || fewer.disk.bytes > bounds.shardBytes);
  });

  it('cores are 70 % busy at the peak', () => {
    // 1,000 queries a second of a core at the sample's size.
    assert.equal(coresFor(1400, 2000, 1, laws), 2);
    assert.equal(coresFor(1401, 2000, 1, laws), 3);
    assert.equal(coresFor(0, 2000, 1, laws), 1);
  });
});

describe('a sample', () => {
  it('has the sizes of all, and so has each half', () => {
    const next = random(3);
    const sizes = Array.from({ length: 2000 }, () => Math.exp(next() * 8));
    const mean = (list: number[]): number => list.reduce((sum, one) => sum + one, 0) / list.length;
    const chosen = evenly(sizes, (size) => size, 200);
    assert.equal(new Set(chosen).size, 200);
    for (const part of [chosen, chosen.slice(0, 100), chosen.slice(100)]) {
      assert.ok(Math.abs(mean(part) / mean(sizes) - 1) < 0.05, String(mean(part) / mean(sizes)));
    }
    assert.deepEqual([...evenly(sizes, (size) => size, 9999)].sort(), [...sizes].sort());
  });
});
