import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { findFashionMnist } from '../../src/cli/bench/fashion-mnist.js';
import { skip } from '../support/skip.js';
import { quiver, quiverError, quiverJson, someVectors, suiteFolder, writeFvecs } from './support.js';

interface Report {
  data: { name: string; base: number; queries: number; dim: number; metric: string; k: number };
  machine: { cpu: string; threads: number; faiss: string; simd: string };
  eventLoopDelayMs: { p99: number; max: number };
  rows: {
    type: string;
    recall: number;
    buildSeconds: number;
    bytesPerVector: number;
    single: { p50: number; p99: number; queries: number };
    batch: { queriesPerSecond: number };
    loop: Record<'build' | 'search', { p99: number; max: number }>;
  }[];
}

interface Guide {
  documents: number;
  chunks: number;
  rows: { name: string; target: string; ours: number; met: boolean }[];
}

const DIM = 16;

describe('quiver bench', () => {
  const file = suiteFolder();

  before(() => {
    writeFvecs(file('base.fvecs'), someVectors(3000, DIM), DIM);
    writeFvecs(file('queries.fvecs'), someVectors(200, DIM, 7), DIM);
  });

  const small = (): string[] => ['bench', '--data', file('base.fvecs'), '--queries', file('queries.fvecs')];

  it('measures each kind, and writes what it prints', async () => {
    const report = await quiverJson<Report>(
      ...small(),
      '--types',
      'hnsw,flat',
      '--limit',
      '2000',
      '-o',
      file('out/r.json'),
    );
    assert.deepEqual([report.data.base, report.data.queries, report.data.dim, report.data.k], [2000, 200, DIM, 10]);
    assert.deepEqual(
      report.rows.map(({ type }) => type),
      ['hnsw', 'flat'],
    );
    const [hnsw, flat] = report.rows;
    assert.ok(hnsw && flat);
    assert.equal(flat.recall, 1);
    assert.ok(hnsw.recall > 0.9, String(hnsw.recall));
    for (const row of report.rows) {
      assert.ok(row.buildSeconds > 0 && row.batch.queriesPerSecond > 0 && row.single.queries === 1000);
      assert.ok(row.single.p50 > 0 && row.single.p50 <= row.single.p99);
      for (const { p99, max } of Object.values(row.loop)) assert.ok(max >= p99 && p99 > 0);
    }
    assert.ok(flat.bytesPerVector >= DIM * 4 && flat.bytesPerVector < DIM * 4 * 2, String(flat.bytesPerVector));
    assert.deepEqual(JSON.parse(readFileSync(file('out/r.json'), 'utf8')), report);
  });

  it('prints a table, for kinds without flat and factory strings too', async () => {
    const { code, stdout, stderr } = await quiver(
      ...small(),
      '--types',
      'ivf;IVF16,PQ8x4np',
      '--threads',
      '1',
      '--metric',
      'ip',
    );
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /^base\.fvecs: 3,000 vectors x 16, 200 queries, ip, k 10\n.*, 1 thread · Node \d+.* · FAISS 1\./,
    );
    const [head, rule, ...rows] = stdout.split('\n').slice(3);
    assert.match(
      head ?? '',
      /^type +runs as +build +recall@10 +p50 +p99 +batch +bytes\/vector +loop: build +loop: search$/,
    );
    assert.match(rule ?? '', /^─+$/);
    assert.match(rows[0] ?? '', /^ivf +IVF\d+,Flat nprobe \d+/);
    assert.match(rows[1] ?? '', /^IVF16,PQ8x4np /);
  });

  it('measures the images of fashion-mnist', async function () {
    if (findFashionMnist() === undefined)
      skip(this, 'fashion-mnist is not here: node scripts/fetch-data.mjs fetches it');
    const { data, rows } = await quiverJson<Report>('bench', '--limit', '2000', '--types', 'flat');
    assert.deepEqual([data.name, data.base, data.queries, data.dim], ['fashion-mnist', 2000, 10_000, 784]);
    assert.equal(rows[0]?.recall, 1);
  });

  it("measures the guide's targets on real documents", async () => {
    const report = await quiverJson<Guide>('bench', '--guide', '--documents', '40');
    assert.equal(report.documents, 40);
    assert.ok(report.chunks >= report.documents);
    assert.deepEqual(
      report.rows.map(({ target }) => target),
      ['< 2 s', '> 30', '> 50', '< 0.2 s', '< 4 GB', '> 85 %'],
    );
    for (const { name, ours } of report.rows) assert.ok(ours > 0, name);
    const { code, stdout } = await quiver('bench', '--guide', '--documents', '40');
    assert.equal(code, 0);
    assert.match(stdout, /^ +target +the guide +here\s*\n─+\ntime of a query, mean +< 2 s +1\.2 s/);
  });

  it('says what is wrong with its input', async () => {
    writeFvecs(file('three.fvecs'), someVectors(4, 3), 3);
    const error = await quiverError(1, 'bench', '--data', file('base.fvecs'), '--queries', file('three.fvecs'));
    assert.deepEqual([error.code, error.actual], ['E_DIMENSION', '3']);
    assert.equal((await quiverError(1, 'bench', '--data', file('absent.npy'))).code, 'E_NOT_FOUND');
    const few = await quiverError(1, 'bench', '--guide', '--files', 'README.md');
    assert.deepEqual([few.code, few.expected, few.actual], ['E_RANGE', 'at least 20 documents', '1']);
  });
});
