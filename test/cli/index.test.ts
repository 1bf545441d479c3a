import { strict as assert } from 'node:assert';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { needShared } from '../support/skip.js';
import { quiver, quiverError, quiverJson, someVectors, suiteFolder, writeFvecs } from './support.js';

interface Built {
  count: number;
  added: number;
  replaced: number;
  dim: number;
  metric: string;
  idType: string;
  kind: string;
  factory: string;
  threads: number;
  seconds: Record<'train' | 'add' | 'save' | 'total', number>;
  bytes: number;
}

interface Searched {
  k: number;
  queries: number;
  seconds: number;
  results: { query: number; id?: number; hits: { id: number | string; distance: number }[] }[];
}

const DIM = 8;
const COUNT = 3000;

describe('quiver index', () => {
  const file = suiteFolder();
  const base = someVectors(COUNT, DIM);

  before(() => {
    writeFvecs(file('base.fvecs'), base, DIM);
    writeFvecs(file('queries.fvecs'), base.subarray(0, 50 * DIM), DIM);
  });

  const build = (...args: string[]) => quiverJson<Built>('index', 'build', ...args);
  const search = (index: string, ...args: string[]) =>
    quiverJson<Searched>('index', 'search', file(index), '-q', file('queries.fvecs'), ...args);

  for (const type of ['auto', 'flat', 'hnsw', 'ivf', 'IVF16,PQ4x8np']) {
    it(`builds, inspects and searches ${type}`, async () => {
      const built = await build(file('base.fvecs'), '-o', file('a.quiver'), '--type', type);
      assert.deepEqual([built.count, built.added, built.replaced, built.dim], [COUNT, COUNT, 0, DIM]);
      assert.deepEqual([built.metric, built.idType], ['l2', 'number']);
      assert.equal(built.bytes, statSync(file('a.quiver')).size);
      assert.equal(built.seconds.train > 0, type.toLowerCase().startsWith('ivf'));

      const info = await quiverJson<Record<string, unknown>>('index', 'info', file('a.quiver'), '--verify');
      assert.deepEqual([info.count, info.dim, info.metric, info.verified], [COUNT, DIM, 'l2', true]);
      assert.deepEqual([info.factory, info.kind, info.fileBytes], [built.factory, built.kind, built.bytes]);

      // Each query is a vector of the index; a compressed one may be found a few places down.
      const found = await search('a.quiver', '-k', '5');
      assert.deepEqual([found.k, found.queries, found.results.length], [5, 50, 50]);
      const own = found.results.filter(({ query, hits }) => hits.some(({ id }) => id === query)).length;
      assert.ok(own >= 45, `${own} of 50 found themselves`);
      if (type === 'flat') assert.deepEqual(found.results[7]?.hits[0], { id: 7, distance: 0 });
    });
  }

  it('passes the settings of the kind on', async () => {
    const hnsw = ['--type', 'hnsw', '--m', '12', '--ef-construction', '77', '--ef-search', '33', '--metric', 'cosine'];
    await build(file('base.fvecs'), '-o', file('set.quiver'), ...hnsw, '--id-type', 'bigint', '--threads', '1');
    const info = await quiverJson<Record<string, unknown>>('index', 'info', file('set.quiver'));
    assert.deepEqual([info.M, info.efConstruction, info.efSearch], [12, 77, 33]);
    assert.deepEqual([info.metric, info.idType], ['cosine', 'bigint']);
    const ivf = ['--type', 'ivf', '--nlist', '20', '--nprobe', '4'];
    const built = await build(file('base.fvecs'), '-o', file('set.quiver'), ...ivf, '--threads', '1');
    assert.equal(built.threads, 1);
    const lists = await quiverJson<Record<string, unknown>>('index', 'info', file('set.quiver'));
    assert.deepEqual([lists.nlist, lists.nprobe], [20, 4]);
  });

  it('reads several files and globs, in order', async () => {
    writeFvecs(file('part-2.fvecs'), base.subarray(2 * DIM, 4 * DIM), DIM);
    writeFvecs(file('part-1.fvecs'), base.subarray(0, 2 * DIM), DIM);
    await build(file('part-*.fvecs'), file('base.fvecs'), '-o', file('parts.quiver'), '--type', 'flat');
    const { results } = await search('parts.quiver', '-k', '2', '--limit', '4');
    assert.deepEqual(
      results.map(({ hits }) => hits.map(({ id }) => Number(id)).sort((a, b) => a - b)),
      [0, 1, 2, 3].map((id) => [id, id + 4]),
    );
  });

  it('takes ids from a file, and from .jsonl', async () => {
    writeFileSync(file('ids.txt'), Array.from({ length: COUNT }, (_, i) => i * 1000 + 5).join('\n'));
    await build(file('base.fvecs'), '-o', file('ids.quiver'), '--ids', file('ids.txt'), '--type', 'flat');
    assert.equal((await search('ids.quiver', '-k', '1')).results[3]?.hits[0]?.id, 3005);

    const big = 2n ** 60n;
    const lines = [0, 1, 2].map(
      (i) => `{"id": "${big + BigInt(i)}", "vector": [${base.subarray(i * DIM, (i + 1) * DIM).join()}]}`,
    );
    writeFileSync(file('big.jsonl.gz'), gzipSync(lines.join('\n')));
    await build(file('big.jsonl.gz'), '-o', file('big.quiver'), '--id-type', 'bigint', '--type', 'flat');
    assert.equal((await search('big.quiver', '-k', '1')).results[2]?.hits[0]?.id, String(big + 2n));
  });

  it('refuses ids that do not match the vectors', async () => {
    writeFileSync(file('few.txt'), '1\n2\n');
    writeFileSync(file('three.jsonl'), '[1,2]\n[3,4]\n[5,6]\n');
    const known = await quiverError(1, 'index', 'build', file('base.fvecs'), '-o', file('x'), '--ids', file('few.txt'));
    assert.deepEqual([known.code, known.expected, known.actual], ['E_ARGUMENT', `${COUNT} ids, one a vector`, '2']);
    const unknown = await quiverError(
      1,
      'index',
      'build',
      file('three.jsonl'),
      '-o',
      file('x'),
      '--ids',
      file('few.txt'),
    );
    assert.deepEqual([unknown.code, unknown.actual], ['E_ARGUMENT', '2']);
    writeFileSync(file('many.txt'), '1\n2\n3\n4\n');
    const more = await quiverError(
      1,
      'index',
      'build',
      file('three.jsonl'),
      '-o',
      file('x'),
      '--ids',
      file('many.txt'),
    );
    assert.deepEqual([more.code, more.expected, more.actual], ['E_ARGUMENT', '3 ids, one a vector', '4']);
    assert.equal(existsSync(file('x')), false);
  });

  it('filters by ids and by range', async () => {
    await build(file('base.fvecs'), '-o', file('f.quiver'), '--type', 'flat');
    const ids = async (...args: string[]) => {
      const { results } = await search('f.quiver', '--limit', '1', ...args);
      return (results[0]?.hits ?? []).map(({ id }) => Number(id)).sort((a, b) => a - b);
    };
    assert.deepEqual(await ids('--filter-ids', '9,7,2999'), [7, 9, 2999]);
    assert.deepEqual(await ids('--filter-range', '100:103'), [100, 101, 102]);
    assert.deepEqual(await ids('--filter-range', '100:103', '--filter-ids', '7,101'), [101]);
    const wrong = await quiverError(
      2,
      'index',
      'search',
      file('f.quiver'),
      '-q',
      file('queries.fvecs'),
      '--filter-range',
      '1-2',
    );
    assert.match(wrong.message, /--filter-range: expected from:to/);
    const text = await quiverError(
      2,
      'index',
      'search',
      file('f.quiver'),
      '-q',
      file('queries.fvecs'),
      '--filter-ids',
      '1,a',
    );
    assert.match(text.message, /--filter-ids: expected whole numbers, found "a"/);
  });

  it('searches with its parameters, mapped, and exactly', async () => {
    await build(file('base.fvecs'), '-o', file('p.quiver'), '--type', 'ivf', '--nlist', '50', '--nprobe', '1');
    const exact = await search('p.quiver', '--exact', '--mmap');
    const all = await search('p.quiver', '--nprobe', '50', '--threads', '1');
    assert.deepEqual(
      exact.results.map(({ hits }) => hits.map(({ id }) => id)),
      all.results.map(({ hits }) => hits.map(({ id }) => id)),
    );
  });

  it('prints a table of the first queries, and says what it left out', async () => {
    await build(file('base.fvecs'), '-o', file('t.quiver'), '--type', 'flat');
    const { code, stdout, stderr } = await quiver(
      'index',
      'search',
      file('t.quiver'),
      '-q',
      file('queries.fvecs'),
      '-k',
      '3',
    );
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.length, 2 + 20 * 3);
    assert.match(lines[0] ?? '', /^query +rank +id +distance$/);
    assert.match(lines[2] ?? '', /^ +0 +1 +0 +0\.000000$/);
    assert.match(stderr, /50 queries in .*30 more are not shown/);
  });

  it('writes the ids of the neighbours to a file', async () => {
    await build(file('base.fvecs'), '-o', file('o.quiver'), '--type', 'flat');
    for (const name of ['found.ivecs', 'found.npy', 'found.jsonl']) {
      const written = await quiverJson<{ queries: number; bytes: number }>(
        ...['index', 'search', file('o.quiver'), '-q', file('queries.fvecs'), '-k', '4', '-o', file(name)],
      );
      assert.deepEqual([written.queries, written.bytes], [50, statSync(file(name)).size]);
    }
    const first = JSON.parse(readFileSync(file('found.jsonl'), 'utf8').split('\n')[0] ?? '') as number[];
    assert.deepEqual([first.length, first[0]], [4, 0]);
  });

  it('goes to a plain FAISS file and back', async () => {
    await build(file('base.fvecs'), '-o', file('plain.quiver'), '--type', 'hnsw');
    const exported = await quiverJson<{ count: number; bytes: number }>(
      ...['index', 'export', file('plain.quiver'), '-o', file('plain.faiss')],
    );
    assert.deepEqual([exported.count, exported.bytes], [COUNT, statSync(file('plain.faiss')).size]);
    for (const trusted of [[], ['--trusted']]) {
      await quiverJson('index', 'import', file('plain.faiss'), '-o', file('again.quiver'), ...trusted);
      assert.deepEqual((await search('again.quiver')).results, (await search('plain.quiver')).results);
    }
  });

  it('indexes sentence vectors from .jsonl', async function () {
    const path = needShared(this, 'models', 'all-MiniLM-L6-v2-int8', 'reference.jsonl');
    const built = await build(path, '-o', file('real.quiver'), '--metric', 'cosine');
    assert.deepEqual([built.dim, built.metric], [384, 'cosine']);
    const { results } = await quiverJson<Searched>('index', 'search', file('real.quiver'), '-q', path, '-k', '1');
    assert.equal(results.length, built.count);
    for (const { query, hits } of results) {
      assert.ok(
        hits[0] !== undefined && Math.abs(hits[0].distance - 1) < 1e-5,
        `query ${query}: ${JSON.stringify(hits)}`,
      );
    }
  });

  it('prints what it built, and where time went', async () => {
    const { code, stdout } = await quiver(
      'index',
      'build',
      file('base.fvecs'),
      '-o',
      file('h.quiver'),
      '--type',
      'ivf',
    );
    assert.equal(code, 0);
    for (const part of [
      /^index +.*h\.quiver$/m,
      /^vectors +3,000 x 8, l2$/m,
      /^time .*train .*add .*save /m,
      /^size .*bytes a vector$/m,
    ]) {
      assert.match(stdout, part);
    }
    const info = await quiver('index', 'info', file('h.quiver'));
    assert.match(info.stdout, /^settings +.*nlist \d+, nprobe \d+$/m);
  });

  const REFUSED: [what: string, args: string[], code: string, message: RegExp][] = [
    ['an absent input', ['build', '{}/absent.npy', '-o', '{}/x'], 'E_NOT_FOUND', /absent\.npy: there is no such file/],
    ['a glob without files', ['build', '{}/*.npz', '-o', '{}/x'], 'E_NOT_FOUND', /no file matches/],
    ['an absent folder for the output', ['build', '{}/base.fvecs', '-o', '{}/no/x'], 'E_IO', /no such folder/],
    ['a folder as output', ['build', '{}/base.fvecs', '-o', '{}'], 'E_IO', /the name of a file, found a folder/],
    ['a kind that there is not', ['build', '{}/base.fvecs', '-o', '{}/x', '--type', 'nosuch'], '', /nosuch/],
    ['an absent index', ['search', '{}/absent.quiver', '-q', '{}/queries.fvecs'], 'E_NOT_FOUND', /absent\.quiver/],
    [
      'an absent index to inspect',
      ['info', '{}/absent.quiver'],
      'E_NOT_FOUND',
      /absent\.quiver: there is no such file/,
    ],
    ['an absent file to import', ['import', '{}/absent.faiss', '-o', '{}/x'], 'E_NOT_FOUND', /absent\.faiss/],
    ['a file that is no index', ['info', '{}/base.fvecs'], '', /base\.fvecs/],
    ['a file that is no FAISS index', ['import', '{}/base.fvecs', '-o', '{}/x'], '', /./],
  ];
  for (const [what, args, code, message] of REFUSED) {
    it(`refuses ${what}`, async () => {
      const folder = dirname(file('x'));
      const error = await quiverError(1, 'index', ...args.map((arg) => arg.replace('{}', folder)));
      if (code !== '') assert.equal(error.code, code, error.message);
      assert.notEqual(error.code, 'E_INTERNAL', error.message);
      assert.match(error.message, message);
      assert.equal(existsSync(file('x')), false);
    });
  }

  it('refuses queries and files of another size', async () => {
    await build(file('base.fvecs'), '-o', file('d.quiver'), '--type', 'flat');
    writeFvecs(file('three.fvecs'), someVectors(4, 3), 3);
    const queries = await quiverError(1, 'index', 'search', file('d.quiver'), '-q', file('three.fvecs'));
    assert.deepEqual([queries.code, queries.actual], ['E_DIMENSION', '3']);
    assert.match(queries.message, /three\.fvecs.*expected 8 numbers a vector, as in .*d\.quiver, found 3/);
    const mixed = await quiverError(1, 'index', 'build', file('base.fvecs'), file('three.fvecs'), '-o', file('x'));
    assert.deepEqual([mixed.code, mixed.actual], ['E_DIMENSION', '3']);
    writeFileSync(file('ids.jsonl'), '{"id": 1, "vector": [1,2,3]}');
    const ids = await quiverError(1, 'index', 'build', file('three.fvecs'), file('ids.jsonl'), '-o', file('x'));
    assert.match(ids.message, /all files of one index have ids, or none has/);
  });

  it('refuses vectors that are not finite, and leaves no file', async () => {
    const bad = someVectors(100, DIM);
    bad[50 * DIM + 3] = NaN;
    writeFvecs(file('nan.fvecs'), bad, DIM);
    const error = await quiverError(1, 'index', 'build', file('nan.fvecs'), '-o', file('nan.quiver'));
    assert.equal(error.code, 'E_NOT_FINITE');
    assert.deepEqual(
      readdirSync(dirname(file('x'))).filter((name) => name.includes('nan.quiver')),
      [],
    );
  });

  it('refuses a damaged index', async () => {
    await build(file('base.fvecs'), '-o', file('damaged.quiver'), '--type', 'flat');
    const bytes = readFileSync(file('damaged.quiver'));
    const middle = Math.floor(bytes.length / 2);
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
    writeFileSync(file('damaged.quiver'), bytes);
    const error = await quiverError(1, 'index', 'info', file('damaged.quiver'), '--verify');
    assert.equal(error.code, 'E_CORRUPT');
    const opened = await quiverError(1, 'index', 'search', file('damaged.quiver'), '-q', file('queries.fvecs'));
    assert.equal(opened.code, 'E_CORRUPT');
  });
});
