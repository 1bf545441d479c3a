import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { Monitor, type AlertEvent } from '../../src/monitor/monitor.js';

const repeat = (times: number, work: () => void): void => {
  for (let i = 0; i < times; i++) work();
};
const levelOf = async (monitor: Monitor, name: string) => (await monitor.report()).sla.find((row) => row.name === name);

describe('Monitor', () => {
  it('records numbers and reports them as JSON', async () => {
    const monitor = new Monitor();
    monitor.record('query_response_time', 0.5);
    monitor.record('query_success', 1);
    const report = JSON.parse(JSON.stringify(await monitor.report())) as Awaited<ReturnType<Monitor['report']>>;
    assert.equal(report.metrics.query_response_time?.p99, 0.5);
    assert.equal(report.metrics.llm_time, undefined);
    assert.ok(report.resources.memory.rss > 0);
    assert.equal(report.sla.length, 6);
  });

  it('records collections of garbage while it runs', async () => {
    const monitor = new Monitor();
    monitor.start();
    try {
      // Each turn makes more garbage than the young generation holds.
      let found: Awaited<ReturnType<Monitor['report']>>['metrics']['gc_time'];
      for (let kept: unknown[] = []; found === undefined; kept = []) {
        repeat(200_000, () => kept.push({ garbage: kept.length }));
        await sleep(10);
        found = (await monitor.report()).metrics.gc_time;
      }
      assert.ok(found.count >= 1 && found.min > 0 && found.max < 60, JSON.stringify(found));
    } finally {
      monitor.stop();
    }
  });

  it('times work in seconds, also when it fails', async () => {
    const monitor = new Monitor();
    assert.equal(await monitor.time('retrieval_time', () => 7), 7);
    await assert.rejects(
      monitor.time('retrieval_time', () => sleep(20).then(() => Promise.reject(new Error('broken')))),
      /broken/,
    );
    const stats = monitor.stats('retrieval_time');
    assert.equal(stats?.count, 2);
    assert.ok(stats.max >= 0.015 && stats.max < 10);
  });

  it('refuses unknown metrics', () => {
    assert.throws(() => new Monitor().record('speed' as 'gc_time', 1), { code: 'E_ARGUMENT', actual: '"speed"' });
  });

  it('refuses what is no finite number', () => {
    assert.throws(() => new Monitor().record('llm_time', Number.NaN), {
      code: 'E_ARGUMENT',
      expected: 'a finite number',
    });
  });

  it('refuses a window without room', () => {
    assert.throws(() => new Monitor({ window: 0 }), { code: 'E_RANGE', actual: '0' });
  });

  it('knows the rate of errors after both windows are full', async () => {
    const monitor = new Monitor({ window: 100 });
    repeat(200, () => monitor.record('query_errors', 1));
    repeat(97, () => monitor.record('query_success', 1));
    const row = await levelOf(monitor, 'error_rate');
    assert.equal(row?.value, 3);
    assert.equal(row.burn, 3);
    assert.equal(row.state, 'alert');
  });

  it('burns its budget before it alerts', async () => {
    const monitor = new Monitor();
    repeat(90, () => monitor.record('query_response_time', 0.1));
    repeat(10, () => monitor.record('query_response_time', 2.5));
    const row = await levelOf(monitor, 'query_response_time');
    assert.equal(row?.state, 'burning');
    assert.equal(row.burn, 2);
  });

  it('says when a level goes into an alert and when it comes out', async () => {
    const monitor = new Monitor({ window: 10 });
    const events: AlertEvent[] = [];
    const end = monitor.onAlert((event) => events.push(event));
    const ours = () =>
      events.filter(({ name }) => name === 'query_response_time').map(({ from, to }) => `${from} ${to}`);
    repeat(10, () => monitor.record('query_response_time', 4));
    await monitor.report();
    await monitor.report();
    assert.deepEqual(ours(), ['unknown alert']);
    repeat(10, () => monitor.record('query_response_time', 1));
    await monitor.report();
    assert.deepEqual(ours(), ['unknown alert', 'alert ok']);
    end();
    repeat(10, () => monitor.record('query_response_time', 4));
    await monitor.report();
    assert.equal(ours().length, 2);
  });

  it('alerts of twenty queries or more, so that one slow answer after a start is none', async () => {
    const monitor = new Monitor();
    repeat(19, () => monitor.record('query_response_time', 9));
    repeat(19, () => monitor.record('query_errors', 1));
    assert.equal((await levelOf(monitor, 'query_response_time'))?.state, 'burning');
    assert.equal((await levelOf(monitor, 'error_rate'))?.state, 'burning');
    monitor.record('query_response_time', 9);
    monitor.record('query_errors', 1);
    assert.equal((await levelOf(monitor, 'query_response_time'))?.state, 'alert');
    assert.equal((await levelOf(monitor, 'error_rate'))?.state, 'alert');
  });

  it('ends an alert when the target is held again, and not where the value swings about the bound', async () => {
    const monitor = new Monitor({ window: 20 });
    const events: AlertEvent[] = [];
    monitor.onAlert((event) => events.push(event));
    const at = async (seconds: number): Promise<string | undefined> => {
      repeat(20, () => monitor.record('query_response_time', seconds));
      return (await levelOf(monitor, 'query_response_time'))?.state;
    };
    const states: (string | undefined)[] = [];
    for (const seconds of [2.9, 3.1, 2.9, 3.1, 2.1, 2, 1.9, 2.9]) states.push(await at(seconds));
    assert.deepEqual(states, ['burning', 'alert', 'alert', 'alert', 'alert', 'alert', 'ok', 'burning']);
    const ours = events.filter(({ name }) => name === 'query_response_time').map(({ from, to }) => `${from} ${to}`);
    assert.deepEqual(ours, ['burning alert', 'alert ok']);
  });

  it('counts the time in which the service cannot answer', async () => {
    const monitor = new Monitor();
    assert.equal((await levelOf(monitor, 'availability'))?.state, 'ok');
    monitor.available(false);
    await sleep(20);
    monitor.available(true);
    assert.equal((await levelOf(monitor, 'availability'))?.state, 'alert');
  });

  it('hands on every sample until it is told to stop', () => {
    const monitor = new Monitor();
    const seen: string[] = [];
    const end = monitor.onSample((metric, value) => seen.push(`${metric} ${String(value)}`));
    monitor.record('cache_hit', 1);
    end();
    monitor.record('cache_hit', 0);
    assert.deepEqual(seen, ['cache_hit 1']);
  });

  it('sees a blocked event loop', async () => {
    const monitor = new Monitor();
    monitor.start();
    try {
      await sleep(50);
      const end = performance.now() + 150;
      while (performance.now() < end);
      while (!monitor.stats('event_loop_delay')) await sleep(50);
      assert.ok((monitor.stats('event_loop_delay')?.max ?? 0) > 0.1);
    } finally {
      monitor.stop();
    }
  });
});
