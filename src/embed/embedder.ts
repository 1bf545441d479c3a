/** What turns text into vectors. `static`, `onnx` and `http` implement it; nothing above cares which one it has. */
import type { LongCallOptions } from '../../lib/index.js';

export interface EmbedOptions extends LongCallOptions {
  /** Some models put a prompt before queries or before documents. Default `document`. */
  input?: 'query' | 'document';
}

export interface Embedder {
  /** The model's name, such as `quiver-static-256` or `all-MiniLM-L6-v2`. */
  readonly model: string;
  /** Changes whenever the same text may get another vector: a hash of weights, tokenizer and settings. */
  readonly fingerprint: string;
  readonly dim: number;
  /** Weight of the vectors' part in hybrid search, 0 to 1; the rest is the keywords'. Measured per model. */
  readonly hybridWeight: number;
  /** One vector of length 1 a text: `n * dim` floats. Errors: E_ARGUMENT, E_ABORTED, E_CLOSED and those of the model. */
  embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array>;
  /** Ends threads and frees the model; further calls reject with E_CLOSED. Twice is fine. */
  close(): Promise<void>;
}
