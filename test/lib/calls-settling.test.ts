import { strict as assert } from 'node:assert';
import { getEventListeners } from 'node:events';
import { call, checkCall, native } from '../../lib/calls.js';
import { Index } from '../../lib/index.js';
import type { NativeIndex } from '../../lib/native.js';
import { filled, KINDS, QUERIES } from './kinds.js';
import { fails, indexes, suiteFolder, vectors } from './support.js';

describe('lib: calls, and what settles them', () => {
  const { keep } = indexes();
  const file = suiteFolder();

  it('refuses options that are none, a signal that is none, a callback that is none', async () => {
    for (const options of [null, 5, 'text']) {
      await fails(() => checkCall(options as never), {
        code: 'E_ARGUMENT',
        message: /^options must be an object, but is /,
        expected: 'an object',
        actual: /./,
      });
    }
    for (const signal of [null, {}, new AbortController()]) {
      await fails(() => checkCall({ signal: signal as never }), {
        code: 'E_ARGUMENT',
        message: /^signal must be an AbortSignal, but is /,
        expected: 'an AbortSignal',
        actual: /./,
      });
    }
    for (const onProgress of [null, {}, 'text']) {
      await fails(() => checkCall({ onProgress: onProgress as never }), {
        code: 'E_ARGUMENT',
        message: /^onProgress must be a function, but is /,
        expected: 'a function',
        actual: /./,
      });
    }
    const index = keep(await filled(KINDS[0]));
    for (const run of [
      () => index.save(file('a'), null as never),
      () => index.toBuffer(null as never),
      () => index.exportFaiss(file('a'), null as never),
      () => Index.open(file('a'), null as never),
      () => Index.fromBuffer(new Uint8Array(1), null as never),
    ]) {
      await fails(run, {
        code: 'E_ARGUMENT',
        message: 'options must be an object, but is null.',
        expected: 'an object',
        actual: 'null',
      });
    }
  });

  it('a call that cannot start rejects: with a QuiverError where native code told its failure, else as it is', async () => {
    await fails(
      call(() => {
        // What native code throws is a plain object.
        // eslint-disable-next-line @typescript-eslint/only-throw-error
        throw { code: 'E_RANGE', message: 'Too many.', expected: 'few', actual: 'many' };
      }),
      { code: 'E_RANGE', message: 'Too many.', expected: 'few', actual: 'many' },
    );
    const bad = new TypeError('from elsewhere');
    await assert.rejects(
      call(() => {
        throw bad;
      }),
      (error) => error === bad,
    );
    const bytes = new (native().ByteStaging)(8); // and never filled
    await fails(
      call<NativeIndex>((module, number) => module.NativeIndex.fromBuffer(number, bytes, false)),
      {
        code: 'E_ARGUMENT',
        message: 'The staging object is not full, or was used already.',
        expected: 'all bytes',
        actual: '0',
      },
    );
  });

  it('an error carries the stack of the call', async () => {
    async function openNothing(): Promise<void> {
      await Index.open(file('nothing'));
    }
    const error = await fails(openNothing, { code: 'E_NOT_FOUND', message: /./, expected: /./, actual: /./ });
    assert.match(error.stack ?? '', /openNothing/);
  });

  it('leaves no listener on a signal, however the call ends', async () => {
    const { signal } = new AbortController();
    const index = keep(await filled(KINDS[0]));
    await index.save(file('a'), { signal });
    keep(await Index.open(file('a'), { signal }));
    keep(await Index.open(file('a'), { signal, untrusted: true }));
    await index.search(QUERIES, 3, { signal });
    await assert.rejects(Index.open(file('nothing'), { signal }));
    await assert.rejects(index.get([-5], { signal }));
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  it('a callback that throws stops the call, which rejects with its error; the rest goes on', async () => {
    const index = keep(await Index.create({ dim: 64, type: 'flat' }));
    await index.add(vectors(40_000, 64, 3));
    const bad = new Error('from the callback');
    const onProgress = (): never => {
      throw bad;
    };
    const searches = Promise.all(Array.from({ length: 20 }, (_, i) => index.search(vectors(1, 64, i), 3)));
    await assert.rejects(index.toBuffer({ onProgress }), (error) => error === bad);
    await assert.rejects(index.save(file('thrown'), { onProgress }), (error) => error === bad);
    assert.ok((await searches).every((found) => found.row(0).length === 3));
    const { bytes } = await index.save(file('whole'));
    assert.ok(bytes > 40_000 * 64 * 4);
  });

  it('many at once are each answered with their own result', async () => {
    const made = await Promise.all(Array.from({ length: 30 }, (_, i) => Index.create({ dim: i + 1, type: 'flat' })));
    const buffers = await Promise.all(made.map((index) => index.toBuffer()));
    const again = await Promise.all(buffers.map((bytes) => Index.fromBuffer(bytes)));
    assert.deepEqual(
      again.map(({ dim }) => dim),
      made.map(({ dim }) => dim),
    );
    [...made, ...again].forEach(keep);
  });
});
