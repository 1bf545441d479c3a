import { strict as assert } from 'node:assert';

import type { Backend } from '../../../src/store/backend.js';
import { DIM, entry, inFolder, open, withStore } from '../support.js';

const DOCUMENTS = 12;
const direction = (at: number): Float32Array => Float32Array.from({ length: DIM }, (_, i) => (i === at ? 1 : 0));

/** Version v of document n: all its chunks say so, and its vectors stay where they are. */
function version(n: number, v: number) {
  const chunks = [0, 1, 2].map((part) => `document${String(n)} part${String(part)} version${String(v)} word`);
  const vectors = new Float32Array(3 * DIM);
  for (let i = 0; i < 3; i++) vectors.set(direction(n), i * DIM);
  return entry(`d${String(n)}`, { chunks, metadata: { version: v }, vectors });
}

/** In every answer each document is there once, whole, in one version. */
async function assertOneState(store: Backend, mode: 'vector' | 'keyword' | 'hybrid', filtered: boolean): Promise<void> {
  const vector = new Float32Array(DIM).fill(1);
  const { hits } = await store.search({
    mode,
    k: 200,
    ...(mode !== 'vector' && { text: 'word' }),
    ...(mode !== 'keyword' && { vector }),
    ...(filtered && { filter: { version: { $gte: 0 } } }),
  });
  assert.equal(hits.length, DOCUMENTS * 3, mode);
  for (let n = 0; n < DOCUMENTS; n++) {
    const own = hits.filter(({ document: { id } }) => id === `d${String(n)}`);
    assert.deepEqual(own.map(({ chunk }) => chunk.position).sort(), [0, 1, 2]);
    const versions = new Set(own.map(({ document: { metadata } }) => metadata.version));
    assert.equal(versions.size, 1);
    // eslint-disable-next-line @typescript-eslint/no-base-to-string -- for the message of a failure
    for (const { chunk } of own) assert.ok(chunk.text.includes(`version${String([...versions][0])} `), chunk.text);
  }
}

describe('reads and writes at once', function () {
  this.timeout(120_000);

  for (const { name, options } of [
    { name: 'a flat index', options: {} },
    { name: 'a graph', options: { index: { type: 'hnsw', M: 8, efConstruction: 20 } } },
    { name: 'several readers', options: { readers: 3 } },
  ]) {
    it(`every answer is of one state (${name})`, async () => {
      await withStore(async (store) => {
        const all = Array.from({ length: DOCUMENTS }, (_, n) => n);
        await store.put(all.map((n) => version(n, 0)));
        let writing = true;
        let searches = 0;
        const writer = (async () => {
          for (let v = 1; v <= 25 || searches < 25; v++) {
            const some = all.filter((n) => (n + v) % 3 !== 0);
            await Promise.all([store.put(some.map((n) => version(n, v))), store.put([version(v % DOCUMENTS, v)])]);
          }
          writing = false;
        })();
        const searcher = async (mode: 'vector' | 'keyword' | 'hybrid', filtered: boolean): Promise<void> => {
          while (writing) {
            await assertOneState(store, mode, filtered);
            searches++;
          }
        };
        await Promise.all([writer, searcher('vector', false), searcher('keyword', true), searcher('hybrid', true)]);
        await assertOneState(store, 'hybrid', false);
        assert.equal((await store.stats()).index.count, DOCUMENTS * 3);
        assert.deepEqual((await store.verify()).problems, []);
      }, options);
    });
  }

  it('a reader of another opening sees one state after the other', async () => {
    await inFolder(async (folder) => {
      const store = await open(folder);
      const all = Array.from({ length: DOCUMENTS }, (_, n) => n);
      await store.put(all.map((n) => version(n, 0)));
      const reader = await open(folder, { readOnly: true });
      let writing = true;
      const writer = (async () => {
        for (let v = 1; v <= 15; v++) await store.put(all.filter((n) => n % 2 === v % 2).map((n) => version(n, v)));
        writing = false;
      })();
      let last = 0;
      while (writing) {
        await assertOneState(reader, 'hybrid', false);
        assert.ok(reader.generation >= last);
        last = reader.generation;
      }
      await writer;
      assert.equal(await reader.refresh(), store.generation);
      await assertOneState(reader, 'vector', true);
      await reader.close();
      await store.close();
    });
  });

  it('reads go on while a large write runs', async () => {
    await withStore(
      async (store) => {
        await store.put([version(0, 0)]);
        const many = Array.from({ length: 600 }, (_, n) =>
          entry(`many${String(n)}`, { chunks: Array.from({ length: 5 }, () => 'lantern harbor glacier '.repeat(20)) }),
        );
        let finished = false;
        const put = store.put(many).finally(() => (finished = true));
        let reads = 0;
        while (!finished) {
          assert.equal((await store.get('d0'))?.chunks.length, 3);
          assert.equal((await store.search({ text: 'version0', k: 5 })).hits.length, 3);
          if (!finished) reads++;
        }
        assert.equal((await put).documents, 600);
        assert.ok(reads > 0, 'no read ended before the write did');
      },
      { readers: 2 },
    );
  });
});
