/** From the vectors of a text's tokens to the vector of the text. */
import type { Pooling } from './folder.js';

export interface Hidden {
  /** `batch * length * dim`, the model's last layer. */
  data: Float32Array;
  batch: number;
  length: number;
  dim: number;
  /** Tokens of each text that are its own; the rest is padding at the end. */
  tokens: readonly number[];
}

function mean({ data, length, dim, tokens }: Hidden, row: number, out: Float32Array): void {
  const count = tokens[row] ?? 0;
  const from = row * length * dim;
  for (let t = 0; t < count; t++) {
    for (let i = 0; i < dim; i++) out[i] += data[from + t * dim + i];
  }
  for (let i = 0; i < dim; i++) out[i] /= Math.max(1, count);
}

function max({ data, length, dim, tokens }: Hidden, row: number, out: Float32Array): void {
  out.fill(-Infinity);
  const from = row * length * dim;
  for (let t = 0; t < (tokens[row] ?? 0); t++) {
    for (let i = 0; i < dim; i++) out[i] = Math.max(out[i], data[from + t * dim + i]);
  }
}

function one(at: (count: number) => number) {
  return ({ data, length, dim, tokens }: Hidden, row: number, out: Float32Array): void => {
    const from = (row * length + at(tokens[row] ?? 0)) * dim;
    out.set(data.subarray(from, from + dim));
  };
}

const POOLINGS: Record<Pooling, (hidden: Hidden, row: number, out: Float32Array) => void> = {
  mean,
  max,
  cls: one(() => 0),
  last: one((count) => Math.max(0, count - 1)),
};

/** Scales a vector to length 1; a zero vector stays zero. */
export function toUnitLength(vector: Float32Array): void {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += vector[i] * vector[i];
  const length = Math.sqrt(sum);
  if (length > 0) for (let i = 0; i < vector.length; i++) vector[i] /= length;
}

/** `batch * dim` floats. Vectors that are compared by cosine are of length 1 whatever the model says of itself. */
export function pool(hidden: Hidden, pooling: Pooling): Float32Array {
  const { batch, dim } = hidden;
  const vectors = new Float32Array(batch * dim);
  for (let row = 0; row < batch; row++) {
    const out = vectors.subarray(row * dim, (row + 1) * dim);
    POOLINGS[pooling](hidden, row, out);
    toUnitLength(out);
  }
  return vectors;
}
