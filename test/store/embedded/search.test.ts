import { strict as assert } from 'node:assert';

import type { Backend, Hit, SearchRequest } from '../../../src/store/backend.js';
import { RRF_CONSTANT } from '../../../src/store/fusion.js';
import {
  cosine,
  DIM,
  entry,
  fails,
  inFolder,
  library,
  names,
  open,
  random,
  sentence,
  vectorsFor,
  withStore,
} from '../support.js';

const nameOf = ({ document, chunk }: Hit): string => `${document.id}#${String(chunk.position)}`;
const close = (a: number, b: number, tolerance = 1e-5): boolean => Math.abs(a - b) <= tolerance;

/** Both scores of every chunk, by searches of one part that leave nothing out. */
async function allScores(
  store: Backend,
  text: string,
  vector: Float32Array,
): Promise<Map<string, [cosine: number, bm25: number]>> {
  const scores = new Map<string, [number, number]>();
  for (const hit of (await store.search({ vector, k: 1_000 })).hits) scores.set(nameOf(hit), [hit.score, 0]);
  for (const hit of (await store.search({ text, k: 1_000 })).hits) scores.get(nameOf(hit))![1] = hit.score;
  return scores;
}

function spreadOf(values: readonly number[]): (value: number) => number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return (value) => (deviation > 0 ? (value - mean) / deviation : 0);
}

describe('search', () => {
  const vector = vectorsFor('the question', 1);
  const text = 'glacier harbor walnut';
  const entries = library(150);
  let folder = '';
  let store: Backend;
  let done: () => void = () => {};
  let kept: Promise<void>;

  before(async () => {
    await new Promise<void>((ready, failed) => {
      kept = inFolder(async (path) => {
        folder = path;
        store = await open(folder);
        await store.put(entries);
        ready();
        await new Promise<void>((resolve) => (done = resolve));
        await store.close();
      });
      kept.catch(failed);
    });
  });
  after(async () => {
    done();
    await kept;
  });

  it('gives the true cosine by vector', async () => {
    const { hits, generation } = await store.search({ vector, k: 1_000 });
    assert.equal(generation, 1);
    const wanted = entries
      .flatMap(({ document, vectors }) =>
        document.chunks.map((_, i) => cosine(vector, vectors.subarray(i * DIM, (i + 1) * DIM))),
      )
      .sort((a, b) => b - a);
    assert.equal(hits.length, wanted.length);
    hits.forEach(({ score, parts }, i) => {
      assert.ok(close(score, wanted[i], 1e-6));
      assert.deepEqual(parts, { cosine: score });
    });
  });

  it('fuses standard scores over the whole store', async () => {
    for (const weight of [0, 0.3, 0.7, 1]) {
      const scores = await allScores(store, text, vector);
      const ofCosine = spreadOf([...scores.values()].map(([value]) => value));
      const ofWords = spreadOf([...scores.values()].map(([, value]) => value));
      const fused = [...scores].map(
        ([name, [c, b]]) => [name, weight * ofCosine(c) + (1 - weight) * ofWords(b)] as const,
      );
      fused.sort((a, b) => b[1] - a[1]);
      const { hits } = await store.search({ text, vector, weight, k: 50 });
      hits.forEach(({ score, parts, ...hit }, i) => {
        assert.ok(close(score, fused[i][1]), `${String(i)}: ${String(score)}, ${String(fused[i][1])}`);
        assert.deepEqual([parts.cosine, parts.bm25], scores.get(nameOf(hit as Hit)));
      });
    }
  });

  it('fuses ranks', async () => {
    const { hits } = await store.search({ text, vector, fusion: 'rrf', weight: 0.4, k: 30 });
    const scores = await allScores(store, text, vector);
    const rank = (part: 0 | 1): Map<string, number> => {
      const listed = [...scores].filter(([, values]) => part === 0 || values[1] > 0);
      listed.sort((a, b) => b[1][part] - a[1][part]);
      return new Map(listed.slice(0, 200).map(([name], i) => [name, i + 1]));
    };
    const [byCosine, byWords] = [rank(0), rank(1)];
    const part = (place: number | undefined): number => (place === undefined ? 0 : 1 / (RRF_CONSTANT + place));
    for (const hit of hits) {
      const wanted = 0.4 * part(byCosine.get(nameOf(hit))) + 0.6 * part(byWords.get(nameOf(hit)));
      assert.ok(close(hit.score, wanted, 1e-9), nameOf(hit));
    }
    assert.deepEqual(
      hits.map(({ score }) => score),
      hits.map(({ score }) => score).sort((a, b) => b - a),
    );
  });

  it('says which document and chunk, with a marked snippet', async () => {
    const [hit] = (await store.search({ text: 'glacier', vector })).hits;
    const { document } = entries.find((one) => one.document.id === hit.document.id)!;
    assert.deepEqual(hit.document, { id: document.id, title: document.title, metadata: document.metadata });
    const { position, ...chunk } = hit.chunk;
    assert.deepEqual(chunk, document.chunks[position]);
    const { snippet } = hit;
    assert.equal(document.text.slice(snippet.start, snippet.start + snippet.text.length), snippet.text);
    assert.ok(snippet.marks.length > 0);
    for (const [from, to] of snippet.marks) assert.equal(snippet.text.slice(from, to), 'glacier');
  });

  it('gives pages that join without gap and overlap', async () => {
    for (const request of [
      { vector },
      { text },
      { text, vector },
      { text, vector, fusion: 'rrf' },
    ] as SearchRequest[]) {
      const whole = names((await store.search({ ...request, k: 40 })).hits);
      const pages: string[] = [];
      for (let offset = 0; offset < 40; offset += 10) {
        pages.push(...names((await store.search({ ...request, k: 10, offset })).hits));
      }
      assert.deepEqual(pages, whole);
    }
    assert.deepEqual((await store.search({ vector, k: 10, offset: 5_000 })).hits, []);
  });

  it('limits the chunks of one document', async () => {
    for (const perDocument of [1, 2]) {
      const { hits } = await store.search({ text, vector, k: 60, perDocument });
      const counts = new Map<string, number>();
      for (const { document } of hits) counts.set(document.id, (counts.get(document.id) ?? 0) + 1);
      assert.equal(Math.max(...counts.values()), perDocument);
      assert.equal(hits.length, 60);
    }
  });

  it('finds other documents behind one that fills every place', async () => {
    await withStore(async (own) => {
      const same = Float32Array.from({ length: 600 * DIM }, (_, i) => (i % DIM === 0 ? 1 : 0));
      const far = new Float32Array(DIM).fill(1);
      await own.put([
        entry('giant', { chunks: Array.from({ length: 600 }, () => 'common words here'), vectors: same }),
        entry('small', { chunks: ['common'], vectors: far }),
        entry('other', { chunks: ['words'], vectors: far }),
      ]);
      const query = same.slice(0, DIM);
      for (const request of [{ vector: query }, { text: 'common words', vector: query }, { text: 'common words' }]) {
        const { hits } = await own.search({ ...request, k: 3, perDocument: 1 });
        assert.deepEqual(hits.map(({ document: { id } }) => id).sort(), ['giant', 'other', 'small']);
      }
    });
  });

  it('leaves out what lies below a threshold', async () => {
    const all = (await store.search({ vector, k: 1_000 })).hits;
    const limit = all[20].score;
    assert.equal((await store.search({ vector, k: 1_000, minScore: limit })).hits.length, 21);
    assert.equal((await store.search({ vector, k: 1_000, minCosine: limit })).hits.length, 21);
    const { hits } = await store.search({ text, vector, k: 1_000, minCosine: limit, minScore: 0 });
    assert.ok(hits.length > 0 && hits.every(({ score, parts }) => score >= 0 && parts.cosine! >= limit));
    assert.deepEqual((await store.search({ vector, minScore: 2 })).hits, []);
  });

  it('prefers hits unlike each other with MMR', async () => {
    await withStore(async (own) => {
      const direction = (...at: number[]): Float32Array => Float32Array.from({ length: DIM }, (_, i) => at[i] ?? 0);
      await own.put([
        entry('a', { chunks: ['x'], vectors: direction(1, 0.11) }),
        entry('a again', { chunks: ['x'], vectors: direction(1, 0.1) }),
        entry('b', { chunks: ['x'], vectors: direction(0.1, 1) }),
        entry('far', { chunks: ['x'], vectors: direction(-1, -1) }),
      ]);
      const ids = async (lambda?: number): Promise<string[]> => {
        const mmr = lambda === undefined ? {} : { mmr: { lambda } };
        const { hits } = await own.search({ vector: direction(1, 0.8), k: 3, ...mmr });
        return hits.map(({ document }) => document.id);
      };
      assert.deepEqual(await ids(), ['a', 'a again', 'b']);
      assert.deepEqual(await ids(1), ['a', 'a again', 'b']);
      assert.deepEqual(await ids(0.6), ['a', 'b', 'a again']);
      // By words alone too: unlike is a matter of vectors.
      const { hits } = await own.search({ text: 'x', k: 2, mmr: { lambda: 0.5 } });
      assert.deepEqual(
        hits.map(({ document }) => document.id),
        ['a', 'far'],
      );
    });
  });

  it('goes on without words when the text has none', async () => {
    const plain = names((await store.search({ vector })).hits);
    for (const words of ['', '...', '😀', 'unheardof']) {
      const { hits } = await store.search({ text: words, vector });
      assert.deepEqual(names(hits), plain);
      assert.equal(hits[0].parts.bm25, 0);
      assert.deepEqual((await store.search({ text: words })).hits, []);
    }
  });

  it('answers vectors of length 0', async () => {
    await withStore(async (own) => {
      await own.put([
        entry('zero', { chunks: ['a'], vectors: new Float32Array(DIM) }),
        entry('one', { chunks: ['b'] }),
      ]);
      const { hits } = await own.search({ vector: new Float32Array(DIM), k: 5 });
      assert.deepEqual(
        hits.map(({ score }) => score),
        [0, 0],
      );
      assert.equal((await own.search({ vector: vectorsFor('one', 1) })).hits[0].document.id, 'one');
    });
  });

  it('gives the same answer after a rebuild, and after a replay', async () => {
    await inFolder(async (path) => {
      const next = random(5);
      const first = await open(path);
      await first.put(library(80));
      await first.put(library(20, 7, 40));
      await first.delete(['d3', 'd41']);
      const questions = Array.from({ length: 20 }, (_, i) => ({
        text: sentence(next, 3),
        vector: vectorsFor(`q${String(i)}`, 1),
      }));
      const answers = (one: Backend) =>
        Promise.all(questions.map(async (question) => (await one.search(question)).hits));
      const wanted = await answers(first);
      await first.close();
      const again = await open(path, { index: { type: 'hnsw' } });
      assert.equal(again.opened.how, 'rebuilt');
      assert.deepEqual(await answers(again), wanted);
      await again.close();
    });
  });

  it('has true cosines from an index that keeps codes, too', async () => {
    await withStore(
      async (own) => {
        await own.put(entries);
        const { hits } = await own.search({ vector, k: 20 });
        const plain = await store.search({ vector, k: 20 });
        assert.deepEqual(names(hits), names(plain.hits));
        assert.deepEqual(
          hits.map(({ score }) => score),
          plain.hits.map(({ score }) => score),
        );
      },
      { index: { type: 'SQfp16' } },
    );
  });

  it('compares with every vector when it is asked to', async () => {
    await withStore(
      async (own) => {
        await own.put(library(400, 11));
        const { hits } = await own.search({ vector, k: 30, exact: true });
        assert.equal(hits.length, 30);
        const all = (await own.search({ vector, k: 1_000, exact: true })).hits.map(({ score }) => score);
        assert.deepEqual(
          hits.map(({ score }) => score),
          all.slice(0, 30),
        );
      },
      { index: { type: 'hnsw', M: 4, efConstruction: 8, efSearch: 1 } },
    );
  });

  it('can be aborted, before and during', async () => {
    const aborted = {
      code: 'E_ABORTED',
      message: 'The call was aborted.',
      expected: 'a signal that is not aborted',
      actual: 'an aborted one',
    } as const;
    await fails(store.search({ text, vector, signal: AbortSignal.abort() }), aborted);
    const control = new AbortController();
    const searching = store.search({ text, vector, signal: control.signal });
    setImmediate(() => control.abort());
    await searching.catch((error: unknown) => fails(Promise.reject(error as Error), aborted));
  });
});
