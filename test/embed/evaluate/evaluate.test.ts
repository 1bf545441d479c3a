import { strict as assert } from 'node:assert';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { neighbourAgreement } from '../../../src/embed/evaluate/agreement.js';
import { denseRankings, evaluateRetrieval, evaluateSimilarity } from '../../../src/embed/evaluate/evaluate.js';
import { readRetrievalSet, readSimilaritySet } from '../../../src/embed/evaluate/sets.js';
import { openStaticEmbedder, type StaticEmbedder } from '../../../src/embed/static/embedder.js';
import { fails, folders, random } from '../support.js';

const documents = [
  { _id: 'd1', title: 'Cats', text: 'The cat sleeps on the sofa all day.' },
  { _id: 'd2', title: 'Engines', text: 'A diesel engine burns fuel under high pressure.' },
  { _id: 'd3', title: '', text: 'Interest rates rose again, and the stock market fell.' },
  { _id: 'd4', title: '', text: '' },
];
const queries = [
  { _id: 'q1', text: 'kittens and other pets' },
  { _id: 'q2', text: 'motors of trucks' },
  { _id: 'q3', text: 'a query that nobody judged' },
];
const lines = (records: readonly object[]): string => `${records.map((record) => JSON.stringify(record)).join('\n')}\n`;

describe('embed/evaluate: benchmarks', () => {
  const { make } = folders();
  let embedder: StaticEmbedder;
  before(async () => {
    embedder = await openStaticEmbedder();
  });
  after(() => embedder.close());

  const write = (files: Record<string, string | Buffer>): string => {
    const folder = join(make(), 'set');
    mkdirSync(folder);
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
    return folder;
  };
  const retrieval = (): string =>
    write({
      'corpus.jsonl.gz': gzipSync(lines(documents)),
      'queries.jsonl': lines(queries),
      'qrels.tsv': 'query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\nq2\td4\t0\n',
      'queries.train.jsonl': lines([{ _id: 't1', text: 'money and banks' }]),
      'qrels.train.tsv': 'query-id\tcorpus-id\tscore\nt1\td3\t2\n',
    });

  it('reads a retrieval set, packed or not, and only the queries that are judged', async () => {
    const set = await readRetrievalSet(retrieval());
    assert.deepEqual(
      set.documents.map(({ text }) => text),
      [
        'Cats The cat sleeps on the sofa all day.',
        'Engines A diesel engine burns fuel under high pressure.',
        'Interest rates rose again, and the stock market fell.',
        '',
      ],
    );
    assert.deepEqual(
      set.queries.map(({ id }) => id),
      ['q1', 'q2'],
    );
    assert.deepEqual(
      set.judgements.get('q2'),
      new Map([
        ['d2', 1],
        ['d4', 0],
      ]),
    );
  });

  it('ranks and scores it, empty documents and all', async () => {
    const set = await readRetrievalSet(retrieval());
    const rankings = await denseRankings(embedder, set);
    assert.deepEqual(
      [...rankings].map(([query, found]) => [query, found[0], found.length]),
      [
        ['q1', 'd1', 4],
        ['q2', 'd2', 4],
      ],
    );
    const scores = await evaluateRetrieval(embedder, set);
    assert.deepEqual(scores, { ndcg10: 1, recall100: 1, mrr10: 1, success5: 1, queries: 2 });
  });

  it('reads the split that it is asked for', async () => {
    const set = await readRetrievalSet(retrieval(), { split: 'train' });
    assert.deepEqual(set.queries, [{ id: 't1', text: 'money and banks' }]);
    assert.equal((await evaluateRetrieval(embedder, set)).ndcg10, 1);
  });

  it('correlates cosines with scores', async () => {
    const pairs = [
      ['A man plays a guitar.', 'Someone is playing the guitar.', 5],
      ['A man plays a guitar.', 'A woman sings a song.', 2],
      ['A man plays a guitar.', 'The committee adjourned the meeting.', 0],
    ].map(([sentence1, sentence2, score]) => ({ sentence1, sentence2, score }));
    const set = await readSimilaritySet(join(write({ 'dev.jsonl': lines(pairs) }), 'dev.jsonl'));
    assert.equal(await evaluateSimilarity(embedder, set), 1);
    assert.equal(await evaluateSimilarity(embedder, { ...set, scores: [0, 2, 5] }), -1);
  });

  it('says which file is missing', async () => {
    const folder = write({});
    const file = join(folder, 'qrels.tsv');
    await fails(readRetrievalSet(folder), {
      code: 'E_NOT_FOUND',
      message: `Expected ${file} or ${file}.gz, found neither.`,
      expected: file,
      actual: 'nothing',
    });
  });

  it('says which line is no JSON', async () => {
    const file = join(write({ 'dev.jsonl': '{"score":1}\nnot json\n' }), 'dev.jsonl');
    await fails(readSimilaritySet(file), {
      code: 'E_CORRUPT',
      message: `Line 2 of ${file} must be JSON, but is not: not json`,
    });
  });
});

describe('embed/evaluate: agreement', () => {
  const next = random(6);
  const vectors = Float32Array.from({ length: 200 * 16 }, () => next() - 0.5);

  it('is whole between a model and itself, also when it is scaled', async () => {
    const half = vectors.map((value) => value / 2);
    assert.equal(await neighbourAgreement({ vectors, dim: 16 }, { vectors: half, dim: 16 }), 1);
  });

  it('is what chance gives between models that have nothing in common', async () => {
    const other = Float32Array.from({ length: 200 * 8 }, () => next() - 0.5);
    const share = await neighbourAgreement({ vectors, dim: 16 }, { vectors: other, dim: 8 });
    assert.ok(share > 0.01 && share < 0.1, String(share));
  });

  it('lies between for a model that is a little off', async () => {
    const off = vectors.map((value) => value + (next() - 0.5) * 0.3);
    const share = await neighbourAgreement({ vectors, dim: 16 }, { vectors: off, dim: 16 });
    assert.ok(share > 0.5 && share < 1, String(share));
  });
});
