import { strict as assert } from 'node:assert';
import { existsSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { cachedEmbedder, defaultCachePath } from '../../../src/embed/cache/cached-embedder.js';
import type { Embedder } from '../../../src/embed/embedder.js';
import { suiteFolder } from '../../lib/support.js';
import { opener, refuses, same } from './support.js';
import { texts } from './texts.js';

describe('embed: cache', function () {
  this.timeout(60_000);
  const folder = suiteFolder();
  const open = opener();
  let count = 0;
  const path = (): string => folder(`deep/${++count}/embeddings.db`);

  it('embeds each text once, in this process and the next, and gives the same bits', async () => {
    const file = path();
    const first = await open(file);
    const some = texts(700);
    const expected = await first.counting.inner.embed(some);
    same(await first.embedder.embed(some), expected);
    same(await first.embedder.embed(some), expected);
    assert.deepEqual(
      first.counting.asked.map(({ length }) => length),
      [700],
    );
    assert.deepEqual(first.embedder.stats, { hits: 700, misses: 700 });
    await first.embedder.close();
    const again = await open(file);
    const more = ['new one', ...some, 'new two'];
    same(await again.embedder.embed(more), await again.counting.inner.embed(more));
    assert.deepEqual(again.counting.asked, [['new one', 'new two']]);
    assert.deepEqual(again.embedder.stats, { hits: 700, misses: 2 });
    assert.deepEqual([...first.warnings, ...again.warnings], []);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('embeds equal texts of a call once, and knows texts apart that differ in half a character', async () => {
    const { embedder, counting } = await open(path());
    const some = ['a', 'b', 'a', '', 'a', 'b', '', '\ud83d', '\ud83e', '\ufffd'];
    same(await embedder.embed(some), await counting.inner.embed(some));
    assert.deepEqual(counting.asked, [['a', 'b', '', '\ud83d', '\ud83e', '\ufffd']]);
    assert.deepEqual(embedder.stats, { hits: 4, misses: 6 });
    same(await embedder.embed([]), new Float32Array(0));
    const large = 'word '.repeat(300_000);
    same(await embedder.embed([large, 'a', large]), await counting.inner.embed([large, 'a', large]));
    assert.deepEqual(counting.asked.at(-1), [large]);
  });

  it('keeps models apart, and queries from documents', async () => {
    const file = path();
    const one = await open(file);
    await one.embedder.embed(['a'], { input: 'query' });
    await one.embedder.embed(['a'], { input: 'document' });
    await one.embedder.embed(['a']);
    assert.equal(one.counting.asked.length, 2);
    const other = await open(file, { fingerprint: 'f'.repeat(64) });
    await other.embedder.embed(['a']);
    assert.equal(other.counting.asked.length, 1);
  });

  it('says what it is, and refuses what makes no sense', async () => {
    const { embedder, counting } = await open(path());
    const { model, fingerprint, dim, hybridWeight } = counting.inner;
    assert.deepEqual(
      [embedder.model, embedder.fingerprint, embedder.dim, embedder.hybridWeight],
      [model, fingerprint, dim, hybridWeight],
    );
    await refuses(embedder.embed(['a', 1] as never), 'E_ARGUMENT', /texts\[1\]/);
    await refuses(embedder.embed(['a'], { input: 'other' as never }), 'E_ARGUMENT', /input/);
    for (const options of [{ path: '' }, { path: 3 }, { onWarning: 'x' }, 7]) {
      await refuses(() => cachedEmbedder(counting, options as never), 'E_ARGUMENT', /./);
    }
    await refuses(() => cachedEmbedder(counting, { maxBytes: 5 }), 'E_RANGE', /maxBytes/);
    await refuses(() => cachedEmbedder({} as never), 'E_ARGUMENT', /embedder/);
    assert.match(defaultCachePath(), /embeddings\.db$/);
  });

  it('passes on what the inner embedder fails with, and keeps nothing that is not a number', async () => {
    const broken = (embed: Embedder['embed']): Embedder => {
      return { model: 'broken', fingerprint: 'b', dim: 256, hybridWeight: 0.5, embed, close: () => Promise.resolve() };
    };
    const file = path();
    const failing = cachedEmbedder(
      broken(() => Promise.reject(new Error('no model'))),
      { path: file },
    );
    await assert.rejects(failing.embed(['a']), /^Error: no model$/);
    const short = cachedEmbedder(
      broken(() => Promise.resolve(new Float32Array(3))),
      { path: file },
    );
    await refuses(short.embed(['a']), 'E_DIMENSION', /gave 3 numbers for 1 texts of 256/);
    let calls = 0;
    const nan = broken(() => Promise.resolve(new Float32Array(256).fill(calls++ === 0 ? NaN : 0.0625)));
    const healing = cachedEmbedder(nan, { path: file });
    assert.ok(Number.isNaN((await healing.embed(['a']))[0]));
    assert.equal((await healing.embed(['a']))[0], 0.0625);
    assert.equal((await healing.embed(['a']))[0], 0.0625);
    assert.equal(calls, 2);
    await Promise.all([failing, short, healing].map((one) => one.close()));
  });

  it('tells how far it is, over all texts', async () => {
    const { embedder } = await open(path());
    const steps: number[] = [];
    const some = texts(3000);
    await embedder.embed(some.slice(0, 1000));
    await embedder.embed([...some, ...some.slice(0, 10)], {
      onProgress: ({ phase, done, total }) => {
        assert.deepEqual([phase, total], ['embed', 3010]);
        steps.push(done);
      },
    });
    assert.equal(steps.at(-1), 3010);
    assert.deepEqual(
      steps,
      [...steps].sort((a, b) => a - b),
    );
  });

  it('stops when it is told to, before and between', async () => {
    const { embedder, counting } = await open(path());
    await refuses(embedder.embed(['a'], { signal: AbortSignal.abort() }), 'E_ABORTED', /abort/i);
    const stop = new AbortController();
    const work = embedder.embed(texts(20_000), { signal: stop.signal });
    stop.abort();
    await refuses(work, 'E_ABORTED', /abort/i);
    assert.deepEqual(counting.asked, []);
    // While the inner one works.
    const later = new AbortController();
    const slow = new Proxy(counting, {
      get: (target, name) =>
        name === 'embed'
          ? async (wanted: string[]) => {
              later.abort();
              return target.embed(wanted);
            }
          : (Reflect.get(target, name) as unknown),
    });
    const second = cachedEmbedder(slow, { path: path() });
    await refuses(second.embed(['a'], { signal: later.signal }), 'E_ABORTED', /abort/i);
    // What was embedded before the abort is kept.
    assert.equal((await second.embed(['a'])).length, 256);
    assert.equal(second.stats.hits, 1);
    await second.close();
  });

  it('takes no calls after close, and lets those under way end', async () => {
    const file = path();
    const { embedder } = await open(file);
    await embedder.embed(['a']);
    await Promise.all([embedder.close(), embedder.close()]);
    await refuses(embedder.embed(['a']), 'E_CLOSED', /Open it again/);
    assert.ok(!existsSync(`${file}-wal`), 'the log is written back');
    const unused = await open(path());
    await unused.embedder.close();
    const busy = await open(path());
    const work = busy.embedder.embed(texts(5000)).then(
      ({ length }) => length,
      (error: unknown) => (error as { code: string }).code,
    );
    await sleep(1);
    await busy.embedder.close();
    assert.ok([5000 * 256, 'E_CLOSED'].includes(await work));
  });
});
