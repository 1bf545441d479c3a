/**
 * Fits the rows of a token table so that the sum of a text's rows points where a teacher's vector of the text points. The loss of a text
 * is 1 - cosine; Adam moves the rows that a batch touches. A row's length is its token's weight, so weights need no numbers of their own.
 */
import type { Random } from './random.js';

/** Texts as tokens in a row: text i is `ids[starts[i]..starts[i + 1])`. */
export interface TokenTexts {
  ids: Int32Array;
  starts: Int32Array;
}

export interface TrainSettings {
  epochs: number;
  batch: number;
  /** Falls to 0 in a straight line, after `warmUp` steps of rising (at most a tenth of all). */
  learningRate: number;
  warmUp: number;
}

export interface TrainInput extends TrainSettings {
  /** The table, `tokens * dim`; changed in place. */
  rows: Float32Array;
  dim: number;
  texts: TokenTexts;
  /** One vector of length 1 a text. */
  targets: Float32Array;
  random: Random;
  /** Called after each batch; `loss` is the mean of 1 - cosine over it. */
  onBatch?: (step: number, steps: number, loss: number) => void;
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** The rows that one batch touches: each gets a place for its gradient. */
interface Touched {
  /** Place of a row, valid where `stamp` is that of the batch. */
  place: Int32Array;
  stamp: Int32Array;
  rows: Int32Array;
  count: number;
  gradient: Float32Array;
}

/** Adds the rows of a text; returns the length of the sum. */
function sumRows(input: TrainInput, text: number, sum: Float64Array): number {
  const { rows, dim, texts } = input;
  sum.fill(0);
  const end = texts.starts[text + 1];
  for (let t = texts.starts[text]; t < end; t++) {
    const from = texts.ids[t] * dim;
    for (let d = 0; d < dim; d++) sum[d] = sum[d] + rows[from + d];
  }
  let squared = 0;
  for (let d = 0; d < dim; d++) squared += sum[d] ** 2;
  return Math.sqrt(squared);
}

/** Turns the sum of a text's rows into the gradient of its loss by that sum. Returns the cosine. */
function lossGradient(input: TrainInput, text: number, sum: Float64Array, length: number, share: number): number {
  const { dim, targets } = input;
  let cosine = 0;
  for (let d = 0; d < dim; d++) cosine += sum[d] * targets[text * dim + d];
  cosine /= length;
  const scale = share / length;
  const own = cosine / length;
  for (let d = 0; d < dim; d++) sum[d] = (sum[d] * own - targets[text * dim + d]) * scale;
  return cosine;
}

/** The gradient of one text goes to the rows of all its tokens. */
function spread(input: TrainInput, text: number, gradient: Float64Array, touched: Touched, step: number): void {
  const { dim, texts } = input;
  const end = texts.starts[text + 1];
  for (let t = texts.starts[text]; t < end; t++) {
    const row = texts.ids[t];
    if (touched.stamp[row] !== step) {
      touched.stamp[row] = step;
      touched.place[row] = touched.count;
      touched.rows[touched.count] = row;
      touched.gradient.fill(0, touched.count * dim, (touched.count + 1) * dim);
      touched.count++;
    }
    const to = touched.place[row] * dim;
    const sums = touched.gradient;
    for (let d = 0; d < dim; d++) sums[to + d] = sums[to + d] + gradient[d];
  }
}

function adam(
  input: TrainInput,
  touched: Touched,
  mean: Float32Array,
  variance: Float32Array,
  step: number,
  rate: number,
): void {
  const { rows, dim } = input;
  const rateNow = (rate * Math.sqrt(1 - BETA2 ** step)) / (1 - BETA1 ** step);
  for (let place = 0; place < touched.count; place++) {
    const to = touched.rows[place] * dim;
    const from = place * dim;
    for (let d = 0; d < dim; d++) {
      const g = touched.gradient[from + d];
      const m = BETA1 * mean[to + d] + (1 - BETA1) * g;
      const v = BETA2 * variance[to + d] + (1 - BETA2) * g * g;
      mean[to + d] = m;
      variance[to + d] = v;
      rows[to + d] = rows[to + d] - (rateNow * m) / (Math.sqrt(v) + EPSILON);
    }
  }
}

/** The most tokens that a batch can hold: the `batch` longest texts. */
function mostTokens({ texts, batch }: TrainInput): number {
  const lengths = texts.starts.slice(1).map((end, i) => end - texts.starts[i]);
  return lengths
    .sort()
    .slice(-batch)
    .reduce((sum, length) => sum + length, 0);
}

/** Changes `rows` in place. Texts without tokens are left out. */
export function train(input: TrainInput): void {
  const { rows, dim, texts, epochs, batch, learningRate, warmUp, random } = input;
  const tokens = rows.length / dim;
  const order = Int32Array.from(texts.starts.subarray(1).keys()).filter((i) => texts.starts[i + 1] !== texts.starts[i]);
  const perEpoch = Math.ceil(order.length / batch);
  const steps = perEpoch * epochs;
  // A short fit must not be over before the rate has risen.
  const rising = Math.max(1, Math.min(warmUp, Math.round(steps / 10)));
  const places = Math.min(tokens, mostTokens(input));
  const touched: Touched = {
    place: new Int32Array(tokens),
    stamp: new Int32Array(tokens),
    rows: new Int32Array(places),
    count: 0,
    gradient: new Float32Array(places * dim),
  };
  const mean = new Float32Array(rows.length);
  const variance = new Float32Array(rows.length);
  const sum = new Float64Array(dim);
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    random.shuffle(order);
    for (let from = 0; from < order.length; from += batch) {
      const to = Math.min(order.length, from + batch);
      step++;
      touched.count = 0;
      let loss = 0;
      for (let i = from; i < to; i++) {
        const text = order[i];
        const length = sumRows(input, text, sum);
        // Rows that cancel out have no direction to correct.
        if (length < 1e-12) continue;
        loss += 1 - lossGradient(input, text, sum, length, 1 / (to - from));
        spread(input, text, sum, touched, step);
      }
      const falling = learningRate * (1 - (step - 1) / steps);
      adam(input, touched, mean, variance, step, falling * Math.min(1, step / rising));
      input.onBatch?.(step, steps, loss / (to - from));
    }
  }
}
