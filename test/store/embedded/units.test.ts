import { strict as assert } from 'node:assert';

import Database from 'better-sqlite3';
import fc from 'fast-check';

import { fieldsOf, KIND } from '../../../src/store/embedded/fields.js';
import { isSnapshotFile, snapshotName } from '../../../src/store/embedded/layout.js';
import { fromSqlite } from '../../../src/store/embedded/sqlite-error.js';
import { snippetsOf } from '../../../src/store/embedded/snippet.js';
import { sumOfVector } from '../../../src/store/embedded/sums.js';
import { Tokenizer } from '../../../src/store/embedded/tokenizer.js';
import { topIds } from '../../../src/store/embedded/top.js';

describe('topIds', () => {
  it('finds the best, best first, equals by lower id', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 80 }), fc.nat(90), (values, wanted) => {
        const scores = Float32Array.from(values);
        const ids = Uint32Array.from(values.keys()).reverse();
        const all = [...values.keys()].sort((a, b) => values[b] - values[a] || a - b);
        assert.deepEqual([...topIds(ids, scores, wanted)], all.slice(0, wanted));
      }),
    );
  });
});

describe('fieldsOf', () => {
  it('lists each value once, under its path', () => {
    const fields = fieldsOf({ a: { b: [1, 1, [2, { c: null }]] }, t: true, s: '', zero: -0, e: {} });
    assert.deepEqual(fields, [
      { path: 'a', kind: KIND.object, value: 0 },
      { path: 'a.b', kind: KIND.array, value: 0 },
      { path: 'a.b', kind: KIND.number, value: 1 },
      { path: 'a.b', kind: KIND.number, value: 2 },
      { path: 'a.b', kind: KIND.object, value: 0 },
      { path: 'a.b.c', kind: KIND.null, value: 0 },
      { path: 't', kind: KIND.boolean, value: 1 },
      { path: 's', kind: KIND.text, value: '' },
      { path: 'zero', kind: KIND.number, value: 0 },
      { path: 'e', kind: KIND.object, value: 0 },
    ]);
  });
});

describe('snippetsOf', () => {
  const tokenizer = new Tokenizer();
  const weights = new Map([
    ['fox', 3],
    ['dog', 2],
    ['run', 1],
  ]);
  const marked = (text: string, length = 60) => {
    const [{ marks, ...snippet }] = snippetsOf([{ text, start: 100 }], weights, length, tokenizer);
    return { ...snippet, words: marks.map(([from, to]) => snippet.text.slice(from, to)) };
  };

  it('marks the words of the question, in any form', () => {
    assert.deepEqual(marked('Foxes: the DOGS’ runs.'), {
      text: 'Foxes: the DOGS’ runs.',
      start: 100,
      words: ['Foxes', 'DOGS', 'runs'],
    });
  });

  it('shows the part with most of them, between words', () => {
    const filler = 'lorem ipsum dolor sit amet '.repeat(6);
    const { text, start, words } = marked(`run ${filler}the fox and the dog ${filler}run`);
    assert.deepEqual(words, ['fox', 'dog']);
    assert.ok(text.length <= 60 && /^\S.*\S$/.test(text), text);
    assert.equal(`run ${filler}the fox and the dog ${filler}run`.indexOf(text), start - 100);
  });

  it('gives each of several chunks its own', () => {
    const chunks = ['A fox runs.', '…', 'The dog’s été'].map((text, start) => ({ text, start }));
    assert.deepEqual(
      snippetsOf(chunks, weights, 60, tokenizer).map(({ marks, start }) => [start, ...marks]),
      [[0, [2, 5], [6, 10]], [1], [2, [4, 7]]],
    );
  });

  it('begins at the front where there is none', () => {
    const { text, start, words } = marked('nothing of it stands here, '.repeat(5));
    assert.equal(start, 100);
    assert.equal(text, 'nothing of it stands here, nothing of it stands here,');
    assert.deepEqual(words, []);
  });

  it('cuts no surrogate pair and stays within the text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('😀', 'fox', ' ', 'a', 'é', '\u0301') }),
        fc.integer({ min: 40, max: 80 }),
        (text, length) => {
          const [{ text: shown, start, marks }] = snippetsOf([{ text, start: 0 }], weights, length, tokenizer);
          assert.equal(text.slice(start, start + shown.length), shown);
          assert.ok(shown.length <= length);
          assert.ok((shown as string & { isWellFormed(): boolean }).isWellFormed());
          for (const [from, to] of marks) assert.ok(from < to && to <= shown.length);
        },
      ),
    );
  });
});

describe('the names of snapshots', () => {
  it('are known again, with what a save may leave', () => {
    assert.ok(isSnapshotFile(snapshotName(12)));
    assert.ok(isSnapshotFile('.index-12.quiver.123-4.tmp'));
    for (const name of [
      'index-.quiver',
      'index-1.quiver.bak',
      '../index-1.quiver',
      'collection.db',
      'index-1.quiver.tmp',
    ]) {
      assert.ok(!isSnapshotFile(name), name);
    }
  });
});

describe('sumOfVector', () => {
  it('changes with each bit, and with the chunk', () => {
    const bytes = Buffer.from(Float32Array.of(1, 2, 3).buffer);
    const sum = sumOfVector(5, bytes);
    assert.notEqual(sumOfVector(6, bytes), sum);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] ^= 1 << (bit & 7);
      assert.notEqual(sumOfVector(5, flipped), sum);
    }
  });
});

describe('fromSqlite', () => {
  const cases = [
    ['SQLITE_CORRUPT_INDEX', 'E_CORRUPT', /The database is damaged \(x\)\. Restore a backup/],
    ['SQLITE_FULL', 'E_IO', /The disk is full \(x\)\. Nothing was changed\. Make room and try again\.$/],
    ['SQLITE_IOERR_FSYNC', 'E_IO', /The disk failed \(x\)\. Nothing was changed\. Check the disk/],
    ['SQLITE_READONLY_DIRECTORY', 'E_IO', /cannot be opened or written \(x\)\. Check the rights/],
    ['SQLITE_BUSY_SNAPSHOT', 'E_LOCKED', /Another program holds the database \(x\)\. Close what has opened the file/],
    ['SQLITE_NOMEM', 'E_OUT_OF_MEMORY', /There is no memory for it \(x\)\. Nothing was changed\.$/],
    ['SQLITE_TOOBIG', 'E_RANGE', /A text is too large for SQLite \(x\)\. Split the document\.$/],
    ['SQLITE_ERROR', 'E_CORRUPT', /^here: The database is damaged \(x\)\. Restore a backup/],
    ['SQLITE_MISUSE', 'E_INTERNAL', /^here: x\. This is a mistake of the store; please report it\.$/],
  ] as const;
  for (const [code, wanted, message] of cases) {
    it(`makes ${wanted} of ${code}`, () => {
      const error = fromSqlite(new Database.SqliteError('x', code), 'here');
      assert.equal(error.code, wanted);
      assert.match(error.message, message);
    });
  }

  it('makes E_INTERNAL of what is no error of SQLite', () => {
    assert.equal(fromSqlite(new TypeError('x'), 'here').code, 'E_INTERNAL');
    assert.equal(fromSqlite('x', 'here').message, 'here: x. This is a mistake of the store; please report it.');
  });
});
