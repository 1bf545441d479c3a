/** One model measured: how fast it embeds, and how good its vectors are on the sets that are there. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CallOptions } from '../../../lib/index.js';
import type { Embedder } from '../embedder.js';
import { evaluateRetrieval, evaluateSimilarity } from './evaluate.js';
import { readRetrievalSet, readSimilaritySet } from './sets.js';

/** Undefined where the set is not there. */
export interface ModelScores {
  /** Texts of about 1,000 characters a second, as the chunks of a collection are. */
  chunksPerSecond: number;
  /** Texts of about 65 characters a second. */
  sentencesPerSecond: number;
  /** Spearman's correlation on the test split of STS-B. */
  stsb: number | undefined;
  /** nDCG@10 of exact dense retrieval. */
  scifact: number | undefined;
  cranfield: number | undefined;
}

export interface BenchmarkOptions extends CallOptions {
  /** A folder with `stsb/test.jsonl`, `scifact/` and `cranfield/`. */
  data?: string;
  /** Called with what is measured now. */
  onStep?: (step: string) => void;
}

const SPEED_SECONDS = 2;
const CHUNK = 1000;
const SENTENCE = 65;

/** Texts of a length, the same each time. What they mean does not change how long they take. */
export function wordsOfLength(words: readonly string[], length: number, count: number): string[] {
  let at = 0;
  return Array.from({ length: count }, () => {
    let text = '';
    while (text.length < length) {
      at = (at * 1_103_515_245 + 12_345) % 2_147_483_648;
      text += `${text === '' ? '' : ' '}${words[at % words.length]}`;
    }
    return text;
  });
}

/** Doubles what it embeds until that takes long enough to be measured. */
async function speedOf(embedder: Embedder, texts: readonly string[], options: CallOptions): Promise<number> {
  await embedder.embed(texts.slice(0, 8), options);
  for (let count = 16; ; count *= 2) {
    const some = Array.from({ length: count }, (_, i) => texts[i % texts.length]);
    const began = performance.now();
    await embedder.embed(some, options);
    const seconds = (performance.now() - began) / 1000;
    if (seconds >= SPEED_SECONDS / 2) return count / seconds;
  }
}

export async function benchmarkModel(
  embedder: Embedder,
  words: readonly string[],
  { data, signal, onStep }: BenchmarkOptions = {},
): Promise<ModelScores> {
  const call: CallOptions = signal === undefined ? {} : { signal };
  const at = (...parts: string[]): string | undefined => {
    const path = data === undefined ? undefined : join(data, ...parts);
    return path !== undefined && (existsSync(path) || existsSync(`${path}.gz`)) ? path : undefined;
  };
  onStep?.('speed');
  const chunksPerSecond = await speedOf(embedder, wordsOfLength(words, CHUNK, 256), call);
  const sentencesPerSecond = await speedOf(embedder, wordsOfLength(words, SENTENCE, 4096), call);
  const retrieval = async (name: string): Promise<number | undefined> => {
    const folder = at(name);
    if (folder === undefined) return undefined;
    onStep?.(name);
    return (await evaluateRetrieval(embedder, await readRetrievalSet(folder), call)).ndcg10;
  };
  const pairs = at('stsb', 'test.jsonl');
  if (pairs !== undefined) onStep?.('STS-B');
  const stsb =
    pairs === undefined ? undefined : await evaluateSimilarity(embedder, await readSimilaritySet(pairs), call);
  return {
    chunksPerSecond,
    sentencesPerSecond,
    stsb,
    scifact: await retrieval('scifact'),
    cranfield: await retrieval('cranfield'),
  };
}
