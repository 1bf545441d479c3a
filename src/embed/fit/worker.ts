/** The worker thread of a fit: takes the texts in, then trains, and reports now and then. */
import { parentPort, workerData } from 'node:worker_threads';

import { Tokenizer } from '../static/tokenizer.js';
import { Vocabulary } from '../static/vocabulary.js';
import type { FitData, FitReport, FitTexts } from './messages.js';
import { random } from './random.js';
import { train } from './train.js';

const REPORT_MS = 50;

const { vocabulary, dim, rows, targets, settings, seed, longestText } = workerData as FitData;
const tokenizer = new Tokenizer(new Vocabulary(vocabulary));
const encoded: Int32Array[] = [];

function packed(): { ids: Int32Array; starts: Int32Array } {
  const starts = new Int32Array(encoded.length + 1);
  encoded.forEach((ids, i) => (starts[i + 1] = (starts[i] as number) + ids.length));
  const ids = new Int32Array(starts[encoded.length] as number);
  encoded.forEach((tokens, i) => ids.set(tokens, starts[i]));
  return { ids, starts };
}

function run(): void {
  const losses: number[] = [];
  let last = 0;
  let [sum, batches] = [0, 0];
  const report = (step: number, steps: number, done: boolean): void => {
    const message: FitReport = { step, steps, losses, done };
    parentPort?.postMessage(message);
  };
  const onBatch = (step: number, steps: number, loss: number): void => {
    sum += loss;
    batches++;
    if (batches === steps / settings.epochs) {
      losses.push(sum / batches);
      [sum, batches] = [0, 0];
    }
    if (performance.now() - last < REPORT_MS) return;
    last = performance.now();
    report(step, steps, false);
  };
  train({ ...settings, rows, dim, texts: packed(), targets, random: random(seed), onBatch });
  report(0, 0, true);
}

parentPort?.on('message', ({ texts, last }: FitTexts) => {
  for (const text of texts) encoded.push(tokenizer.encode(text).slice(0, longestText));
  if (last) run();
});
