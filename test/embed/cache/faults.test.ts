/** Whatever is wrong with the file: the vectors are right, the call does not fail, and one warning says what it was. */
import { strict as assert } from 'node:assert';
import { existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { suiteFolder } from '../../lib/support.js';
import { opener, rowsOf, same, type Opened } from './support.js';
import { texts } from './texts.js';

describe('embed: cache with a file that is not as it should be', function () {
  this.timeout(60_000);
  const folder = suiteFolder();
  const open = opener();
  let count = 0;
  const path = (): string => {
    const file = folder(`${++count}/embeddings.db`);
    mkdirSync(dirname(file));
    return file;
  };
  const some = texts(600);

  /** A cache with 600 texts, closed. */
  async function filled(): Promise<string> {
    const file = path();
    const { embedder } = await open(file);
    await embedder.embed(some);
    await embedder.close();
    return file;
  }

  /** Embeds twice, and checks the vectors. */
  async function twice({ embedder, counting }: Opened): Promise<void> {
    const expected = await counting.inner.embed(some);
    for (let time = 0; time < 2; time++) same(await embedder.embed(some), expected);
  }

  const DAMAGES: Record<string, (file: string) => void> = {
    'a header that is none': (file) => overwrite(file, 0, 100),
    'another program’s mark in the header': (file) => overwrite(file, 68, 4),
    'damage in all pages but the first': (file) => overwrite(file, 8192, statSync(file).size - 8192),
    'its second half gone': (file) => truncateSync(file, Math.floor(statSync(file).size / 2)),
    'no database in it': (file) => writeFileSync(file, 'my notes\n'.repeat(1000)),
    'a table gone': (file) => sql(file, 'DROP TABLE vectors'),
    'its clock gone': (file) => sql(file, 'DELETE FROM clock'),
  };
  for (const [what, damage] of Object.entries(DAMAGES)) {
    it(`sets it aside: ${what}`, async () => {
      const file = await filled();
      damage(file);
      const before = readFileSync(file);
      const again = await open(file);
      await twice(again);
      assert.equal(again.warnings.length, 1, again.warnings.join('\n'));
      assert.match(
        again.warnings[0],
        /embeddings\.db is damaged \(.+\)\. It was moved to .+\.damaged, and a new one begun\.$/,
      );
      assert.ok(existsSync(`${file}.damaged`));
      if (what === 'no database in it') assert.ok(readFileSync(`${file}.damaged`).equals(before));
      assert.deepEqual(again.embedder.stats, { hits: 600, misses: 600 });
      await again.embedder.close();
      assert.deepEqual(rowsOf(file), 600);
    });
  }

  it('embeds anew what does not fit its sum, and keeps that', async () => {
    const file = await filled();
    sql(file, 'UPDATE vectors SET vector = zeroblob(1024) WHERE entry = 5');
    sql(file, 'UPDATE vectors SET vector = zeroblob(3) WHERE entry = 6');
    sql(file, 'UPDATE vectors SET sum = sum + 1 WHERE entry = 7');
    // A whole vector, but that of another text.
    sql(file, 'UPDATE vectors SET (vector, sum) = (SELECT vector, sum FROM vectors WHERE entry = 9) WHERE entry = 8');
    sql(file, 'DELETE FROM vectors WHERE entry = 10');
    const again = await open(file);
    await twice(again);
    assert.deepEqual(
      again.counting.asked.map(({ length }) => length),
      [5],
    );
    assert.deepEqual(again.warnings, []);
  });

  const STRANGE: Record<string, [prepare: (file: string) => void, warning: RegExp]> = {
    'a database of another program': [
      (file) => sql(file, 'CREATE TABLE mine (a)'),
      /another program\. Give another path/,
    ],
    'a newer format': [
      (file) => sql(file, 'CREATE TABLE t (a); PRAGMA application_id = 1366713699; PRAGMA user_version = 9'),
      /has format 9, and this version of faiss-quiver knows format 1\. Delete it/,
    ],
  };
  for (const [what, [prepare, warning]] of Object.entries(STRANGE)) {
    it(`leaves it as it is: ${what}`, async () => {
      const file = path();
      prepare(file);
      const before = readFileSync(file);
      const opened = await open(file);
      await twice(opened);
      assert.equal(opened.warnings.length, 1);
      assert.match(opened.warnings[0], warning);
      assert.match(opened.warnings[0], /Embedding goes on without a cache\.$/);
      assert.equal(opened.embedder.stats.misses, 1200);
      await opened.embedder.close();
      assert.ok(readFileSync(file).equals(before));
      assert.ok(!existsSync(`${file}.damaged`));
    });
  }

  it('goes on without where no file can be', async () => {
    const file = path();
    writeFileSync(file, 'x');
    mkdirSync(`${file}-folder`);
    for (const place of [`${file}/below/a.db`, `${file}-folder`]) {
      const opened = await open(place);
      await twice(opened);
      assert.equal(opened.warnings.length, 1, place);
      assert.match(opened.warnings[0], /without a cache/);
    }
  });

  it('does not wait again and again for one who holds the file', async () => {
    const file = await filled();
    const holder = new Database(file);
    holder.pragma('locking_mode = EXCLUSIVE');
    holder.exec('BEGIN IMMEDIATE; UPDATE clock SET written = written; COMMIT');
    const opened = await open(file);
    const began = performance.now();
    for (let time = 0; time < 5; time++) await twice(opened);
    assert.ok(performance.now() - began < 8_000);
    assert.equal(opened.warnings.length, 1);
    assert.match(opened.warnings[0], /database is locked\. Another program holds it/);
    assert.equal(opened.embedder.stats.hits, 0);
    holder.close();
    await opened.embedder.close();
    assert.equal(rowsOf(file), 600);
  });

  it('does not fail a call whose listener for warnings fails', async () => {
    const { embedder } = await open(folder('.'), {
      onWarning: () => {
        throw new Error('a mistake in a listener');
      },
    });
    const heard = new Promise<Error>((resolve) => process.once('warning', resolve));
    assert.equal((await embedder.embed(['a'])).length, 256);
    assert.match((await heard).message, /a mistake in a listener/);
  });

  it('has a bound, and forgets what was not used for longest', async () => {
    const file = path();
    const { embedder, counting } = await open(file, { maxBytes: 2 ** 20 });
    const dear = texts(50, 'dear');
    await embedder.embed(dear);
    for (let part = 0; part < 20; part++) {
      await embedder.embed(texts(200, `part ${part}`));
      await embedder.embed(dear);
    }
    assert.equal(counting.asked.flat().filter((text) => text.startsWith('dear')).length, 50);
    await embedder.embed(texts(200, 'part 19'));
    assert.equal(counting.asked.length, 21);
    await embedder.embed(texts(200, 'part 0'));
    assert.equal(counting.asked.length, 22);
    await embedder.close();
    assert.ok(statSync(file).size <= 2 ** 20, String(statSync(file).size));
    const kept = rowsOf(file);
    assert.ok(kept > 500 && kept < 1000, String(kept));
  });

  it('shrinks a file to a bound that is less than before', async () => {
    const file = path();
    const large = await open(file);
    await large.embedder.embed(texts(4000));
    await large.embedder.close();
    assert.ok(statSync(file).size > 4e6);
    const small = await open(file, { maxBytes: 2 ** 20 });
    await small.embedder.embed(texts(300, 'other'));
    await small.embedder.close();
    assert.ok(statSync(file).size <= 2 ** 20, String(statSync(file).size));
  });
});

/** Bytes that are nothing, from a place on. */
function overwrite(file: string, at: number, length: number): void {
  const bytes = readFileSync(file);
  bytes.fill(0xa5, at, at + length);
  writeFileSync(file, bytes);
}

function sql(file: string, statement: string): void {
  const db = new Database(file);
  db.exec(statement);
  db.close();
}
