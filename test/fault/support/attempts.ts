/** Trying to open what may be harmful, and using what did open. */
import type { Index } from '../../../lib/index.js';
import { QuiverError } from '../../../lib/index.js';

export interface Attempt {
  name: string;
  /** The code of the refusal, or 'none'. */
  code: string;
  message: string;
  ms: number;
}

/** Calls that an index must survive, and answers that it must not give. Returns what was wrong. */
async function misbehaviour(index: Index): Promise<string> {
  const queries = Float32Array.from({ length: 24 * index.dim }, (_, i) => Math.sin(i * 12.9898));
  const { count } = index;
  const ids = new Set<number | bigint>(await index.ids());
  if (ids.size !== count) return `${String(count)} vectors, but ${String(ids.size)} ids`;
  for (const options of [{ nprobe: 1 }, { nprobe: 64, efSearch: 64 }, { exact: true }]) {
    const found = await index.search(queries, 10, options);
    const strangers = Array.from<number | bigint>(found.ids).filter((id) => id !== -1 && !ids.has(id));
    if (strangers.length > 0) return `search gave the ids ${strangers.slice(0, 5).join(', ')}`;
  }
  return '';
}

export async function attempt(name: string, open: () => Promise<Index>): Promise<Attempt> {
  const start = performance.now();
  try {
    const index = await open();
    const wrong = await misbehaviour(index);
    await index.close();
    return { name, code: wrong === '' ? 'none' : 'wrong', message: wrong, ms: performance.now() - start };
  } catch (error) {
    const code = error instanceof QuiverError ? error.code : 'foreign';
    return { name, code, message: String(error), ms: performance.now() - start };
  }
}

/** Runs `work` on all items, so many at a time. */
export async function inTurns<T, R>(atOnce: number, items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at]);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
