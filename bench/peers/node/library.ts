/** What the loop for Node asks of a library. */

export interface Space {
  dim: number;
  metric: 'l2' | 'cosine';
}

export interface Library {
  /** With its version. */
  readonly about: string;
  build: (x: Float32Array, space: Space, m: number, ef: number, threads: number) => Promise<void>;
  setEf: (ef: number) => void | Promise<void>;
  /** One query by the quickest call there is for one at a time; a promise where there is no other. */
  one: (query: Float32Array, k: number) => unknown;
  /** One query of many that are under way: a promise even where the library has none. */
  ask: (query: Float32Array, k: number) => Promise<unknown>;
  all: (queries: Float32Array, k: number, threads: number) => Promise<ArrayLike<number | bigint>>;
  add: (vector: Float32Array) => Promise<unknown>;
  /** Only what has its bit set may be found. Not on libraries that cannot. */
  filter?: (bitmap: Uint8Array | undefined) => void;
  /** From then on all vectors are compared, or not. */
  exact?: (on: boolean) => void;
  save: (file: string) => Promise<void>;
  /** @param mapped where the library knows more than one way */
  open: (file: string, space: Space, mapped?: boolean) => Promise<void>;
  /** When what it makes in the background is there. Only on libraries that do so. */
  settled?: () => Promise<void>;
}

export function rows(x: Float32Array, dim: number): Float32Array[] {
  return Array.from({ length: x.length / dim }, (_, i) => x.subarray(i * dim, (i + 1) * dim));
}

export function needed<T>(index: T | undefined): T {
  if (index === undefined) throw new Error('expected build or open first, found no index');
  return index;
}
