/** The worker thread of a fit: takes the texts in, then does its job, and reports now and then. */
import { parentPort, workerData } from 'node:worker_threads';

import { Vocabulary } from '../static/vocabulary.js';
import { adaptTable } from './adapt-table.js';
import { fitRows } from './fit-rows.js';
import type { AdaptResult, FitResult, Job, JobMessage, JobTexts } from './messages.js';

const REPORT_MS = 50;

const job = workerData as Job;
const texts: string[] = [];
let last = 0;

function post(message: JobMessage): void {
  parentPort?.postMessage(message);
}

function onStep(step: number, steps: number): void {
  if (step < steps && performance.now() - last < REPORT_MS) return;
  last = performance.now();
  post({ step, steps });
}

function run(): FitResult | AdaptResult {
  if (job.kind === 'adapt') return adaptTable(job, texts, onStep);
  return { losses: fitRows({ ...job, vocabulary: new Vocabulary(job.vocabulary) }, texts, onStep) };
}

parentPort?.on('message', (message: JobTexts) => {
  for (const text of message.texts) texts.push(text);
  if (message.last) post({ result: run() });
});
