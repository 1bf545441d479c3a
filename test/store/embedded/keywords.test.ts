import { strict as assert } from 'node:assert';

import Database from 'better-sqlite3';
import fc from 'fast-check';

import { B, Bm25, K1 } from '../../../src/store/embedded/bm25.js';
import { Corpus } from '../../../src/store/embedded/corpus.js';
import { KeywordSearch } from '../../../src/store/embedded/keywords.js';
import { Meta } from '../../../src/store/embedded/meta.js';
import { PostingLists } from '../../../src/store/embedded/postings.js';
import { createTables } from '../../../src/store/embedded/schema.js';
import { Tokenizer } from '../../../src/store/embedded/tokenizer.js';
import { entry, names, random, sentence, VOCABULARY, withStore } from '../support.js';

/** A database with words only, and what a reader makes of it. */
function wordsOf(texts: readonly (readonly [text: string, context: string])[], limit = 1 << 20) {
  const db = new Database(':memory:');
  createTables(db);
  const meta = new Meta(db);
  for (const key of ['generation', 'next_document', 'next_chunk', 'forgotten'] as const) meta.set(key, 0);
  const insert = db.prepare('INSERT INTO words (rowid, text, context) VALUES (?, ?, ?)');
  texts.forEach(([text, context], id) => insert.run(id, text, context));
  meta.set('next_chunk', texts.length);
  meta.set('generation', 1);
  const corpus = new Corpus(db, meta);
  corpus.sync();
  const lists = new PostingLists(db, limit);
  return { db, meta, corpus, lists, insert };
}

const next = random(3);
const TEXTS = Array.from(
  { length: 300 },
  () => [sentence(next, Math.floor(next() * 60)), sentence(next, Math.floor(next() * 4))] as const,
);

describe('the words of a store', () => {
  it('has the lengths that FTS5 counted', () => {
    const { corpus } = wordsOf([...TEXTS, ['word '.repeat(20_000), ''], ['', '']]);
    const count = (text: string): number => text.split(' ').filter(Boolean).length;
    const wanted = TEXTS.map(([text, context]) => count(text) + count(context) + 1);
    assert.deepEqual([...corpus.lengths.subarray(0, corpus.end)], [...wanted, 20_001, 1]);
    assert.equal(corpus.count, TEXTS.length + 2);
    assert.equal(
      corpus.words,
      wanted.reduce((sum, n) => sum + n - 1, 20_000),
    );
  });

  it('scores as FTS5 does, given its constants', () => {
    const { db, corpus, lists } = wordsOf(TEXTS);
    const bm25 = new Bm25(1.2, 0.75);
    const tokenizer = new Tokenizer();
    const theirs = db.prepare<[string], { rowid: number; rank: number }>(
      'SELECT rowid, rank FROM words WHERE words MATCH ? ORDER BY rowid',
    );
    for (const word of VOCABULARY) {
      const rows = theirs.all(word);
      const [{ term } = { term: '' }] = tokenizer.terms(word);
      const { weights } = bm25.score([{ list: lists.get(term, corpus.end), count: 1 }], corpus);
      assert.deepEqual(
        [...bm25.found].sort((a, b) => a - b),
        rows.map(({ rowid }) => rowid),
      );
      const idf = Math.max(1e-6, Math.log((corpus.count - rows.length + 0.5) / (rows.length + 0.5)));
      for (const { rowid, rank } of rows) {
        const ours = (bm25.of(rowid) / weights[0]) * idf;
        assert.ok(
          Math.abs(ours + rank) <= 1e-6 * Math.abs(rank),
          `${word} in ${String(rowid)}: ${String(ours)}, ${String(-rank)}`,
        );
      }
    }
  });

  it('adds up the terms of a question, and knows mean and deviation over all chunks', () => {
    const { corpus, lists } = wordsOf(TEXTS);
    const search = new KeywordSearch(new Tokenizer(), lists, corpus);
    const tokenizer = new Tokenizer();
    const stem = (word: string): string => tokenizer.stems([word])[0];
    const bags = TEXTS.map((pair) => pair.join(' ').split(' ').filter(Boolean).map(stem));
    const average = corpus.words / corpus.count;
    const score = (question: readonly string[], bag: readonly string[]): number =>
      question.reduce((sum, term) => {
        const chunks = bags.filter((one) => one.includes(term)).length;
        const count = bag.filter((one) => one === term).length;
        const idf = Math.log(1 + (bags.length - chunks + 0.5) / (chunks + 0.5));
        return sum + (idf * count * (K1 + 1)) / (count + K1 * (1 - B + (B * bag.length) / average));
      }, 0);
    const question = ['glacier', 'walnut', 'dolphin', 'dolphin'];
    const { spread } = search.score(question.join(' '));
    const wanted = bags.map((bag) => score(question.map(stem), bag));
    wanted.forEach((value, id) => assert.ok(Math.abs(search.bm25.of(id) - value) < 1e-5));
    const mean = wanted.reduce((sum, value) => sum + value, 0) / wanted.length;
    const deviation = Math.sqrt(wanted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / wanted.length);
    assert.ok(Math.abs(spread.mean - mean) < 1e-5 && Math.abs(spread.deviation - deviation) < 1e-5);
  });

  it('leaves out words that nearly all chunks have, unless there are no others', () => {
    const texts = Array.from({ length: 1_000 }, (_, i) => [`the thing number${String(i % 500)}`, ''] as const);
    const { corpus, lists } = wordsOf(texts);
    const search = new KeywordSearch(new Tokenizer(), lists, corpus);
    assert.deepEqual([...search.score('the number7 of').weights.keys()], ['number7']);
    assert.equal(search.bm25.found.length, 2);
    assert.deepEqual([...search.score('the thing').weights.keys()].sort(), ['the', 'thing']);
    assert.equal(search.bm25.found.length, 1_000);
    assert.equal(search.score('nothing of this').weights.size, 0);
    assert.equal(search.bm25.found.length, 0);
  });

  it('keeps lists within their room, and takes in what is new', () => {
    const { corpus, lists, insert, meta } = wordsOf(TEXTS, 2_000);
    const stems = new Tokenizer().stems(VOCABULARY);
    for (const term of stems) {
      lists.get(term, corpus.end);
      assert.ok(lists.bytes <= 2_000 || 400 + lists.get(term, corpus.end).ids.length * 5 === lists.bytes);
    }
    // Words that are nowhere take room as well.
    for (let i = 0; i < 100; i++) assert.equal(lists.share(`nowhere${String(i)}`, corpus), 0);
    assert.ok(lists.bytes > 0 && lists.bytes <= 2_000);
    const before = lists.get('river', corpus.end).ids.length;
    insert.run(TEXTS.length, 'river river', '');
    meta.set('next_chunk', TEXTS.length + 1);
    meta.set('generation', 2);
    corpus.sync();
    const list = lists.get('river', corpus.end);
    assert.equal(list.ids.length, before + 1);
    assert.equal(list.counts.at(-1), 2);
  });

  it('counts no more than 255 of one word, and all chunks of a long list', () => {
    const { corpus, lists } = wordsOf(Array.from({ length: 3_000 }, (_, i) => [i === 5 ? 'x '.repeat(400) : 'x', '']));
    const { ids, counts } = lists.get('x', corpus.end);
    assert.equal(ids.length, 3_000);
    assert.deepEqual([...counts.subarray(4, 7)], [1, 255, 1]);
  });
});

describe('the tokenizer', () => {
  const tokenizer = new Tokenizer();

  it('gives the terms of the index', () => {
    assert.deepEqual(tokenizer.terms('Running dogs, the DOGS ran: naïve café!'), [
      { term: 'cafe', count: 1 },
      { term: 'dog', count: 2 },
      { term: 'naiv', count: 1 },
      { term: 'ran', count: 1 },
      { term: 'run', count: 1 },
      { term: 'the', count: 1 },
    ]);
    assert.deepEqual(tokenizer.terms('...!?'), []);
    assert.deepEqual(tokenizer.terms(''), []);
  });

  it('gives the stem of each word, in place', () => {
    assert.deepEqual(tokenizer.stems(['Runs', '—', 'dogs', 'Runs']), ['run', '', 'dog', 'run']);
    assert.deepEqual(tokenizer.stems([]), []);
    const mixed = ['naïve', 'caches', 'Straße', 'A1', 'été', 'x'.repeat(200), 'THE', '漢字', 'e\u0301te', '½'];
    const one = mixed.map((word) => new Tokenizer().stems([word])[0]);
    assert.deepEqual(new Tokenizer().stems(mixed), one);
    assert.deepEqual(one.slice(0, 4), ['naiv', 'cach', 'straß', 'a1']);
  });

  it('forgets what it knows when that is too much, and not what it is asked for then', () => {
    const forgetful = new Tokenizer();
    forgetful.stems(['dogs']);
    forgetful.stems(Array.from({ length: 49_999 }, (_, i) => `n${String(i)}`));
    assert.deepEqual(forgetful.stems(['dogs', 'cats']), ['dog', 'cat']);
  });
});

describe('keyword search', () => {
  it('finds by stems, titles and headings', async () => {
    await withStore(async (store) => {
      await store.put([
        entry('licence', { chunks: ['Permission is hereby granted'], title: 'lodash' }),
        entry('guide', { chunks: ['Call the function.', 'Other matters.'], headings: ['Debouncing'] }),
        entry('plain', { chunks: ['The dogs were running.'] }),
      ]);
      const find = async (text: string): Promise<string[]> => names((await store.search({ text })).hits).sort();
      assert.deepEqual(await find('permission of lodash'), ['licence#0']);
      assert.deepEqual(await find('debounce'), ['guide#0', 'guide#1']);
      assert.deepEqual(await find('a dog runs'), ['plain#0']);
      assert.deepEqual(await find('cats'), []);
    });
  });

  it('orders equals as they came in', async () => {
    await withStore(async (store) => {
      await store.put(['z', 'y', 'x'].map((id) => entry(id, { chunks: ['same words', 'same words'] })));
      const { hits } = await store.search({ text: 'words' });
      assert.deepEqual(names(hits), ['z#0', 'z#1', 'y#0', 'y#1', 'x#0', 'x#1']);
    });
  });

  it('reads no text as a query', async () => {
    await withStore(async (store) => {
      await store.put([
        entry('a', { chunks: ['alpha AND beta NOT gamma OR delta NEAR epsilon'] }),
        entry('b', { chunks: ['column text content'] }),
      ]);
      const hostile = [
        '"',
        '""',
        'alpha"',
        'text:alpha',
        '{text context}: alpha',
        '-alpha',
        '+alpha',
        '^alpha',
        'alpha*',
        'NEAR(alpha beta, 2)',
        'alpha AND',
        'OR',
        'NOT alpha',
        "alpha'; DROP TABLE documents; --",
        '(((((',
        '\0alpha',
        'alpha\0',
        '\ud800alpha',
        'x'.repeat(100_000),
        'alpha '.repeat(10_000),
        '😀'.repeat(1_000),
        '%_\\',
      ];
      for (const text of hostile) {
        const { hits } = await store.search({ text });
        assert.ok(
          hits.every(({ document: { id } }) => id === 'a' || id === 'b'),
          text.slice(0, 50),
        );
      }
      assert.deepEqual(names((await store.search({ text: 'NOT alpha' })).hits), ['a#0']);
      assert.deepEqual(names((await store.search({ text: 'text:alpha' })).hits).sort(), ['a#0', 'b#0']);
      const pieces = fc.constantFrom(
        '"',
        "'",
        '*',
        '(',
        ')',
        ':',
        '^',
        '-',
        '+',
        '{',
        '}',
        ' ',
        ',',
        'NEAR',
        'AND',
        'OR',
        'NOT',
      );
      const text = fc.oneof(
        fc
          .array(fc.oneof(pieces, fc.constantFrom('alpha', 'text', 'words', 'rank'), fc.string({ unit: 'binary' })), {
            maxLength: 12,
          })
          .map((some) => some.join('')),
        fc.string({ unit: 'binary', maxLength: 60 }),
      );
      await fc.assert(
        fc.asyncProperty(text, async (one) => {
          const { hits } = await store.search({ text: one });
          for (const { snippet, chunk } of hits) assert.ok(chunk.text.includes(snippet.text));
        }),
        { numRuns: 500 },
      );
      assert.deepEqual((await store.verify()).problems, []);
      assert.equal((await store.count()).documents, 2);
    });
  });
});
