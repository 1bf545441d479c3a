import { strict as assert } from 'node:assert';
import { checkInteger, fromNative, outOfRange, QuiverError, show, wrongArgument } from '../../lib/errors.js';
import { fails } from './support.js';

describe('lib: errors', () => {
  it('carries code, message, expected, actual and cause', () => {
    const cause = new Error('below');
    const error = new QuiverError('E_IO', 'It broke.', { expected: 'one', actual: 'two', cause });
    assert.ok(error instanceof Error);
    assert.deepEqual(
      [error.name, error.code, error.message, error.expected, error.actual, error.cause],
      ['QuiverError', 'E_IO', 'It broke.', 'one', 'two', cause],
    );
    assert.match(error.stack ?? '', /^QuiverError: It broke\.\n/);
  });

  it('leaves out what it does not know', () => {
    const error = new QuiverError('E_INTERNAL', 'It broke.');
    assert.equal('expected' in error && error.expected !== undefined, false);
    assert.equal('cause' in error, false);
  });

  it('shows values shortly', () => {
    class Own {}
    const shown: [unknown, string][] = [
      ['text', '"text"'],
      ['x'.repeat(60), `"${'x'.repeat(60)}"`],
      ['x'.repeat(61), `"${'x'.repeat(57)}..."`],
      [12n, '12n'],
      [() => 1, 'a function'],
      [[1, 2, 3], 'an array of 3'],
      [new Float32Array(4), 'a Float32Array of 4'],
      [new DataView(new ArrayBuffer(8)), 'a DataView of 8'],
      [new Own(), 'an Own'],
      [{}, 'an Object'],
      [Object.create(null), 'a null-prototype object'],
      [null, 'null'],
      [undefined, 'undefined'],
      [NaN, 'NaN'],
      [true, 'true'],
    ];
    for (const [value, text] of shown) assert.equal(show(value), text);
  });

  it('makes the two usual errors', async () => {
    await fails(() => Promise.reject(wrongArgument('k', 'a number', 'ten')), {
      code: 'E_ARGUMENT',
      message: 'k must be a number, but is "ten".',
      expected: 'a number',
      actual: '"ten"',
    });
    await fails(() => Promise.reject(outOfRange('k', 'above 0', -1)), {
      code: 'E_RANGE',
      message: 'k must be above 0, but is -1.',
      expected: 'above 0',
      actual: '-1',
    });
  });

  it('checks integers', async () => {
    assert.equal(checkInteger('k', 7, 1, 10), 7);
    const expected = 'an integer from 1 to 1,000';
    for (const value of [0, 1001, 1.5, NaN, Infinity, -1, 2 ** 31]) {
      const message = `k must be ${expected}, but is ${value}.`;
      await fails(() => checkInteger('k', value, 1, 1000), {
        code: 'E_RANGE',
        message,
        expected,
        actual: String(value),
      });
    }
    for (const value of ['7', 7n, null, undefined, [7], {}]) {
      const message = `k must be ${expected}, but is ${show(value)}.`;
      await fails(() => checkInteger('k', value, 1, 1000), {
        code: 'E_ARGUMENT',
        message,
        expected,
        actual: show(value),
      });
    }
  });

  it('turns native failures into errors, and lets others pass', () => {
    const error = fromNative({ code: 'E_IO', message: 'No.', expected: 'a', actual: 'b' }, 'why');
    assert.ok(error instanceof QuiverError);
    assert.deepEqual(
      [error.code, error.message, error.expected, error.actual, error.cause],
      ['E_IO', 'No.', 'a', 'b', 'why'],
    );
    assert.equal(fromNative(error), error);
    const other = new TypeError('other');
    assert.equal(fromNative(other), other);
    const foreign = Object.assign(new Error('other'), { code: 'ENOENT' });
    assert.equal(fromNative(foreign), foreign);
  });
});
