import { strict as assert } from 'node:assert';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { Index, type Progress } from '../../lib/index.js';
import { COUNT, filled, KINDS } from './kinds.js';
import { fails, indexes, suiteFolder, vectors } from './support.js';

/** A progress callback, and the check that what it saw is told in order and up to the end of each phase. */
function watched(): {
  seen: Progress[];
  onProgress: (progress: Progress) => void;
  grows: (...phases: string[]) => void;
} {
  const seen: Progress[] = [];
  return {
    seen,
    onProgress: (progress) => seen.push(progress),
    grows: (...phases) => {
      assert.deepEqual([...new Set(seen.map(({ phase }) => phase))], phases);
      for (const phase of phases) {
        const steps = seen.filter((progress) => progress.phase === phase);
        assert.ok(
          steps.every(({ done }, i) => i === 0 || done >= steps[i - 1].done),
          `${phase} grows`,
        );
        assert.ok(
          steps.every(({ done, total }) => done <= total),
          `${phase} stays under its total`,
        );
        assert.equal(steps.at(-1)!.done, steps.at(-1)!.total, `${phase} ends at its total`);
      }
    },
  };
}

describe('lib: progress and abort of saving and opening', () => {
  const { keep } = indexes();
  const file = suiteFolder();
  const large = { dim: 64, n: 40_000 };
  let index: Index;
  before(async () => {
    index = await Index.create({ dim: large.dim, type: 'flat' });
    await index.add(vectors(large.n, large.dim, 5));
  });
  after(() => index.close());

  it('save, toBuffer and exportFaiss say how far they are, up to the end', async () => {
    const { onProgress, grows, seen } = watched();
    const { bytes } = await index.save(file('large'), { onProgress });
    grows('save');
    assert.equal(seen.at(-1)!.total, bytes);
    const memory = watched();
    await index.toBuffer({ onProgress: memory.onProgress });
    memory.grows('save');
    const plain = watched();
    const exported = await index.exportFaiss(file('large.faiss'), { onProgress: plain.onProgress });
    plain.grows('export');
    assert.equal(plain.seen.at(-1)!.total, exported.bytes);
  });

  it('open, fromBuffer and importFaiss too', async () => {
    await index.save(file('large'));
    await index.exportFaiss(file('large.faiss'));
    const read = watched();
    keep(await Index.open(file('large'), { onProgress: read.onProgress }));
    read.grows('open', 'verify');
    const mapped = watched();
    keep(await Index.open(file('large'), { mmap: true, verify: true, onProgress: mapped.onProgress }));
    mapped.grows('verify');
    const memory = watched();
    keep(await Index.fromBuffer(readFileSync(file('large')), { onProgress: memory.onProgress }));
    memory.grows('verify');
    const plain = watched();
    keep(await Index.importFaiss(file('large.faiss'), { trusted: true, onProgress: plain.onProgress }));
    plain.grows('open');
  });

  it('a signal that is aborted already stops each of them before it begins', async () => {
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    const path = file('never');
    const bytes = await index.toBuffer();
    for (const run of [
      () => index.save(path, { signal }),
      () => index.toBuffer({ signal }),
      () => index.exportFaiss(path, { signal }),
      () => Index.open(path, { signal }),
      () => Index.open(path, { signal, untrusted: true }),
      () => Index.fromBuffer(bytes, { signal }),
      () => Index.importFaiss(path, { signal }),
      () => Index.importFaiss(bytes, { signal, trusted: true }),
    ]) {
      const error = await fails(run, {
        code: 'E_ABORTED',
        message: 'The call was aborted.',
        expected: 'a signal that is not aborted',
        actual: 'an aborted one',
      });
      assert.equal(error.cause, reason);
    }
    assert.deepEqual(
      readdirSync(file('')).filter((name) => name.includes('never')),
      [],
    );
  });

  it('an abort in the middle of a save leaves the old file and no other', async () => {
    const folder = file('abort');
    mkdirSync(folder);
    await keep(await filled(KINDS[0])).save(`${folder}/a`);
    for (const write of [
      (signal: AbortSignal) => index.save(`${folder}/a`, { signal }),
      (signal: AbortSignal) => index.exportFaiss(`${folder}/a`, { signal }),
    ]) {
      const stop = new AbortController();
      const running = write(stop.signal);
      stop.abort();
      await fails(running, {
        code: 'E_ABORTED',
        message: 'The call was aborted.',
        expected: /./,
        actual: 'an aborted one',
      });
      assert.equal(keep(await Index.open(`${folder}/a`)).count, COUNT);
      assert.deepEqual(readdirSync(folder), ['a']);
    }
    assert.equal((await index.search(vectors(1, large.dim, 1), 3)).row(0).length, 3);
  });

  it('an abort in the middle of an open rejects at once', async () => {
    await index.save(file('large'));
    const stop = new AbortController();
    const opening = Index.open(file('large'), { signal: stop.signal });
    stop.abort('changed my mind');
    const error = await fails(opening, {
      code: 'E_ABORTED',
      message: 'The call was aborted.',
      expected: /./,
      actual: 'an aborted one',
    });
    assert.equal(error.cause, 'changed my mind');
  });
});
