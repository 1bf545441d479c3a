/** Documents whose every part says which version of which document it is of, and what must hold of a store that has them. */
import assert from 'node:assert/strict';

import type { Backend, Entry, ModelInfo } from '../../../src/store/backend.js';
import { openStore } from '../../../src/store/embedded/open.js';
import { Random, vectors } from './random.js';

export const DIM = 8;
export const MODEL: ModelInfo = { name: 'fault', fingerprint: 'f1', dim: DIM };

export function open(folder: string, readOnly = false): Promise<Backend> {
  return openStore(folder, { model: MODEL, readers: 1, readOnly });
}

/** One to four chunks, depending on both numbers. */
export function versioned(document: number, version: number): Entry {
  const name = `d${String(document)}`;
  const count = 1 + ((document + version) % 4);
  const chunks = Array.from({ length: count }, (_, i) => `${name} v${String(version)} part${String(i)} of word stone`);
  let at = 0;
  const placed = chunks.map((text) => {
    const start = at;
    at += text.length + 1;
    return { text, start, end: start + text.length };
  });
  return {
    document: { id: name, text: chunks.join(' '), chunks: placed, metadata: { document, version } },
    vectors: vectors(count, DIM, document * 1_000 + version),
  };
}

/** The version of each document; every one of them is whole. */
export async function versionsOf(store: Backend): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for (let after: string | undefined; ;) {
    const page = await store.list({ limit: 500, ...(after !== undefined && { after }) });
    for (const { id, metadata } of page.documents) {
      const [document, version] = [Number(metadata.document), Number(metadata.version)];
      assert.deepEqual(await store.get(id), versioned(document, version).document);
      found.set(document, version);
    }
    after = page.next;
    if (after === undefined) return found;
  }
}

/** What a few questions find; equal for equal stores. */
export async function answers(store: Backend, start: number): Promise<unknown> {
  const random = new Random(start);
  const all = [];
  for (let i = 0; i < 8; i++) {
    const vector = vectors(1, DIM, random.below(1e6));
    const { hits } = await store.search({ text: `d${String(random.below(30))} stone`, vector, k: 10 });
    all.push(hits.map(({ document, chunk, score }) => [document.id, chunk.position, score]));
  }
  return all;
}

/** Every vector is found by itself, and there are no more of them than chunks. */
export async function assertSound(store: Backend): Promise<void> {
  assert.deepEqual((await store.verify()).problems, []);
  const { index, chunks } = await store.stats();
  assert.equal(index.count, chunks);
}
