import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { Index } from '../../lib/index.js';
import { answers, COUNT, DATA, DIM, filled, KINDS, OWN_IDS, QUERIES } from './kinds.js';
import { clustered, counting, fails, indexes, row, suiteFolder, vectors } from './support.js';

/**
 * Kinds that are made anew when dead rows leave them, by vectors that went through their codes: the answers are as
 * good, but not the same (of the FastScan ones, whose distances are coarse, ties are others).
 */
const APPROXIMATE = /HNSW|hnsw|fs/;

describe('lib: Index.exportFaiss, importFaiss', () => {
  const { keep } = indexes();
  const file = suiteFolder();

  /** How a file of this kind must be opened to be the same index: FAISS knows no cosine. */
  const asMade = (index: Index) => ({ trusted: true, ...(index.metric === 'cosine' && { metric: 'cosine' as const }) });

  describe('there and back, for every kind', () => {
    for (const kind of KINDS) {
      it(kind.name, async () => {
        const index = keep(await filled(kind));
        const { bytes } = await index.exportFaiss(file('plain'));
        assert.equal(statSync(file('plain')).size, bytes);
        const buffer = await index.exportFaiss();
        assert.ok(readFileSync(file('plain')).equals(buffer), 'file and buffer hold the same bytes');
        for (const source of [file('plain'), buffer]) {
          const again = keep(await Index.importFaiss(source, asMade(index)));
          assert.deepEqual(
            [again.dim, again.metric, again.idType, again.count, again.stats().trained, again.stats().kind],
            [DIM, index.metric, 'number', COUNT, true, index.stats().kind],
          );
          assert.deepEqual(answers(again), answers(index));
          assert.deepEqual(await again.ids(), await index.ids());
        }
      });
    }
  });

  describe('with ids, dead rows and writes afterwards, for every kind', () => {
    for (const kind of KINDS) {
      it(kind.name, async () => {
        const index = keep(await filled(kind, {}, OWN_IDS));
        const again = keep(await Index.importFaiss(await index.exportFaiss(), asMade(index)));
        assert.deepEqual(answers(again), answers(index), 'ids of its own come back');
        assert.deepEqual([...(await again.ids())].sort(), [...OWN_IDS].sort());

        const gone = OWN_IDS.slice(0, 50);
        await index.remove(gone);
        const live = keep(await Index.importFaiss(await index.exportFaiss(), asMade(index)));
        assert.deepEqual([live.count, live.stats().deleted], [COUNT - 50, 0], 'a plain file has no dead rows');
        if (!APPROXIMATE.test(kind.name)) assert.deepEqual(answers(live), answers(index));
        assert.deepEqual([...(await live.ids())].sort(), [...OWN_IDS.slice(50)].sort());

        assert.equal(await live.remove(OWN_IDS.slice(50, 60)), 10);
        const { ids } = await live.add(clustered(3, DIM, 75));
        const highest = Math.max(...OWN_IDS);
        assert.deepEqual([...ids], [highest + 1, highest + 2, highest + 3]);
        await live.upsert(row(DATA, 0, DIM), { ids: [OWN_IDS[70]] });
        assert.equal(live.count, COUNT - 57);
      });
    }
  });

  describe('ids', () => {
    it('that count from 0 cost nothing, also when the file spells them out', async () => {
      const index = keep(await filled(KINDS[0], {}, counting(COUNT)));
      const plain = await keep(await filled(KINDS[0])).exportFaiss();
      assert.equal((await index.exportFaiss()).length, plain.length);
    });

    it('beyond 2^53 need idType bigint', async () => {
      const index = keep(await Index.create({ dim: DIM, type: 'ivf', nlist: 2, idType: 'bigint' }));
      await index.train(DATA);
      const ids = [2n ** 63n - 1n, 2n ** 53n, 5n];
      await index.add(DATA.subarray(0, 3 * DIM), { ids });
      const bytes = await index.exportFaiss();
      for (const trusted of [true, false]) {
        const again = keep(await Index.importFaiss(bytes, { idType: 'bigint', trusted }));
        assert.deepEqual([...((await again.ids()) as BigInt64Array)].sort(), [...ids].sort());
        assert.deepEqual(await again.get(ids), DATA.slice(0, 3 * DIM));
        await fails(Index.importFaiss(bytes, { trusted }), {
          code: 'E_RANGE',
          message: /^The buffer holds the id \d+; open it with idType: 'bigint'\.$/,
          expected: '0 to 2^53 - 1',
          actual: /^\d+$/,
        });
      }
    });

    it('any set of them, with holes and in any order: a property', async () => {
      const id = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
      const types = fc.constantFrom('flat', 'hnsw', 'IVF2,Flat');
      await fc.assert(
        fc.asyncProperty(types, fc.uniqueArray(id, { minLength: 1, maxLength: 30 }), async (type, ids) => {
          const index = await Index.create({ dim: 4, type, idType: 'bigint' });
          const data = vectors(ids.length, 4, 7);
          await index.train(vectors(50, 4, 8));
          await index.add(data, { ids });
          const again = await Index.importFaiss(await index.exportFaiss(), { idType: 'bigint', trusted: true });
          assert.deepEqual(await again.get(ids), data);
          assert.deepEqual(
            await again.has(ids),
            ids.map(() => true),
          );
          assert.equal(again.count, ids.length);
          await Promise.all([index.close(), again.close()]);
        }),
        { numRuns: 40 },
      );
    });

    /** A flat index under an IndexIDMap2, whose ids lie at the end of the file. */
    async function mapped(change: (ids: BigInt64Array) => void): Promise<Buffer> {
      const bytes = await keep(await filled(KINDS[0], {}, OWN_IDS)).exportFaiss();
      const ids = new BigInt64Array(Uint8Array.from(bytes.subarray(-COUNT * 8)).buffer);
      assert.deepEqual([...ids].map(Number), OWN_IDS);
      change(ids);
      Buffer.from(ids.buffer).copy(bytes, bytes.length - COUNT * 8);
      return bytes;
    }

    it('that are negative, or twice there, are refused', async () => {
      await fails(Index.importFaiss(await mapped((ids) => void (ids[5] = -7n))), {
        code: 'E_RANGE',
        message: 'The buffer holds the id -7; ids must be 0 or more.',
        expected: '0 to 2^63 - 1',
        actual: '-7',
      });
      await fails(Index.importFaiss(await mapped((ids) => void (ids[5] = ids[9]!)), { trusted: true }), {
        code: 'E_EXISTS',
        message: `The buffer holds the id ${OWN_IDS[9]} twice; Quiver needs unique ids.`,
        expected: 'unique ids',
        actual: `${OWN_IDS[9]} twice`,
      });
    });
  });

  describe('metric', () => {
    it('an inner-product file of unit vectors opens as cosine, or stays ip', async () => {
      const index = keep(await filled({ name: '', options: { type: 'hnsw', metric: 'cosine' } }));
      const bytes = await index.exportFaiss();
      const plain = keep(await Index.importFaiss(bytes, { trusted: true }));
      assert.equal(plain.metric, 'ip');
      const cosine = keep(await Index.importFaiss(bytes, { metric: 'cosine', trusted: true }));
      assert.deepEqual(answers(cosine), answers(index));
      const long = row(QUERIES, 0, DIM).map((x) => x * 1000);
      assert.deepEqual(cosine.searchSync(long, 5).row(0), index.searchSync(long, 5).row(0), 'queries are normalised');
      await cosine.add(long, { ids: [5000] });
      assert.ok(Math.abs(cosine.searchSync(long, 1).distances[0] - 1) < 1e-6, 'and what is added');
    });

    it('a file of vectors that are not of length 1 does not open as cosine', async () => {
      for (const type of ['flat', 'hnsw']) {
        const bytes = await keep(await filled({ name: '', options: { type, metric: 'ip' } })).exportFaiss();
        await fails(Index.importFaiss(bytes, { metric: 'cosine', trusted: true }), {
          code: 'E_ARGUMENT',
          message:
            "The buffer holds vectors that are not of length 1, so their inner products are no cosines. Open it with metric 'ip', or normalise the vectors where the file is made.",
          expected: 'vectors of length 1',
          actual: /^a length of \d/,
        });
      }
    });

    it('another metric than that of the file is refused', async () => {
      const bytes = await keep(await filled(KINDS[0])).exportFaiss();
      assert.equal(keep(await Index.importFaiss(bytes, { metric: 'l2', trusted: true })).metric, 'l2');
      await fails(Index.importFaiss(bytes, { metric: 'cosine', trusted: true }), {
        code: 'E_ARGUMENT',
        message: "The file's metric is l2, not cosine.",
        expected: 'l2',
        actual: 'cosine',
      });
      await fails(Index.importFaiss(bytes, { metric: 'manhattan' as never }), {
        code: 'E_ARGUMENT',
        message: /^metric must be one of l2, ip, cosine, .* but is "manhattan"\.$/,
        expected: /^one of l2/,
        actual: '"manhattan"',
      });
    });

    it('the exponent of lp comes along', async () => {
      const index = keep(await filled(KINDS.find(({ name }) => name === 'flat, lp')!));
      const again = keep(await Index.importFaiss(await index.exportFaiss(), { trusted: true }));
      const twice = keep(await Index.fromBuffer(await again.toBuffer()));
      assert.deepEqual(answers(twice), answers(index));
    });
  });

  describe('an imported index', () => {
    it('is saved, opened, tuned, compacted and exported like any other', async () => {
      const made = keep(await filled({ name: '', options: { type: 'hnsw', M: 8 } }, {}, OWN_IDS));
      const index = keep(await Index.importFaiss(await made.exportFaiss()));
      assert.equal(index.stats().M, 8);
      assert.equal(index.stats().auto, undefined);
      await index.tune({ recall: 0.9 });
      await index.remove(OWN_IDS.slice(0, 10));
      await index.compact();
      await index.save(file('imported'));
      const again = keep(await Index.open(file('imported')));
      assert.deepEqual(answers(again), answers(index));
      assert.equal(again.count, COUNT - 10);
    });

    it('says what kind it is', async () => {
      const factories: Record<string, string> = {};
      for (const { name } of [...KINDS, { name: 'SQ4' }, { name: 'SQ6' }, { name: 'SQbf16' }]) {
        if (name.includes(', ')) continue;
        const index = keep(await filled({ name, options: { type: name, ...(name === 'ivf' && { nlist: 16 }) } }));
        factories[name] = keep(await Index.importFaiss(await index.exportFaiss(), { trusted: true })).stats().factory;
      }
      // What FAISS does not keep apart in its files has another name then.
      assert.deepEqual(factories, {
        ...Object.fromEntries(Object.keys(factories).map((name) => [name, name])),
        flat: 'Flat',
        hnsw: 'HNSW32,Flat',
        ivf: 'IVF16,Flat',
        'RR16,HNSW8': 'RR16,HNSW8,Flat',
        'OPQ8,IVF16,PQ8x4': 'Linear16,IVF16,PQ8x4',
      });
    });

    it('still answers when what it came from is gone: buffers are copied, files closed', async () => {
      const made = keep(await filled(KINDS.find(({ name }) => name === 'ivf')!));
      const bytes = await made.exportFaiss();
      writeFileSync(file('gone'), bytes);
      const index = keep(await Index.importFaiss(bytes, { trusted: true }));
      const fromFile = keep(await Index.importFaiss(file('gone'), { trusted: true }));
      bytes.fill(0);
      writeFileSync(file('gone'), '');
      assert.deepEqual(answers(index), answers(made));
      assert.deepEqual(answers(fromFile), answers(made));
    });
  });

  describe('what is refused', () => {
    const refuse = (source: Buffer | string, message: string | RegExp, actual: string | RegExp = 'other bytes') =>
      fails(Index.importFaiss(source), {
        code: 'E_CORRUPT',
        message,
        expected: /^(a FAISS|a sound) index$/,
        actual,
      });

    it('other bytes, cut ones, an empty file', async () => {
      const bytes = await keep(await filled(KINDS[0])).exportFaiss();
      for (const trusted of [true, false]) {
        for (const source of [Buffer.from('not an index, but long enough to be one'), bytes.subarray(0, 3)]) {
          await fails(Index.importFaiss(source, { trusted }), {
            code: 'E_CORRUPT',
            message: /^The buffer is not an index that FAISS reads: Error in .*[^\0]$/s,
            expected: 'a FAISS index',
            actual: 'other bytes',
          });
        }
      }
      for (const length of [10, 40, 1000, bytes.length - 1]) {
        await refuse(bytes.subarray(0, length), /^The buffer is not an index that FAISS reads/);
      }
      writeFileSync(file('empty'), '');
      await fails(Index.importFaiss(file('empty'), { trusted: true }), {
        code: 'E_CORRUPT',
        message: `${file('empty')} is empty.`,
        expected: 'a FAISS index',
        actual: '0 bytes',
      });
    });

    it('a file of our own format, which open() reads', async () => {
      const bytes = await keep(await filled(KINDS[0])).toBuffer();
      await refuse(bytes, /^The buffer is not an index that FAISS reads/);
    });

    it('vectors that are not finite', async () => {
      for (const type of ['flat', 'hnsw', 'IVF4,Flat']) {
        const bytes = await keep(await filled({ name: '', options: { type } })).exportFaiss();
        const float = Buffer.from(Float32Array.of(DATA[0]).buffer);
        const at = bytes.indexOf(float);
        assert.ok(at > 0);
        bytes.writeFloatLE(NaN, at);
        for (const trusted of [true, false]) {
          await fails(Index.importFaiss(bytes, { trusted }), {
            code: 'E_NOT_FINITE',
            message: /^The buffer cannot be used\. Vector \d+ holds nan at position 0; every number must be finite\.$/,
            expected: 'finite numbers',
            actual: 'nan',
          });
        }
      }
    });

    it('one flipped bit: E_CORRUPT or an index that works, and this process lives', async function () {
      this.timeout(120_000);
      const allowed = ['E_CORRUPT', 'E_NOT_FINITE', 'E_EXISTS', 'E_RANGE', 'E_UNSUPPORTED', 'E_FAISS'];
      let seen = 0;
      for (const [i, type] of ['HNSW8,Flat', 'IVF4,PQ8x4', 'PQ8x4fs', 'IVF4,PQ8x4fs'].entries()) {
        const bytes = await keep(await filled({ name: '', options: { type } })).exportFaiss();
        // Mostly in what comes before the vectors: sizes, kinds, metrics.
        const places = [8, 33, 37, 45, 53, 61, 100, bytes.length >> 1].map((at) => at + i);
        await Promise.all(
          [places.slice(0, 4), places.slice(4)].map(async (half) => {
            for (const at of half) {
              const bent = Buffer.from(bytes);
              bent[at] ^= 0x40;
              try {
                const index = keep(await Index.importFaiss(bent));
                await index.search(vectors(24, index.dim, 1), 10);
                assert.ok(index.count <= COUNT);
              } catch (error) {
                const { code, name } = error as { code?: string; name?: string };
                assert.deepEqual([name, allowed.includes(String(code))], ['QuiverError', true], String(error));
                seen++;
              }
            }
          }),
        );
      }
      assert.ok(seen > 8, 'some were refused');
    });

    it('what is no source, no option', async () => {
      for (const source of [undefined, null, 5, [1], new ArrayBuffer(9), new Float32Array(3)]) {
        await fails(Index.importFaiss(source as never), {
          code: 'E_ARGUMENT',
          message: /^source must be a Buffer or Uint8Array, but is /,
          expected: 'a Buffer or Uint8Array',
          actual: /./,
        });
      }
      await fails(Index.importFaiss(new Uint8Array(0)), {
        code: 'E_CORRUPT',
        message: 'source is empty.',
        expected: 'the bytes of an index',
        actual: '0 bytes',
      });
      await fails(Index.importFaiss(''), {
        code: 'E_ARGUMENT',
        message: 'source must be a file path, but is "".',
        expected: 'a file path',
        actual: '""',
      });
      await fails(Index.importFaiss('a', { idType: 'string' as never }), {
        code: 'E_ARGUMENT',
        message: `idType must be 'number' or 'bigint', but is "string".`,
        expected: "'number' or 'bigint'",
        actual: '"string"',
      });
      await fails(Index.importFaiss('a', { trusted: 'no' as never }), {
        code: 'E_ARGUMENT',
        message: 'trusted must be true or false, but is "no".',
        expected: 'true or false',
        actual: '"no"',
      });
      await fails(Index.importFaiss('a', null as never), {
        code: 'E_ARGUMENT',
        message: 'options must be an object, but is null.',
        expected: 'an object',
        actual: 'null',
      });
      const index = keep(await filled(KINDS[0]));
      await fails(index.exportFaiss(''), {
        code: 'E_ARGUMENT',
        message: 'path must be a file path, but is "".',
        expected: 'a file path',
        actual: '""',
      });
      assert.deepEqual(
        readdirSync(file('')).filter((name) => name.endsWith('.tmp')),
        [],
      );
    });
  });
});
