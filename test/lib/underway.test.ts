import { strict as assert } from 'node:assert';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { Underway } from '../../lib/underway.js';

/** A promise and what settles it. */
function deferred<T = void>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

describe('lib: Underway', () => {
  it('hands on what a call gives or fails with', async () => {
    const underway = new Underway();
    assert.equal(await underway.during(() => Promise.resolve(5)), 5);
    const bad = new Error('no');
    await assert.rejects(
      underway.during(() => Promise.reject(bad)),
      (error) => error === bad,
    );
    await assert.rejects(
      underway.during(() => {
        throw bad;
      }),
      (error) => error === bad,
    );
    await underway.settled();
  });

  it('is settled when every call has ended, also those that came while it waited', async () => {
    const underway = new Underway();
    const [first, second, third] = [deferred(), deferred(), deferred()];
    let settled = 0;
    const calls = [underway.during(() => first.promise), underway.during(() => second.promise)];
    const waiting = [underway.settled(), underway.settled()].map((promise) => promise.then(() => settled++));
    first.resolve();
    await nextTurn();
    assert.equal(settled, 0);
    calls.push(underway.during(() => third.promise));
    second.reject(new Error('a failed one has ended, too'));
    await assert.rejects(calls[1]!);
    await nextTurn();
    assert.equal(settled, 0);
    third.resolve();
    await Promise.all(waiting);
    assert.equal(settled, 2);
  });

  it('waits for a call that leaves later in the same turn', async () => {
    const underway = new Underway();
    let ended = false;
    queueMicrotask(() => void underway.during(() => nextTurn().then(() => (ended = true))));
    await underway.settled();
    assert.equal(ended, true);
  });

  it('starts writes in the order of the calls, whichever is prepared first, whichever fails', async () => {
    // For each write: how many turns its preparation takes, whether that fails, and whether the write itself fails.
    const write = fc.record({ turns: fc.nat(3), unprepared: fc.boolean(), failing: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(write, { maxLength: 12 }), async (writes) => {
        const underway = new Underway();
        const started: number[] = [];
        const outcomes = await Promise.allSettled(
          writes.map(({ turns, unprepared, failing }, i) =>
            underway.inTurn(
              async () => {
                for (let turn = 0; turn < turns; turn++) await nextTurn();
                if (unprepared) throw new Error(`unprepared ${i}`);
                return i * 10;
              },
              async (prepared) => {
                started.push(i);
                await nextTurn();
                if (failing) throw new Error(`failed ${i}`);
                return prepared;
              },
            ),
          ),
        );
        await underway.settled();
        assert.deepEqual(
          started,
          writes.flatMap(({ unprepared }, i) => (unprepared ? [] : [i])),
        );
        for (const [i, { unprepared, failing }] of writes.entries()) {
          const outcome = outcomes[i]!;
          if (outcome.status === 'fulfilled') assert.deepEqual([outcome.value, unprepared || failing], [i * 10, false]);
          else assert.equal((outcome.reason as Error).message, unprepared ? `unprepared ${i}` : `failed ${i}`);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('prepares at once and does not wait for a write before to end', async () => {
    const underway = new Underway();
    const first = deferred();
    const seen: string[] = [];
    const running = underway.inTurn(
      () => Promise.resolve(seen.push('prepared 1')),
      () => (seen.push('started 1'), first.promise),
    );
    const second = underway.inTurn(
      () => Promise.resolve(seen.push('prepared 2')),
      () => Promise.resolve(seen.push('started 2')),
    );
    assert.deepEqual(seen, ['prepared 1', 'prepared 2']);
    await second;
    assert.deepEqual(seen, ['prepared 1', 'prepared 2', 'started 1', 'started 2']);
    first.resolve();
    await running;
  });
});
