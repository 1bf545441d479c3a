import { strict as assert } from 'node:assert';
import { Admission } from '../../src/server/admission.js';

const never = (): AbortSignal => new AbortController().signal;
const REFUSED = { code: 'E_OVERLOADED', message: /^Too many questions are being answered\. Try again in a moment\.$/ };

describe('server: admission', () => {
  let now = 0;
  const admission = (running: number, waiting: number) => new Admission({ running, waiting, now: () => now });

  /** As many as are worked on, and then those that wait, in their order; each gets the function that gives its place back. */
  async function filled(places: Admission, running: number, waiting: number) {
    const leaves = await Promise.all(Array.from({ length: running }, () => places.enter(never())));
    const entered: number[] = [];
    const queue = Array.from({ length: waiting }, async (_, number) => {
      const leave = await places.enter(never());
      entered.push(number);
      return leave;
    });
    return { leaves, entered, queue };
  }

  it('lets a burst wait, in the order in which it came, and refuses what is above', async () => {
    const places = admission(2, 3);
    const { leaves, entered, queue } = await filled(places, 2, 3);
    assert.deepEqual(places.load, { running: 2, waiting: 3 });
    await assert.rejects(places.enter(never()), REFUSED);
    leaves[0]?.();
    // A place is given back once.
    leaves[0]?.();
    await queue[0];
    assert.deepEqual(entered, [0]);
    leaves[1]?.();
    await queue[1];
    assert.deepEqual([entered, places.load], [[0, 1], { running: 2, waiting: 1 }]);
    for (const one of queue) (await one)();
    assert.deepEqual(places.load, { running: 0, waiting: 0 });
  });

  it('lets half as many wait as are worked on when the queue does not stay empty', async () => {
    const places = admission(2, 30);
    const { leaves, queue } = await filled(places, 2, 2);
    now += 101;
    // Those that wait stay, but the queue is longer than one already.
    await assert.rejects(places.enter(never()), REFUSED);
    leaves[0]?.();
    const first = await queue[0];
    await assert.rejects(places.enter(never()), REFUSED);
    leaves[1]?.();
    const second = await queue[1];
    // Empty, but just now: one may wait, as before.
    const soon = places.enter(never());
    await assert.rejects(places.enter(never()), REFUSED);
    second?.();
    const third = await soon;
    // Empty for long enough: what comes now is a burst.
    now += 101;
    const burst = Array.from({ length: 30 }, () => places.enter(never()));
    await assert.rejects(places.enter(never()), REFUSED);
    first?.();
    third();
    for (const one of burst) (await one)();
    assert.deepEqual(places.load, { running: 0, waiting: 0 });
  });

  it('never lets more wait than it was told', async () => {
    const places = admission(5, 0);
    const { leaves } = await filled(places, 5, 0);
    await assert.rejects(places.enter(never()), REFUSED);
    now += 1000;
    await assert.rejects(places.enter(never()), REFUSED);
    leaves[0]?.();
    (await places.enter(never()))();
  });

  it('forgets whoever goes away while waiting', async () => {
    const places = admission(1, 2);
    const { leaves } = await filled(places, 1, 0);
    const gone = new AbortController();
    const waiting = places.enter(gone.signal);
    const next = places.enter(never());
    gone.abort(new Error('the client has gone'));
    await assert.rejects(waiting, { code: 'E_ABORTED' });
    assert.deepEqual(places.load, { running: 1, waiting: 1 });
    leaves[0]?.();
    (await next)();
    assert.deepEqual(places.load, { running: 0, waiting: 0 });
  });
});
