import { strict as assert } from 'node:assert';
import { getEventListeners } from 'node:events';
import { onAbort } from '../../lib/signals.js';

describe('lib: signals', () => {
  const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

  it('tells everybody who waits, once, and listens once for all of them', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const told: number[] = [];
    for (let i = 0; i < 50; i++) onAbort(signal, () => told.push(i));
    assert.equal(listeners(signal), 1);
    controller.abort();
    controller.abort();
    assert.deepEqual(
      told,
      Array.from({ length: 50 }, (_, i) => i),
    );
  });

  it('does not tell those who stopped waiting, and listens no more when nobody waits', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const told: string[] = [];
    const stops = ['a', 'b', 'c'].map((name) => onAbort(signal, () => told.push(name)));
    stops[1]!();
    assert.equal(listeners(signal), 1);
    controller.abort();
    assert.deepEqual(told, ['a', 'c']);
    const other = new AbortController();
    const [first, second] = [onAbort(other.signal, () => told.push('d')), onAbort(other.signal, () => told.push('e'))];
    first();
    second();
    second();
    assert.equal(listeners(other.signal), 0);
    onAbort(other.signal, () => told.push('f'));
    assert.equal(listeners(other.signal), 1, 'and again when somebody comes');
    other.abort();
    assert.deepEqual(told, ['a', 'c', 'f']);
  });

  it('one may stop waiting while the others are told', () => {
    const controller = new AbortController();
    const told: string[] = [];
    const stops: (() => void)[] = [];
    stops.push(onAbort(controller.signal, () => (told.push('a'), stops.forEach((stop) => stop()))));
    stops.push(onAbort(controller.signal, () => told.push('b')));
    controller.abort();
    assert.deepEqual(told, ['a']);
  });
});
