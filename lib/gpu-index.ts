/** Copies of indexes on GPUs. */
import { call } from './calls.js';
import { checkBoolean, outOfRange, QuiverError, show, wrongArgument } from './errors.js';
import { writeOn, type Handle } from './handle.js';
import type { NativeGpuIndex } from './native.js';
import { checkResults } from './options.js';
import type { SearchResult } from './results.js';
import { searchInPieces } from './search.js';
import type { GpuOptions, GpuSearchOptions, IdType, Metric, VectorsInput } from './types.js';
import { Underway } from './underway.js';
import { toVectors } from './vectors.js';

/** What FAISS's selection on GPUs goes up to, for k and for nprobe. */
const MOST = 2048;

/** What the calls of one copy share. */
interface GpuHandle extends Pick<Handle, 'dim' | 'idType' | 'underway'> {
  readonly native: NativeGpuIndex;
  readonly metric: Metric;
  readonly devices: readonly number[];
  closing: Promise<void> | undefined;
}

/** How toGpu() makes one; the constructor is for nobody else. */
let make: (handle: GpuHandle) => GpuIndex;

/**
 * A copy of an index on one or several GPUs, made by {@link Index.toGpu}. It holds what the index held then: later writes
 * to the index do not reach it, and it stays when the index is closed. It takes memory of the GPU until it is closed.
 */
export class GpuIndex {
  readonly dim: number;
  readonly metric: Metric;
  readonly idType: IdType;
  /** The numbers of the GPUs that hold it. */
  readonly devices: readonly number[];
  readonly #handle: GpuHandle;

  static {
    make = (handle) => new GpuIndex(handle);
  }

  private constructor(handle: GpuHandle) {
    if (typeof handle?.native?.search !== 'function') {
      throw new QuiverError('E_ARGUMENT', 'A GPU index is not made by new: use await index.toGpu().', {
        expected: 'index.toGpu()',
        actual: 'new GpuIndex()',
      });
    }
    this.#handle = handle;
    this.dim = handle.dim;
    this.metric = handle.metric;
    this.idType = handle.idType;
    this.devices = handle.devices;
  }

  /** E_RECEIVER when a method was torn off. */
  static #receiver(self: GpuIndex): GpuHandle {
    if (typeof self === 'object' && self !== null && #handle in self) return self.#handle;
    throw new QuiverError('E_RECEIVER', 'The method was called without its GPU index: use gpu.method(), or bind it.', {
      expected: 'a GpuIndex as `this`',
      actual: typeof self,
    });
  }

  /** Vectors in the copy. 0 once closed. */
  get count(): number {
    const { closing, native } = GpuIndex.#receiver(this);
    return closing === undefined ? native.count() : 0;
  }

  get closed(): boolean {
    return GpuIndex.#receiver(this).closing !== undefined;
  }

  /**
   * The k nearest of each query, as {@link Index.search} gives them. Large batches are what a GPU is for: calls are answered
   * one after the other. Errors: E_DIMENSION, E_RANGE (k from 1 to 2,048), E_NOT_FINITE, E_OUT_OF_MEMORY, E_ABORTED, E_CLOSED.
   */
  async search(queries: VectorsInput, k = 10, options: GpuSearchOptions = {}): Promise<SearchResult> {
    const handle = GpuIndex.#receiver(this);
    if (handle.closing !== undefined) {
      throw new QuiverError('E_CLOSED', 'The GPU index is closed.', {
        expected: 'an open GPU index',
        actual: 'a closed one',
      });
    }
    checkNames(options, ['nprobe', 'signal']);
    checkMost('k', k);
    const nprobe = options.nprobe === undefined ? 0 : checkMost('nprobe', options.nprobe);
    const { data, n } = toVectors('queries', queries, handle.dim);
    checkResults(n, k);
    return handle.underway.during(() =>
      searchInPieces(handle, data, n, k, (part, count) =>
        call((_, number) => handle.native.search(number, part, count, k, nprobe), options, true),
      ),
    );
  }

  /** Waits for running searches and gives the GPU's memory back. Further calls reject with E_CLOSED; closing twice is fine. */
  async close(): Promise<void> {
    const handle = GpuIndex.#receiver(this);
    handle.closing ??= handle.underway.settled().then(() => call((_, number) => handle.native.close(number)));
    await handle.closing;
  }

  /** `await using gpu = ...` */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function checkNames(options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw wrongArgument('options', 'an object', options);
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new QuiverError('E_ARGUMENT', `There is no option "${name}" here. Known are ${known.join(', ')}.`, {
      expected: known.join(', '),
      actual: name,
    });
  }
}

function checkMost(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= MOST) return value;
  const expected = `an integer from 1 to ${MOST.toLocaleString('en')} on a GPU`;
  throw (typeof value === 'number' ? outOfRange : wrongArgument)(name, expected, value);
}

function checkDevices(devices: readonly number[]): Float64Array {
  const expected = 'an array of different device numbers, such as [0, 1]';
  const right = (device: unknown): boolean =>
    Number.isInteger(device) && (device as number) >= 0 && (device as number) < 2 ** 16;
  if (!Array.isArray(devices) || devices.length === 0) throw wrongArgument('devices', expected, devices);
  const wrong: unknown = devices.find((device, i) => !right(device) || devices.indexOf(device) !== i);
  if (wrong === undefined) return Float64Array.from(devices);
  throw new QuiverError('E_ARGUMENT', `devices must be ${expected}, but holds ${show(wrong)}.`, {
    expected,
    actual: show(wrong),
  });
}

/** index.toGpu() */
export async function toGpu(handle: Handle, options: GpuOptions): Promise<GpuIndex> {
  checkNames(options, ['devices', 'mode', 'float16', 'signal']);
  const { mode, float16 = false } = options;
  const devices = options.devices === undefined ? new Float64Array() : checkDevices(options.devices);
  if (mode !== undefined && mode !== 'replicas' && mode !== 'shards') {
    throw wrongArgument('mode', "'replicas' or 'shards'", mode);
  }
  checkBoolean('float16', float16);
  // Among the writes: it holds what was added by calls before it, and nothing of those after it.
  const native = await writeOn<NativeGpuIndex>(
    handle,
    (index, number) => index.toGpu(number, devices, mode !== undefined, mode === 'shards', float16),
    options,
  );
  const { dim, metric, idType } = handle;
  const underway = new Underway();
  return make({
    native,
    dim,
    metric,
    idType,
    underway,
    devices: Object.freeze(native.devices()),
    closing: undefined,
  });
}
