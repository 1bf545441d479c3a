/** The worker thread of a static embedder: batches of text in, vectors out, in the order in which they came. */
import { parentPort, workerData } from 'node:worker_threads';

import { Encoder } from './encoder.js';
import type { Answer, Batch, Forget, WorkerData } from './messages.js';
import { Vocabulary } from './vocabulary.js';

const { vocabulary, ...numbers } = workerData as WorkerData;
const table = { ...numbers, vocabulary: new Vocabulary(vocabulary) };
/** For texts that are not at their end yet; each call has its own, since batches of several calls mix. */
const unfinished = new Map<number, Encoder>();
let idle: Encoder | undefined;

function encode({ call, texts, continued, open }: Batch): Float32Array<ArrayBuffer> {
  const encoder = unfinished.get(call) ?? idle ?? new Encoder(table);
  unfinished.delete(call);
  idle = undefined;
  const { dim } = table;
  const ended = texts.length - (open ? 1 : 0);
  const vectors = new Float32Array(ended * dim);
  texts.forEach((text, i) => {
    if (i === 0 && continued) encoder.goOn(text);
    else encoder.begin(text);
    encoder.advance(text.length);
    if (i < ended) encoder.finish(vectors, i * dim);
  });
  if (open) unfinished.set(call, encoder);
  else idle = encoder;
  return vectors;
}

parentPort?.on('message', (message: Batch | Forget) => {
  if ('forget' in message) {
    unfinished.delete(message.call);
    return;
  }
  const answer: Answer = { call: message.call, vectors: encode(message) };
  parentPort?.postMessage(answer, [answer.vectors.buffer]);
});
