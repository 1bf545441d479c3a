/**
 * The surface of the addon, as native/binding registers it. A call number comes first in every async method; the
 * dispatcher is called with it when the call ends.
 */
import type { QuiverError } from './errors.js';
import type { IdArray } from './types.js';

export interface NativeSpec {
  dim: number;
  metric: string;
  metricArg: number;
  factory: string;
  efConstruction: number;
  efSearch: number;
  nprobe: number;
}

export interface NativeStats {
  dim: number;
  metric: string;
  bigintIds: boolean;
  implicitIds: boolean;
  factory: string;
  kind: string;
  note: string;
  count: number;
  deleted: number;
  trained: boolean;
  mapped: boolean;
  bytes: number;
  derivedBytes: number;
  generation: number;
  M: number;
  efConstruction: number;
  efSearch: number;
  nlist: number;
  nprobe: number;
}

/** Postfix steps: an operation, then what it takes. */
export type FilterSteps = (string | Float64Array | BigInt64Array | Uint8Array | number | undefined)[];

/** What a search answers: n * k places. */
export interface NativeFound {
  ids: IdArray;
  distances: Float32Array;
}

/** `release` frees at once what no call has taken. */
export interface NativeVectorStaging {
  append(vectors: Float32Array): void;
  release(): void;
}
export interface NativeByteStaging {
  append(bytes: Uint8Array): void;
  release(): void;
}

export interface NativeIndex {
  search(
    call: number,
    queries: Float32Array,
    n: number,
    k: number,
    efSearch: number,
    nprobe: number,
    exact: boolean,
    threads: number,
    filter: FilterSteps | undefined,
  ): void;
  searchSync(
    queries: Float32Array,
    n: number,
    k: number,
    efSearch: number,
    nprobe: number,
    exact: boolean,
    threads: number,
    filter: FilterSteps | undefined,
    ids: IdArray,
    distances: Float32Array,
  ): void;
  searchOne(k: number, efSearch: number, nprobe: number, exact: boolean, limit: number): boolean;
  range(
    call: number,
    queries: Float32Array,
    n: number,
    radius: number,
    nprobe: number,
    filter: FilterSteps | undefined,
  ): void;
  has(call: number, ids: IdArray): void;
  ids(call: number): void;
  get(call: number, ids: IdArray): void;
  train(call: number, vectors: NativeVectorStaging, spec: NativeSpec | undefined): void;
  add(call: number, vectors: NativeVectorStaging, ids: IdArray | undefined, refuseExisting: boolean): void;
  remove(call: number, ids: IdArray): void;
  reset(call: number): void;
  rebuild(call: number, spec: NativeSpec | undefined): void;
  setParameters(call: number, efConstruction: number, efSearch: number, nprobe: number): void;
  save(call: number, path: string): void;
  toBuffer(call: number): void;
  exportFaiss(call: number, path: string | undefined): void;
  /** Without devices: the first, or all when `spread`. */
  toGpu(call: number, devices: Float64Array, spread: boolean, shards: boolean, float16: boolean): void;
  count(): number;
  stats(): NativeStats;
  setNote(note: string): void;
  whenQuiet(call: number): void;
  share(): string;
  close(call: number): void;
}

export interface NativeGpuIndex {
  search(call: number, queries: Float32Array, n: number, k: number, nprobe: number): void;
  count(): number;
  devices(): number[];
  close(call: number): void;
}

export interface NativeGpus {
  built: boolean;
  count: number;
  reason?: string;
}

export interface NativeProgress {
  phase: string;
  done: number;
  total: number;
}
export type Dispatcher = (call: number, error: unknown, value: unknown, progress: NativeProgress | undefined) => void;

export interface NativeSystem {
  faiss: string;
  faissOptions: string;
  simd: string;
  blas: string;
  blasKernel: string;
  threads: number;
  gpus: NativeGpus;
  availableMemory: number;
}

export interface Addon {
  NativeIndex: {
    create(call: number, spec: NativeSpec, bigintIds: boolean, note: string): void;
    open(call: number, path: string, mmap: boolean, verify: boolean, foreign: boolean, codes: boolean): void;
    fromBuffer(call: number, bytes: NativeByteStaging, foreign: boolean): void;
    importFaiss(
      call: number,
      source: string | NativeByteStaging,
      metric: string | undefined,
      bigintIds: boolean,
      note: string,
    ): void;
    attach(token: string): NativeIndex;
  };
  VectorStaging: new (dim: number) => NativeVectorStaging;
  ByteStaging: new (size: number) => NativeByteStaging;
  setDispatcher(dispatch: Dispatcher): void;
  /** The class of what failing calls throw: new errorClass(code, message, { expected, actual }). */
  setErrorClass(errorClass: typeof QuiverError): void;
  cancel(call: number): void;
  scratch(): { query: Float32Array; ids: ArrayBuffer; distances: Float32Array };
  setThreads(threads: number): void;
  confine(bytes: number, seconds: number): void;
  system(): NativeSystem;
  gpus(): NativeGpus;
  /** Only when the process was started with QUIVER_TEST_HOOKS=1: a later call throws; see native/core/fault.h. */
  armFault?(place: number, thrown: number, passes: number): void;
}
