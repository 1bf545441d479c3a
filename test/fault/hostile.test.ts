import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Index } from '../../lib/index.js';
import type { Attempt } from './support/attempts.js';
import { inFolder, reported } from './support/child.js';
import { codeOf } from './support/fixture.js';
import { HOSTILE, onDisk, shownTo } from './support/hostile-files.js';
import { takeApart, wrap } from './support/envelope.js';
import { KINDS } from './support/kinds.js';
import { MIB } from './support/process.js';
import { seed, trials } from './support/random.js';

interface Report {
  sound: Attempt[];
  hostile: Attempt[];
  grown: number;
}

const MAX_MS = 10_000;
const MAX_GROWTH = 64 * MIB;

// FAISS alone: of hand-made files like these, most end the process; see the notes in hostile-files.ts.
describe('A14: hostile files', function () {
  this.timeout(180_000);

  const run = (way: string): Promise<Report> => inFolder((folder) => reported<Report>('hostile', [way, folder]));
  const summary = (attempts: readonly Attempt[]): Record<string, string> =>
    Object.fromEntries(attempts.map(({ name, code }) => [name, code]));
  const soundOnes = (report: Report): void =>
    assert.deepEqual(
      report.sound.filter(({ code }) => code !== 'none'),
      [],
      'the same files without their lies open',
    );

  it('A14 there are 13 and many more, each with a name of its own', () => {
    assert.ok(HOSTILE.length > 80);
    assert.equal(new Set(HOSTILE.map(({ name }) => name)).size, HOSTILE.length);
    assert.ok(HOSTILE.filter(({ deadly }) => deadly).length >= 4, 'some kill the process that reads them');
  });

  it('A14 importFaiss() refuses each with its code; this process lives, in bounded time and memory', async () => {
    const report = await run('import');
    soundOnes(report);
    // The process that tries it has little memory, and knows how much the file explains: asking for more is a lie.
    const expected = HOSTILE.map(({ name, code }) => [name, code === 'E_OUT_OF_MEMORY' ? 'E_CORRUPT' : code]);
    assert.deepEqual(summary(report.hostile), Object.fromEntries(expected));
    for (const { name, ms, message } of report.hostile) {
      assert.ok(ms < MAX_MS, `${name} took ${String(ms)} ms`);
      assert.ok(message.length > 30, `${name}: ${message}`);
    }
    assert.ok(report.grown < MAX_GROWTH, `${String(report.grown)} bytes more`);
  });

  it('A14 what FAISS can read is refused in this process too, before a search meets it', async () => {
    const report = await run('trusted');
    soundOnes(report);
    assert.deepEqual(
      summary(report.hostile),
      Object.fromEntries(shownTo('trusted').map(({ name, code }) => [name, code])),
    );
  });

  for (const way of ['open', 'mapped', 'untrusted']) {
    it(`A14 the same in an envelope with the right sums: ${way}`, async () => {
      const report = await run(way);
      soundOnes(report);
      assert.deepEqual(
        summary(report.hostile),
        Object.fromEntries(shownTo(way).map(({ name, code, sealed }) => [name, sealed ?? code])),
      );
      assert.ok(report.grown < MAX_GROWTH, `${String(report.grown)} bytes more`);
    });
  }

  it('A14 lists "on disk" are refused before FAISS maps and writes the file they name', async () => {
    await inFolder(async (folder) => {
      const victim = join(folder, 'victim');
      const content = Buffer.alloc(4_096, 'precious ');
      writeFileSync(victim, content);
      const bytes = onDisk(victim, content.length);
      const model = await Index.create({ dim: 2, type: 'flat' });
      const sealed = wrap(takeApart(await model.toBuffer()), bytes, 2, 2);
      const path = join(folder, 'sealed');
      writeFileSync(path, sealed);
      assert.equal(await codeOf(() => Index.importFaiss(bytes)), 'E_UNSUPPORTED');
      assert.equal(await codeOf(() => Index.importFaiss(bytes, { trusted: true })), 'E_UNSUPPORTED');
      assert.equal(await codeOf(() => Index.open(path)), 'E_UNSUPPORTED');
      assert.equal(await codeOf(() => Index.open(path, { untrusted: true })), 'E_UNSUPPORTED');
      await assert.rejects(Index.importFaiss(bytes), /keeps its lists in another file/);
      assert.deepEqual(readFileSync(victim), content);
    });
  });

  for (const { name } of KINDS) {
    it(`A14 ${name}: spoilt numbers at the start of a plain FAISS file`, async () => {
      const count = trials(5);
      const { attempts, grown } = await reported<{ attempts: Attempt[]; grown: number }>('header-words', [
        name,
        String(count),
      ]);
      assert.equal(attempts.length, count);
      const bad = attempts.filter(({ code, ms }) => code === 'wrong' || !/^(none|E_)/.test(code) || ms > MAX_MS);
      assert.deepEqual(bad, [], `QUIVER_SEED=${String(seed)}`);
      assert.ok(grown < MAX_GROWTH, `${String(grown)} bytes more (QUIVER_SEED=${String(seed)})`);
    });
  }
});
