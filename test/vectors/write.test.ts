import { strict as assert } from 'node:assert';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readIds } from '../../src/vectors/ids.js';
import { writeVectors } from '../../src/vectors/write.js';
import { readWhole, refuses, suiteFolder } from './support.js';

const BATCHES = [{ vectors: Float32Array.of(1, 2, 3, 4) }, { vectors: Float32Array.of(5, 255) }];

describe('vectors: writing', () => {
  const file = suiteFolder();
  const leftovers = (): string[] => readdirSync(dirname(file('x'))).filter((name) => name.endsWith('.tmp'));

  for (const name of ['a.npy', 'a.fvecs', 'a.ivecs', 'a.bvecs', 'a.idx', 'a.jsonl']) {
    it(`writes ${name} so that it reads back`, async () => {
      const { count, bytes } = await writeVectors(file(name), 2, BATCHES);
      assert.deepEqual([count, bytes], [3, statSync(file(name)).size]);
      const { source, numbers } = await readWhole(file(name));
      assert.equal(source.dim, 2);
      assert.deepEqual(numbers, [1, 2, 3, 4, 5, 255]);
    });
  }

  it('writes ids beside vectors in .jsonl', async () => {
    await writeVectors(file('ids.jsonl'), 2, [
      { vectors: Float32Array.of(0.5, 1), ids: Float64Array.of(9) },
      { vectors: Float32Array.of(2, 3), ids: BigInt64Array.of(2n ** 60n) },
    ]);
    const { ids } = await readWhole(file('ids.jsonl'), { idType: 'bigint' });
    assert.deepEqual(ids, [9n, 2n ** 60n]);
  });

  it('writes rows of ids as int64', async () => {
    await writeVectors(file('rows.npy'), 1, [{ vectors: Float64Array.of(3, 2 ** 53 - 1) }]);
    assert.match(readFileSync(file('rows.npy'), 'latin1'), /'descr': '<i8'.*\(2, 1\)/);
    await writeVectors(file('big.ivecs'), 2, [{ vectors: BigInt64Array.of(3n, -1n) }]);
    assert.deepEqual((await readWhole(file('big.ivecs'))).numbers, [3, -1]);
    await writeVectors(file('list.npy'), 1, []);
    await refuses(readIds(file('list.npy'), 'number'), { code: 'E_UNSUPPORTED', says: ['(0, 1)'] });
  });

  it('refuses values that the format cannot hold, and leaves nothing behind', async () => {
    for (const [name, value, what] of [
      ['v.bvecs', 256, '0 to 255'],
      ['v.idx', 0.5, '0 to 255'],
      ['v.ivecs', 2 ** 31, 'int32'],
    ] as const) {
      const batches = [...BATCHES, { vectors: Float32Array.of(0, value) }];
      await refuses(writeVectors(file(name), 2, batches), {
        code: 'E_RANGE',
        says: [name, 'vector 3', what, String(value)],
      });
      assert.equal(existsSync(file(name)), false);
    }
    assert.deepEqual(leftovers(), []);
  });

  it('keeps the old file when it is aborted or the input fails', async () => {
    writeFileSync(file('kept.npy'), 'old');
    const abort = new AbortController();
    const aborting = async function* () {
      yield { vectors: Float32Array.of(1, 2) };
      abort.abort();
      yield { vectors: Float32Array.of(1, 2) };
    };
    await refuses(writeVectors(file('kept.npy'), 2, aborting(), { signal: abort.signal }), {
      code: 'E_ABORTED',
      says: ['aborted'],
    });
    const failing = async function* () {
      yield { vectors: Float32Array.of(1, 2) };
      throw new Error('the input failed');
    };
    await assert.rejects(writeVectors(file('kept.npy'), 2, failing()), /the input failed/);
    assert.equal(readFileSync(file('kept.npy'), 'utf8'), 'old');
    assert.deepEqual(leftovers(), []);
  });

  it('refuses formats and places that it cannot write', async () => {
    await refuses(writeVectors(file('a.csv'), 2, []), { code: 'E_UNSUPPORTED', says: ['a.csv', '.npy'] });
    await refuses(writeVectors(file('a.npy.gz'), 2, []), { code: 'E_UNSUPPORTED', says: ['a.npy.gz'] });
    await refuses(writeVectors(file('no/such/a.npy'), 2, []), { code: 'E_IO', says: ['no/such/a.npy', 'no such'] });
  });
});
