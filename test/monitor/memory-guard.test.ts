import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { QuiverError } from '../../lib/errors.js';
import { guardMemory, isOutOfMemory, type GuardEvent } from '../../src/monitor/memory-guard.js';

const upTo = (n: number): number[] => Array.from({ length: n }, (_, place) => place);

async function all<T, R>(events: AsyncIterable<GuardEvent<T, R>>): Promise<GuardEvent<T, R>[]> {
  const found: GuardEvent<T, R>[] = [];
  for await (const event of events) found.push(event);
  return found;
}

/** Sizes of the batches that were done, -1 for each item that was skipped. */
const sizes = (events: readonly GuardEvent<unknown, unknown>[]): number[] =>
  events.map((event) => (event.kind === 'done' ? event.items.length : -1));

const shortOfMemory = (): never => {
  throw new QuiverError('E_OUT_OF_MEMORY', 'no memory');
};

describe('guardMemory', () => {
  it('works in batches of 100 and keeps the order', async () => {
    const events = await all(guardMemory(upTo(250), (batch) => batch[0]));
    assert.deepEqual(sizes(events), [100, 100, 50]);
    assert.deepEqual(
      events.map((event) => event.kind === 'done' && event.result),
      [0, 100, 200],
    );
  });

  it('halves until the work fits, loses nothing, and grows again', async () => {
    const seen: number[] = [];
    const tried: number[] = [];
    const work = (batch: readonly number[]): void => {
      tried.push(batch.length);
      if (batch.length > 30) shortOfMemory();
      seen.push(...batch);
    };
    const events = await all(guardMemory(upTo(1000), work));
    assert.deepEqual(seen, upTo(1000));
    assert.equal(sizes(events)[0], 25);
    assert.ok(Math.max(...sizes(events)) <= 30);
    assert.deepEqual(tried.slice(0, 3), [100, 50, 25]);
    assert.ok(tried.lastIndexOf(50) > 3, 'never tried a larger batch again');
  });

  it('skips the one item that never fits, and says which', async () => {
    const events = await all(guardMemory(upTo(100), (batch) => (batch.includes(37) ? shortOfMemory() : 0)));
    const skipped = events.flatMap((event) => (event.kind === 'skipped' ? [event.skipped] : []));
    assert.deepEqual(
      skipped.map(({ place, item }) => ({ place, item })),
      [{ place: 37, item: 37 }],
    );
    assert.ok(isOutOfMemory(skipped[0]?.error));
    assert.equal(
      sizes(events).reduce((sum, size) => sum + Math.max(0, size), 0),
      99,
    );
  });

  it('halves under pressure down to single items', async () => {
    const events = await all(guardMemory(upTo(10), () => 0, { batchSize: 8, pressure: 1 }));
    assert.ok(Math.max(...sizes(events)) <= 4);
    assert.equal(sizes(events).at(-1), 1);
  });

  it('takes no more of a stream than it works on', async () => {
    let taken = 0;
    const endless = (async function* () {
      for (;;) yield await Promise.resolve(taken++);
    })();
    for await (const event of guardMemory(endless, () => 0, { batchSize: 10 })) {
      if (event.kind === 'done' && event.first === 20) break;
    }
    assert.equal(taken, 30);
  });

  it('lets any other error through', async () => {
    const broken = guardMemory([1], () => Promise.reject(new Error('broken')));
    await assert.rejects(all(broken), /broken/);
  });

  it('stops when it is aborted', async () => {
    const aborted = guardMemory([1], () => 0, { signal: AbortSignal.abort() });
    await assert.rejects(all(aborted), { code: 'E_ABORTED' });
  });

  it('refuses an empty batch size', async () => {
    await assert.rejects(all(guardMemory([1], () => 0, { batchSize: 0 })), { code: 'E_RANGE', actual: '0' });
  });

  it('refuses a pressure above 100', async () => {
    await assert.rejects(all(guardMemory([1], () => 0, { pressure: 101 })), { code: 'E_RANGE', actual: '101' });
  });

  it('gets by in a process whose memory really ends', () => {
    const module = new URL('../../src/monitor/memory-guard.js', import.meta.url).href;
    // Each item wants 32 MiB, number 70 more than the process may have.
    const code = `
      const { guardMemory } = await import(${JSON.stringify(module)});
      const need = (item) => (item === 70 ? 2 ** 33 : 2 ** 25);
      const items = Array.from({ length: 120 }, (_, place) => place);
      let done = 0, skipped = [], largest = 0;
      for await (const event of guardMemory(items, (batch) => batch.map((item) => new ArrayBuffer(need(item))).length)) {
        if (event.kind === 'skipped') skipped.push([event.skipped.place, event.skipped.error.constructor.name]);
        else { done += event.result; largest = Math.max(largest, event.items.length); }
      }
      console.log(JSON.stringify({ done, skipped, largest }));`;
    const args = [`--as=${String(3 * 2 ** 30)}`, process.execPath, '--input-type=module', '-e', code];
    const { stdout, stderr } = spawnSync('prlimit', args, { encoding: 'utf8' });
    const report = JSON.parse(stdout || JSON.stringify({ stderr })) as {
      done: number;
      skipped: unknown;
      largest: number;
    };
    assert.deepEqual(report.skipped, [[70, 'RangeError']], stderr);
    assert.equal(report.done, 119);
    assert.ok(report.largest < 100);
  });
});
