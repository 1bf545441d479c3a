/** What the embedder and its processes say to each other. Nothing here runs. */
import type { ErrorCode } from '../../../lib/index.js';
import type { OnnxFolder } from './folder.js';

export type Device = 'cpu' | 'cuda';

/** The first message to a process: which model it serves. */
export interface Setup {
  model: OnnxFolder;
  device: Device;
  threads: number;
  /** Tokens of a batch at most. */
  budget: number;
}

export interface Request {
  id: number;
  texts: string[];
}

export interface Failure {
  code: ErrorCode;
  message: string;
  expected?: string;
  actual?: string;
}

export type Reply =
  | { kind: 'ready'; device: Device; warning?: string }
  | { kind: 'unfit'; failure: Failure }
  | { kind: 'vectors'; id: number; vectors: Float32Array }
  | { kind: 'failed'; id: number; failure: Failure };
