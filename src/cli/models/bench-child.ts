/** One model of `quiver models bench`: its memory is this process's, and no other model's. */
import { describeError } from '../output.js';
import { benchmarkModel } from '../../embed/evaluate/benchmark.js';
import { openModel } from '../../embed/models/open.js';
import { defaultModelFolder } from '../../embed/static/embedder.js';
import { readStaticModel } from '../../embed/static/folder.js';
import type { Told } from './bench.js';

const [name = '', data] = process.argv.slice(2);
const tell = (told: Told): Promise<void> =>
  new Promise((resolve) => process.send?.(told, undefined, undefined, () => resolve()));

/** Words of any length, for texts that cost what real ones do. */
async function someWords(): Promise<string[]> {
  const { tokens } = await readStaticModel(defaultModelFolder());
  return tokens.filter((token) => /^[a-z]{2,12}$/.test(token)).slice(0, 20_000);
}

try {
  const words = await someWords();
  const embedder = await openModel(name);
  const scores = await benchmarkModel(embedder, words, {
    ...(data !== undefined && { data }),
    onStep: (step) => void tell({ step }),
  });
  await tell({ scores, dim: embedder.dim });
  await embedder.close();
} catch (error) {
  const { code, message, expected, actual } = describeError(error);
  await tell({ error: { code, message, ...(expected !== null && { expected }), ...(actual !== null && { actual }) } });
}
process.disconnect();
