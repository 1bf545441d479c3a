import { strict as assert } from 'node:assert';
import { Index, type AddResult, type SearchResult } from '../../lib/index.js';
import { clustered, counting, fails, indexes, isExact, known, row, vectors } from './support.js';
import { workers } from './workers.js';

const dim = 8;
const data = clustered(2000, dim, 21);
const queries = clustered(30, dim, 22);

describe('lib: Index.share and attach', () => {
  const { keep, make } = indexes();
  const attached = workers();

  const unknown = (token: string) => ({
    code: 'E_NOT_FOUND' as const,
    message: `No open index of this process has the token "${token}". Keep the index open in the thread that called share() until this one has attached.`,
    expected: 'the token of an open index',
    actual: token,
  });

  it('gives an index one token, and each its own', async () => {
    const index = await make({ dim, type: 'flat' });
    const other = await make({ dim, type: 'flat' });
    assert.match(index.share(), /^quiver-[0-9a-f]{32}$/);
    assert.equal(index.share(), index.share());
    assert.notEqual(index.share(), other.share());
    assert.equal(keep(Index.attach(index.share())).share(), index.share(), 'also through another handle');
  });

  it('refuses a token of no index', async () => {
    const index = await make({ dim, type: 'flat' });
    const token = index.share();
    for (const wrong of ['x', 'quiver-0', `${token}0`]) await fails(() => Index.attach(wrong), unknown(wrong));
    await fails(() => Index.attach(undefined as never), {
      code: 'E_ARGUMENT',
      message: 'token must be a string from share(), but is undefined.',
      expected: 'a string from share()',
      actual: 'undefined',
    });
  });

  it('the token dies with the last handle, at once', async () => {
    for (let i = 0; i < 50; i++) {
      const index = await Index.create({ dim, type: 'flat' });
      const token = index.share();
      const second = Index.attach(token);
      await index.close();
      await Index.attach(token).close();
      await second.close();
      await fails(() => Index.attach(token), unknown(token));
    }
  });

  it('a second handle of the same thread is the same index and lives on', async () => {
    for (const options of [
      { metric: 'cosine', idType: 'bigint' },
      { metric: 'ip', idType: 'number' },
    ] as const) {
      const index = await make({ dim, type: 'flat', ...options }, data);
      const second = keep(Index.attach(index.share()));
      assert.notEqual(second, index);
      assert.deepEqual([second.dim, second.metric, second.idType], [dim, options.metric, options.idType]);
      assert.deepEqual(second.stats(), index.stats());
      await second.add(vectors(3, dim, 23));
      assert.equal(index.count, 2003);
      await index.close();
      assert.deepEqual([second.closed, second.count], [false, 2003]);
      isExact(
        await second.search(queries, 5, { filter: { range: [0, 2000] } }),
        known(data, dim, [...ids(second, 2000)]),
        queries,
        dim,
        options.metric,
      );
    }
    function ids(index: Index, n: number): (number | bigint)[] {
      return counting(n).map((id) => (index.idType === 'bigint' ? BigInt(id) : id));
    }
  });

  it('several workers search at once and find what one does', async () => {
    for (const type of ['flat', 'hnsw', 'ivf'] as const) {
      const index = await make({ dim, type, ...(type === 'ivf' && { nlist: 16 }) }, data);
      const truth = await index.search(queries, 5);
      const others = await Promise.all([1, 2, 3].map(() => attached(index.share())));
      const batches = await Promise.all(
        others
          .flatMap(({ ask }) => [ask('search', queries, 5), ask('searchSync', queries, 5)])
          .concat(index.search(queries, 5)),
      );
      for (const found of batches as SearchResult[]) assert.deepEqual(found.ids, truth.ids);
      const singles = await Promise.all(
        counting(30).map((i) => others[i % 3].ask('search', row(queries, i, dim).slice(), 5)),
      );
      for (const [i, found] of (singles as SearchResult[]).entries()) {
        assert.deepEqual(
          [...found.ids],
          truth.row(i).map((hit) => hit.id),
        );
      }
    }
  });

  it('several workers add at once: every vector is in, under an id of its own', async () => {
    for (const type of ['flat', 'hnsw'] as const) {
      const index = await make({ dim, type });
      const others = await Promise.all([1, 2, 3].map(() => attached(index.share())));
      const parts = counting(12).map((i) => data.slice(i * 100 * dim, (i + 1) * 100 * dim));
      const results = (await Promise.all(
        parts.map((part, i) => (i % 4 === 3 ? index.add(part) : others[i % 4].ask('add', part))),
      )) as AddResult[];
      assert.equal(index.count, 1200);
      assert.deepEqual(await Promise.all(others.map(({ ask }) => ask('count'))), [1200, 1200, 1200]);
      const all = results.flatMap(({ ids }, i) => known(parts[i], dim, [...ids]));
      assert.equal(new Set(all.map(({ id }) => id)).size, 1200);
      isExact(await index.search(queries, 5, { exact: true }), all, queries, dim);
      for (const { id, vector } of all.slice(0, 20)) assert.deepEqual(await others[0].ask('get', [id]), vector);
    }
  });

  it('what one removes the others do not find', async () => {
    const index = await make({ dim, type: 'hnsw' }, data);
    const { ask } = await attached(index.share());
    assert.equal(await ask('remove', counting(1000)), 1000);
    assert.equal(index.count, 1000);
    assert.ok((await index.search(queries, 10)).ids.every((id) => id >= 1000));
  });

  it('an error in a worker is one of that worker', async () => {
    const index = await make({ dim, type: 'flat' }, data);
    const { ask } = await attached(index.share());
    await assert.rejects(ask('search', new Float32Array(dim + 1), 5), /E_DIMENSION: queries must hold whole vectors/);
    await assert.rejects(ask('get', [5000]), /E_NOT_FOUND: There is no vector with the id 5000\./);
    assert.equal(index.count, 2000);
  });

  it('lives as long as the last of several threads', async () => {
    const index = await make({ dim, type: 'flat' }, data);
    const token = index.share();
    const [first, second] = await Promise.all([attached(token), attached(token)]);
    await index.close();
    assert.equal(await first.ask('count'), 2000);
    await first.ask('close');
    await assert.rejects(first.ask('search', row(queries, 0, dim).slice(), 1), /E_CLOSED: The index is closed\./);
    const again = keep(Index.attach(token));
    isExact(await again.search(queries, 5), known(data, dim), queries, dim);
    await again.close();
    assert.equal(await second.ask('count'), 2000);
    await second.ask('close');
    await fails(() => Index.attach(token), unknown(token));
  });

  it('a worker that ends lets go of it, closed or not', async () => {
    const index = await make({ dim, type: 'flat' }, data);
    const token = index.share();
    const worker = await attached(token);
    await index.close();
    await keep(Index.attach(token)).close();
    await worker.leave();
    await fails(() => Index.attach(token), unknown(token));
  });

  it('a tier that one thread has made is that of all', async () => {
    const index = await make({ dim, type: 'auto', policy: 'guide' });
    const { ask } = await attached(index.share());
    await ask('add', data.slice());
    await ask('ready');
    assert.equal(index.stats().auto!.tier, 'IVF44,Flat');
    await index.add(vectors(10, dim, 24));
    assert.deepEqual(index.stats().auto, {
      policy: 'guide',
      tier: 'IVF44,Flat',
      reason: 'guide: under 10,000 vectors',
      rebuilding: false,
    });
  });

  it('two threads whose adds outgrow the tier move it once', async () => {
    const index = await make({ dim, type: 'auto', policy: 'guide' });
    const { ask } = await attached(index.share());
    await Promise.all([index.add(data.subarray(0, 1000 * dim)), ask('add', data.slice(1000 * dim))]);
    await Promise.all([index.ready(), ask('ready')]);
    await index.ready();
    assert.match(index.stats().factory, /^IVF\d+,Flat$/);
    const { auto } = (await ask('stats')) as { auto: { reason: string } };
    assert.equal(auto.reason, 'guide: under 10,000 vectors');
    assert.equal(index.stats().auto!.reason, 'guide: under 10,000 vectors');
    assert.equal(index.count, 2000);
  });
});
