import { strict as assert } from 'node:assert';
import { existsSync, writeFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { Index } from '../../lib/index.js';
import { BLOCK_BYTES, changed, FIELD, flipped, HEADER_BYTES, resealed, section } from './envelope.js';
import { COUNT, DIM, filled, KINDS, WAYS } from './kinds.js';
import { fails, indexes, suiteFolder, vectors, type Failure } from './support.js';

describe('lib: damaged files', () => {
  const { keep } = indexes();
  const file = suiteFolder();

  /** Each way to open these bytes fails like this; messages name the file. */
  async function refused(bytes: Uint8Array, what: string, more: Partial<Failure> = {}, ways = WAYS): Promise<void> {
    const path = file('damaged');
    writeFileSync(path, bytes);
    const failure = (name: string): Failure => ({
      code: 'E_CORRUPT',
      message: `${name} is damaged: ${what}. Restore it from a copy or build it again.`,
      expected: 'an undamaged file',
      actual: 'damage',
      ...more,
    });
    for (const options of ways) await fails(Index.open(path, options), failure(path));
    await fails(Index.fromBuffer(bytes), failure('The buffer'));
  }

  describe('small files', () => {
    let whole: Buffer;
    before(async () => {
      const index = await filled(KINDS.find(({ name }) => name === 'hnsw')!);
      whole = await index.toBuffer();
      await index.close();
    });

    it('shorter than a header', async () => {
      for (const length of [1, 100, HEADER_BYTES - 1]) {
        await refused(whole.subarray(0, length), 'it is shorter than a header', {
          expected: 'at least 4096 bytes',
          actual: String(length),
        });
      }
      writeFileSync(file('empty'), '');
      await fails(Index.open(file('empty')), {
        code: 'E_CORRUPT',
        message: `${file('empty')} is damaged: it is shorter than a header. Restore it from a copy or build it again.`,
        expected: 'at least 4096 bytes',
        actual: '0',
      });
      await fails(Index.fromBuffer(new Uint8Array(0)), {
        code: 'E_CORRUPT',
        message: 'bytes is empty.',
        expected: 'the bytes of an index',
        actual: '0 bytes',
      });
    });

    it('another file than an index', async () => {
      writeFileSync(file('text'), 'Not an index. '.repeat(1000));
      for (const options of WAYS) {
        await fails(Index.open(file('text'), options), {
          code: 'E_CORRUPT',
          message:
            `${file('text')} is not a Quiver index (or its first bytes are damaged). ` +
            'A file written by FAISS itself opens with Index.importFaiss().',
          expected: 'the magic QUIVERIX',
          actual: 'other bytes',
        });
      }
    });

    it('cut off, wherever', async () => {
      for (const length of [HEADER_BYTES, HEADER_BYTES + 1, whole.length >> 1, whole.length - 1]) {
        await refused(whole.subarray(0, length), 'its length is wrong', {
          expected: `${whole.length} bytes`,
          actual: `${length} bytes`,
        });
      }
    });

    it('with more behind its end', async () => {
      await refused(Buffer.concat([whole, Buffer.alloc(1)]), 'its length is wrong', {
        expected: `${whole.length} bytes`,
        actual: `${whole.length + 1} bytes`,
      });
    });

    it('a flipped bit in the header', async () => {
      for (const at of [FIELD.version, FIELD.dim, FIELD.rows, 300, HEADER_BYTES - 1]) {
        await refused(flipped(whole, at, 0x80), "the header's checksum does not match");
      }
    });

    it('a flipped bit in the table of checksums', async () => {
      await refused(flipped(whole, whole.length - 1), "the checksum table's own checksum does not match");
    });

    it('a flipped bit in a block, with mmap too where the block holds structure', async () => {
      await refused(
        flipped(whole, whole.length >> 1, 0x10),
        'the checksum of block 0 (bytes 4096 and on) does not match',
      );
    });

    it('any one bit, anywhere: a property', async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(7), async (at, bit) => {
          await assert.rejects(Index.fromBuffer(flipped(whole, at, 1 << bit)), {
            name: 'QuiverError',
            code: 'E_CORRUPT',
          });
        }),
        { numRuns: 200 },
      );
    });

    it('a newer version', async () => {
      const newer = resealed(whole, (copy) => void copy.writeUInt32LE(2, FIELD.version));
      writeFileSync(file('newer'), newer);
      const failure = (name: string): Failure => ({
        code: 'E_VERSION',
        message: `${name} has format version 2; this build reads version 1. Open it with a newer faiss-quiver.`,
        expected: 'version 1',
        actual: 'version 2',
      });
      for (const options of [...WAYS, { untrusted: true }]) {
        await fails(Index.open(file('newer'), options), failure(file('newer')));
      }
      await fails(Index.fromBuffer(newer), failure('The buffer'));
    });

    it('a header that contradicts itself, sealed again', async () => {
      const bend = (change: (copy: Buffer) => void): Buffer => resealed(whole, change);
      await refused(
        bend((copy) => void copy.writeBigInt64LE(BigInt(COUNT + 1), FIELD.live)),
        'the header contradicts itself',
      );
      await refused(
        bend((copy) => void copy.writeBigUInt64LE(BigInt(whole.length), FIELD.faiss + 8)),
        'a section lies outside the file',
      );
      await refused(
        bend((copy) => void copy.writeBigInt64LE(BigInt(DIM + 1), FIELD.dim)),
        'the header does not fit its contents',
      );
    });

    it('a graph that leads nowhere, sealed again', async () => {
      const { offset, bytes } = section(whole, FIELD.faiss);
      const graph = whole.subarray(offset, offset + bytes);
      // Links are int32 and -1 marks the end of a list: make the last of the many -1 a row that is not there.
      const at = graph.lastIndexOf(Buffer.from([255, 255, 255, 255, 255, 255, 255, 255]), graph.length / 2);
      const bent = resealed(whole, (copy) => void copy.writeInt32LE(COUNT + 5, offset + at));
      await fails(Index.fromBuffer(bent), {
        code: 'E_CORRUPT',
        message: /^The buffer cannot be used: its graph /,
        expected: 'a sound index',
        actual: /^its graph /,
      });
    });
  });

  describe('files of several blocks', () => {
    const dim = 64;
    const path = (): string => file('blocks');
    let index: Index;
    let whole: Buffer;
    let vector: number;
    before(async () => {
      index = await Index.create({ dim, type: 'flat' });
      await index.add(vectors(20_000, dim, 81));
      whole = await index.toBuffer();
      const { offset, bytes } = section(whole, FIELD.vectors);
      assert.ok(bytes > 4 * BLOCK_BYTES);
      vector = offset + (bytes >> 1);
    });
    after(() => index.close());

    const damage = (name: string): Failure => ({
      code: 'E_CORRUPT',
      message: new RegExp(`^${name} is damaged: the checksum of block \\d+ \\(bytes \\d+ and on\\) does not match\\.`),
      expected: 'an undamaged file',
      actual: 'damage',
    });

    it('a flipped byte of a vector is found before the index opens', async () => {
      const bytes = flipped(whole, vector);
      writeFileSync(path(), bytes);
      await fails(Index.open(path()), damage(path()));
      await fails(Index.open(path(), { mmap: true, verify: true }), damage(path()));
      await fails(Index.open(path(), { untrusted: true }), damage(path()));
      await fails(Index.fromBuffer(bytes), damage('The buffer'));
    });

    it('blocks that changed places, were zeroed, or are of an older save', async () => {
      const block = (copy: Buffer, i: number): Buffer =>
        copy.subarray(HEADER_BYTES + i * BLOCK_BYTES, HEADER_BYTES + (i + 1) * BLOCK_BYTES);
      const older = await (async () => {
        const other = keep(await Index.create({ dim, type: 'flat' }));
        await other.add(vectors(20_000, dim, 82));
        return other.toBuffer();
      })();
      for (const bytes of [
        changed(whole, (copy) => {
          const first = Buffer.from(block(copy, 1));
          block(copy, 2).copy(block(copy, 1));
          first.copy(block(copy, 2));
        }),
        changed(whole, (copy) => void block(copy, 2).fill(0)),
        changed(whole, (copy) => void block(copy, 2).subarray(0, 512).fill(0)),
        changed(whole, (copy) => void block(older, 2).copy(block(copy, 2))),
      ]) {
        writeFileSync(path(), bytes);
        await fails(Index.open(path()), damage(path()));
      }
    });

    it('with mmap it is found in the background, and then every call says so', async () => {
      writeFileSync(path(), flipped(whole, vector));
      const mapped = keep(await Index.open(path(), { mmap: true }));
      await mapped.ready();
      const query = vectors(1, dim, 1);
      for (const run of [
        () => mapped.search(query, 3),
        () => mapped.search(vectors(30, dim, 1), 3),
        () => mapped.searchSync(query, 3),
        () => mapped.range(query, 1),
        () => mapped.get([1]),
        () => mapped.has([1]),
        () => mapped.ids(),
        () => mapped.add(query),
        () => mapped.upsert(query, { ids: [1] }),
        () => mapped.remove([1]),
        () => mapped.reset(),
        () => mapped.compact(),
        () => mapped.tune({ recall: 0.9 }),
        () => mapped.save(file('again')),
        () => mapped.toBuffer(),
        () => mapped.exportFaiss(file('again')),
      ]) {
        await fails(run, damage(path()));
      }
      assert.equal(existsSync(file('again')), false);
      await mapped.close();
    });

    it('a damaged file that is not checked yet is not written out again as a sound one', async () => {
      writeFileSync(path(), flipped(whole, vector));
      for (const write of [
        (mapped: Index) => mapped.save(file('laundered')),
        (mapped: Index) => mapped.toBuffer(),
        (mapped: Index) => mapped.exportFaiss(file('laundered')),
        async (mapped: Index) => {
          await mapped.add(vectors(1, dim, 1)); // now all is in memory, damage and all
          await mapped.save(file('laundered'));
        },
      ]) {
        const mapped = keep(await Index.open(path(), { mmap: true }));
        await fails(write(mapped), damage(path()));
      }
      assert.equal(existsSync(file('laundered')), false);
    });

    it('an index that was closed while its file was checked stays closed', async () => {
      writeFileSync(path(), whole);
      const mapped = await Index.open(path(), { mmap: true });
      await mapped.close();
      await nextTurn();
      assert.equal(mapped.count, 0);
    });
  });
});
