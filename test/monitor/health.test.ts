import { strict as assert } from 'node:assert';
import { health } from '../../src/monitor/health.js';
import { recommend } from '../../src/monitor/recommend.js';
import type { Resources } from '../../src/monitor/resources.js';
import type { WindowStats } from '../../src/monitor/window.js';

const steady = (value: number, count = 100): WindowStats => ({
  ...{ count, total: count, min: value, max: value },
  ...{ avg: value, median: value, p95: value, p99: value },
});
const machine = (pressure: number, disk: number, system = 0): Resources => ({
  memory: { rss: 1, vms: 1, limit: 1, percent: pressure, pressure },
  cpu: { process: 0, system },
  disk: { path: '.', percent: disk },
});
const score = (avg: number, errorRate: number, resources?: Resources): number =>
  health({ responseTime: steady(avg), eventLoopDelay: undefined, errorRate, resources }).score;

describe('the health score', () => {
  it('is 100 when nothing is known', () => {
    const unknown = { responseTime: undefined, eventLoopDelay: undefined, errorRate: undefined, resources: undefined };
    assert.deepEqual(health(unknown), { score: 100, lost: [] });
  });

  it('loses 10 points for each second above 2, at most 30', () => {
    assert.deepEqual(
      [2, 2.5, 4, 60].map((avg) => score(avg, 0)),
      [100, 95, 80, 70],
    );
  });

  it('loses a point for each percent of errors from 5 % on, at most 40', () => {
    assert.deepEqual(
      [0.05, 0.1, 0.25, 1].map((rate) => score(1, rate)),
      [100, 90, 75, 60],
    );
  });

  it('reaches 0 when all is bad, and says for what', () => {
    const input = { responseTime: steady(9), eventLoopDelay: steady(0.5), errorRate: 1, resources: machine(95, 95) };
    const { score: worst, lost } = health(input);
    assert.equal(worst, 0);
    assert.equal(lost.length, 5);
    assert.match(lost[2]?.cause ?? '', /memory is 95 % full/);
  });
});

describe('recommendations', () => {
  it('are none when all is well', () => {
    assert.deepEqual(
      recommend({ query_response_time: steady(1), documents_retrieved: steady(5) }, machine(10, 10)),
      [],
    );
  });

  it('name the slowest part and its setting', () => {
    const stats = { query_response_time: steady(2.5), llm_time: steady(2), retrieval_time: steady(0.1) };
    const [first, ...rest] = recommend(stats, undefined);
    assert.equal(first?.setting, 'llm');
    assert.match(first.cause, /2500 ms on average, the language model 2000 ms of it \(80 %\)/);
    assert.deepEqual(rest, []);
  });

  it('advise a cache only where there is none', () => {
    const settings = (stats: Parameters<typeof recommend>[0]) => recommend(stats, undefined).map((one) => one.setting);
    const slow = { query_response_time: steady(4), embedding_time: steady(3) };
    assert.deepEqual(settings(slow), ['model / device', 'cache']);
    assert.deepEqual(settings({ ...slow, cache_hit: steady(0.5) }), ['model / device']);
  });

  it('advise fewer passages above 10', () => {
    assert.equal(recommend({ documents_retrieved: steady(10) }, undefined).length, 0);
    assert.equal(recommend({ documents_retrieved: steady(11) }, undefined)[0]?.setting, 'k');
  });

  it('see a cache that does not help', () => {
    assert.equal(recommend({ cache_hit: steady(0.01) }, undefined)[0]?.setting, 'cache.ttl');
    assert.equal(recommend({ cache_hit: steady(0.01, 20) }, undefined).length, 0);
  });

  it('name memory, cores, disk and event loop', () => {
    const settings = recommend({ event_loop_delay: steady(0.3) }, machine(85, 85, 90)).map((one) => one.setting);
    assert.deepEqual(settings, ['type / mmap', 'replicas', 'cache.maxBytes', 'threads']);
  });
});
