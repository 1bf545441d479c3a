import { strict as assert } from 'node:assert';

import Database from 'better-sqlite3';

import { QuiverError } from '../../../lib/errors.js';
import { createTables } from '../../../src/store/embedded/schema.js';
import { WordPages } from '../../../src/store/embedded/word-pages.js';
import { random, sentence, VOCABULARY } from '../support.js';

/** What FTS5 itself says of each term: its chunks, and how often it stands in each. */
function listsOf(db: Database.Database): Map<string, [id: number, count: number][]> {
  db.exec(`CREATE VIRTUAL TABLE IF NOT EXISTS temp.instances USING fts5vocab (main, words, 'instance')`);
  const rows = db
    .prepare<[], [string, number, number]>(
      'SELECT term, doc, min(count(*), 255) FROM instances GROUP BY term, doc ORDER BY term, doc',
    )
    .raw()
    .all();
  const lists = new Map<string, [number, number][]>();
  for (const [term, id, count] of rows) lists.set(term, [...(lists.get(term) ?? []), [id, count]]);
  return lists;
}

class Words {
  readonly db = new Database(':memory:');
  readonly #insert: Database.Statement<[number, string, string]>;
  next = 0;

  /** The smaller the pages, the more lists go over many. */
  constructor(pageBytes: number) {
    createTables(this.db);
    this.set('pgsz', pageBytes);
    this.#insert = this.db.prepare('INSERT INTO words (rowid, text, context) VALUES (?, ?, ?)');
  }

  set(option: string, value: number): void {
    this.db.prepare('INSERT INTO words (words, rank) VALUES (?, ?)').run(option, BigInt(value)); // a number would be a REAL
  }

  /** One transaction, so one segment. */
  add(texts: readonly (readonly [text: string, context: string])[]): void {
    this.db.transaction(() => {
      for (const [text, context] of texts) this.#insert.run(this.next++, text, context);
    })();
  }

  remove(id: number): void {
    this.db.prepare('DELETE FROM words WHERE rowid = ?').run(id);
  }

  /** All lists are FTS5's, but for chunks that are gone. Returns how many there are. */
  check(): number {
    const pages = new WordPages(this.db);
    const there = new Set(this.db.prepare<[], number>('SELECT id FROM words_docsize').pluck().all());
    const lists = listsOf(this.db);
    for (const [term, wanted] of lists) {
      const { ids, counts } = pages.read(term, this.next);
      const found = Array.from(ids, (id, i): [number, number] => [id, counts[i]]);
      assert.deepEqual(
        found.filter(([id]) => there.has(id)),
        wanted,
        term,
      );
    }
    for (const absent of ['', '0', 'a', 'lanter', 'lanternx', 'zzz', '\u{10ffff}']) {
      if (!lists.has(absent)) assert.equal(pages.read(absent, this.next).ids.length, 0, absent);
    }
    return lists.size;
  }
}

describe('the pages of the words', () => {
  it('hold the lists that FTS5 says, whatever the size of the pages, through additions, deletions and merges', () => {
    const next = random(5);
    const text = (most: number): string => {
      const rare = Array.from({ length: Math.floor(next() * 4) }, () => `w${Math.floor(next() * 3_000).toString(36)}`);
      return [sentence(next, Math.floor(next() * most)), ...rare, 'é'.repeat(Math.floor(next() * 3))].join(' ');
    };
    for (const pageBytes of [32, 60, 200, 1_000, 4_050]) {
      const words = new Words(pageBytes);
      for (let round = 0; round < 40; round++) {
        words.add(Array.from({ length: Math.floor(next() * 20) }, () => [text(80), next() < 0.4 ? text(4) : '']));
        for (let i = Math.floor(next() * 12); i > 0; i--) words.remove(Math.floor(next() * words.next));
        if (round % 7 === 6) words.set('merge', 3);
        if (round === 30) words.db.exec(`INSERT INTO words (words) VALUES ('optimize')`);
        if (round % 5 === 4) assert.ok(words.check() > VOCABULARY.length);
      }
      words.db.close();
    }
  }).timeout(60_000);

  it('hold lists and places of a chunk that go on over many pages', () => {
    const words = new Words(100);
    words.add([
      ['x '.repeat(5_000), 'x x '.repeat(90)],
      ['y', 'x'],
      ...Array.from({ length: 3_000 }, () => ['x', ''] as const),
    ]);
    words.add([['a'.repeat(300), `${'a'.repeat(299)}b`]]);
    words.check();
    const { ids, counts } = new WordPages(words.db).read('x', words.next);
    assert.equal(ids.length, 3_002);
    assert.deepEqual([...counts.subarray(0, 3)], [255, 1, 1]);
    words.db.close();
  });

  it('come out in order also where segments with later numbers are older', () => {
    const words = new Words(500);
    for (const first of [200, 100, 300, 0]) {
      words.next = first;
      words.add(Array.from({ length: 100 }, (_, i) => ['river '.repeat(1 + (i % 3)), '']));
    }
    words.next = 400;
    words.check();
    const { ids, counts } = new WordPages(words.db).read('river', words.next);
    assert.deepEqual([...ids], [...ids.keys()]);
    assert.deepEqual([...counts.subarray(99, 103)], [1, 1, 2, 3]);
    words.db.close();
  });

  it('of a store without a chunk hold nothing', () => {
    const words = new Words(4_050);
    assert.equal(words.check(), 0);
    words.db.close();
  });

  it('that are damaged are E_CORRUPT, or a list within its bounds', () => {
    const words = new Words(300);
    const next = random(9);
    for (let i = 0; i < 6; i++) words.add(Array.from({ length: 40 }, () => [sentence(next, 40), sentence(next, 2)]));
    const { db } = words;
    db.unsafeMode(); // FTS5's own tables are not to be written otherwise
    const blocks = db.prepare<[], { id: number; block: Buffer }>('SELECT id, block FROM words_data').all();
    const write = db.prepare('UPDATE words_data SET block = ? WHERE id = ?');
    const terms = [...listsOf(db).keys()];
    let refused = 0;
    for (let trial = 0; trial < 1_500; trial++) {
      const { id, block } = blocks[Math.floor(next() * blocks.length)];
      const other = Buffer.from(block);
      for (let flips = 1 + Math.floor(next() * 3); flips > 0; flips--) {
        other[Math.floor(next() * other.length)] ^= 1 << Math.floor(next() * 8);
      }
      write.run(next() < 0.2 ? other.subarray(0, Math.floor(next() * other.length)) : other, id);
      const pages = new WordPages(db);
      for (const term of terms) {
        try {
          const { ids, counts } = pages.read(term, words.next);
          assert.equal(ids.length, counts.length);
          ids.forEach((chunk) => assert.ok(chunk < words.next));
        } catch (error) {
          assert.ok(error instanceof QuiverError && error.code === 'E_CORRUPT', String(error));
          refused++;
        }
      }
      write.run(block, id);
    }
    assert.ok(refused > 1_000, String(refused));
    words.check();
    const structure = blocks.find(({ id }) => id === 10)?.block ?? Buffer.alloc(0);
    const endless = Buffer.from(structure);
    endless.fill(0xff, 8, 16); // levels without end
    for (const other of [endless, structure.subarray(0, 9), Buffer.alloc(0), null, 'text']) {
      write.run(other, 10);
      assert.throws(() => new WordPages(db).read('river', words.next), /damaged: its first page cannot be read/);
    }
    write.run(structure, 10);
    db.prepare('DELETE FROM words_data WHERE id > 10').run();
    assert.throws(() => new WordPages(db).read('river', words.next), /the index of words is damaged.*Restore a backup/);
    db.prepare(`UPDATE words_config SET v = 5 WHERE k = 'version'`).run();
    assert.throws(() => new WordPages(db).read('river', words.next), /its version, 5 and not 4,/);
    db.close();
  });
});
