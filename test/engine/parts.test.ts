import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { inChunks } from '../../src/engine/chunks.js';
import { checkResult } from '../../src/engine/result.js';
import { citedIn } from '../../src/engine/sources.js';
import type { QueryResult } from '../../src/engine/types.js';

/** A result, to be damaged. */
interface Loose {
  answer?: unknown;
  found?: unknown;
  sources: unknown;
  quotes?: unknown;
  metadata: unknown;
}

const first = (list: unknown): Record<string, unknown> => (list as Record<string, unknown>[])[0];
const fieldsOf = (value: unknown): Record<string, unknown> => value as Record<string, unknown>;

const RESULT: QueryResult = {
  answer: 'Yes [1].',
  found: true,
  quotes: [{ text: 'Yes', source: 1, start: 0, end: 3, score: 0.9 }],
  sources: [
    {
      number: 1,
      document_id: 'a',
      file_name: 'a.txt',
      relevance_score: 0.5,
      score: 2,
      snippet: 'Yes',
      marks: [[0, 3]],
    },
  ],
  metadata: {
    retrieval_time: 0.1,
    llm_time: 0.1,
    total_time: 0.2,
    documents_retrieved: 1,
    cited: [1],
    cached: false,
    model: 'extractive',
    embedding_model: 'm',
    index: 'flat',
    mode: 'hybrid',
    generation: 3,
  },
};

describe('engine: parts', () => {
  it('chunks are the answer again, whatever it holds, and only the last is final', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('word', ' ', '\n', '\t', 'é', '[1]', 'a b')).map((parts) => parts.join('')),
        (answer) => {
          const chunks = [...inChunks(answer)];
          assert.equal(chunks.map(({ data }) => data).join(''), answer.trimEnd() === '' ? '' : answer.trimEnd());
          assert.deepEqual(
            chunks.map(({ is_final }) => is_final),
            chunks.map((_, at) => at === chunks.length - 1),
          );
        },
      ),
    );
  });

  it('reads the numbers that an answer cites, and no others', () => {
    assert.deepEqual(citedIn('It is so [2], and so [1, 3][2]. Not [0], [9] or [x], nor a[4 ].', 4), [1, 2, 3]);
    assert.deepEqual(citedIn('None.', 3), []);
  });

  it('knows a result of ours from anything else', () => {
    assert.deepEqual(checkResult(structuredClone(RESULT)), RESULT);
    for (const wrong of [null, 7, 'x', [], {}, { answer: 'x' }]) assert.equal(checkResult(wrong), undefined);
    // Whatever part is taken away or becomes something else, it is not one any more.
    const parts: ((result: Loose) => unknown)[] = [
      (result) => delete result.answer,
      (result) => (result.found = 'yes'),
      (result) => (result.sources = {}),
      (result) => (first(result.sources).snippet = { html: '<b>' }),
      (result) => (first(result.sources).marks = [['a', 1]]),
      (result) => (result.sources = [null]),
      (result) => delete result.quotes,
      (result) => (first(result.quotes).score = '1'),
      (result) => (result.metadata = null),
      (result) => (fieldsOf(result.metadata).cited = ['1']),
      (result) => delete fieldsOf(result.metadata).generation,
    ];
    for (const [at, change] of parts.entries()) {
      const copy = structuredClone(RESULT) as unknown as Loose;
      change(copy);
      assert.equal(checkResult(copy), undefined, `change ${at}`);
    }
  });
});
