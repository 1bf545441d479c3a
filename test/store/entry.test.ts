import { strict as assert } from 'node:assert';

import { chunkText, prepareEntry } from '../../src/store/entry.js';
import type { Entry } from '../../src/store/backend.js';
import { entry, fails } from './support.js';

const DIM = 4;
const vectors = (...values: number[]): Float32Array => Float32Array.from(values);
const plain = (change: object = {}): Entry => {
  const { document } = entry('one', { chunks: ['some text'], vectors: vectors(3, 0, 4, 0) });
  return { document: { ...document, ...change }, vectors: vectors(3, 0, 4, 0) };
};
const prepare = (one: unknown) => prepareEntry('entries[0]', one as Entry, DIM);
const refused = (change: object, message: string | RegExp, code: 'E_ARGUMENT' | 'E_RANGE' = 'E_ARGUMENT') =>
  fails(() => prepare(plain(change)), { code, message, expected: /./, actual: /./ });

describe('prepareEntry', () => {
  it('copies the vectors, at length 1', () => {
    const given = plain();
    const { vectors: unit } = prepare(given);
    assert.deepEqual([...unit], [...vectors(0.6, 0, 0.8, 0)]);
    given.vectors.fill(9);
    assert.equal(unit[1], 0);
    assert.deepEqual([...prepare({ ...plain(), vectors: vectors(0, 0, 0, 0) }).vectors], [0, 0, 0, 0]);
    const tiny = prepare({ ...plain(), vectors: vectors(1e-30, 0, 0, 0) }).vectors;
    assert.deepEqual([...tiny], [1, 0, 0, 0]);
  });

  it('makes text well-formed and keeps its length', () => {
    const text = `half \ud83d pair`;
    const one = plain({ title: 'a\udc00', text, chunks: [{ text, start: 0, end: text.length }] });
    const prepared = prepare(one);
    assert.equal(prepared.text, 'half \ufffd pair');
    assert.equal(prepared.title, 'a\ufffd');
    assert.equal(chunkText('x😀', { start: 0, end: 2 }), 'x\ufffd');
  });

  it('refuses what is no entry', async () => {
    const failure = { code: 'E_ARGUMENT', expected: /./, actual: /./ } as const;
    await fails(() => prepare(null), { ...failure, message: 'entries[0] must be { document, vectors }, but is null.' });
    await fails(() => prepare({}), { ...failure, message: 'entries[0].document must be an object, but is undefined.' });
  });

  it('refuses a wrong id', async () => {
    await refused({ id: 5 }, 'entries[0].document.id must be a string, but is 5.');
    await refused({ id: '' }, 'entries[0].document.id must have 1 to 4096 characters, but has 0.', 'E_RANGE');
    await refused(
      { id: 'x'.repeat(4_097) },
      'entries[0].document.id must have 1 to 4096 characters, but has 4097.',
      'E_RANGE',
    );
    await refused(
      { id: '\ud800' },
      /^entries\[0\]\.document\.id holds half of a surrogate pair: ".". Ids are kept as UTF-8\.$/,
    );
  });

  it('refuses wrong fields', async () => {
    await refused({ text: undefined }, 'text of document "one" must be a string, but is undefined.');
    await refused({ title: 1 }, 'title of document "one" must be a string, but is 1.');
    await refused(
      { source: 'x'.repeat(65_537) },
      'source of document "one" must have at most 65,536 characters, but has 65,537.',
      'E_RANGE',
    );
    await refused({ chunks: 'x' }, 'chunks of document "one" must be an array, but is "x".');
  });

  it('refuses chunks that are not where they say', async () => {
    const chunk = (change: object) => ({ chunks: [{ text: 'some', start: 0, end: 4, ...change }] });
    await refused({ chunks: [null] }, 'chunks[0] of document "one" must be an object, but is null.');
    await refused(
      chunk({ end: 40 }),
      'start and end of chunks[0] of document "one" must be 0 <= start <= end <= 9, but is "0 and 40".',
      'E_RANGE',
    );
    await refused(chunk({ start: 0.5 }), /^start and end of chunks\[0\]/, 'E_RANGE');
    await refused(
      chunk({ text: 'same' }),
      'text of chunks[0] of document "one" must be text.slice(0, 4) of the document, but is "same".',
    );
    await refused(chunk({ page: -1 }), 'page of chunks[0] of document "one" must be a whole number, but is -1.');
    await refused(
      chunk({ headings: 'A' }),
      'headings of chunks[0] of document "one" must be an array of strings, but is "A".',
    );
    await refused(
      chunk({ headings: ['A', 1] }),
      'headings[1] of chunks[0] of document "one" must be a string, but is 1.',
    );
  });

  it('refuses metadata that JSON cannot hold', async () => {
    const json = 'what JSON can hold (strings, finite numbers, booleans, null, arrays, plain objects)';
    await refused({ metadata: undefined }, 'metadata of document "one" must be an object, but is undefined.');
    await refused({ metadata: [] }, 'metadata of document "one" must be an object, but is an array of 0.');
    await refused({ metadata: { a: [NaN] } }, `metadata of document "one".a[0] must be ${json}, but is NaN.`);
    await refused(
      { metadata: { when: new Date(0) } },
      `metadata of document "one".when must be ${json}, but is a Date.`,
    );
    await refused({ metadata: { a: 1n } }, `metadata of document "one".a must be ${json}, but is 1n.`);
    let deep: object = {};
    for (let i = 0; i < 70; i++) deep = { a: deep };
    await refused(
      { metadata: deep },
      /^the depth of metadata of document "one"\.a.* must be at most 64 levels/,
      'E_RANGE',
    );
    await refused(
      { metadata: { a: 'x'.repeat(1 << 20) } },
      'metadata of document "one" must have at most 1,048,576 characters of JSON, but has 1,048,584.',
      'E_RANGE',
    );
  });

  it('refuses vectors that do not fit', async () => {
    const one = (given: unknown) => prepare({ ...plain(), vectors: given });
    await fails(() => one([1, 2, 3, 4]), {
      code: 'E_ARGUMENT',
      message: 'vectors of document "one" must be a Float32Array, but is an array of 4.',
      expected: 'a Float32Array',
      actual: 'an array of 4',
    });
    await fails(() => one(vectors(1, 2, 3)), {
      code: 'E_DIMENSION',
      message: 'vectors of document "one" must hold 1 * 4 numbers, one vector a chunk, but hold 3.',
      expected: '4',
      actual: '3',
    });
    await fails(() => one(vectors(1, NaN, 3, 4)), {
      code: 'E_NOT_FINITE',
      message: 'vectors of document "one": the one of chunk 0 holds NaN.',
      expected: 'finite numbers',
      actual: 'NaN',
    });
  });
});
