/** What the calls of one index share. `Index` keeps it to itself; the files that do the work are given it. */
import { AutoTier } from './auto.js';
import { call } from './calls.js';
import { fromNative, QuiverError } from './errors.js';
import { Gather } from './gather.js';
import type { NativeIndex, NativeSpec } from './native.js';
import { parseNote, type Note } from './options.js';
import type { IdType, LongCallOptions, Metric } from './types.js';
import { Underway } from './underway.js';

export interface Handle {
  /** The addon's object. */
  readonly native: NativeIndex;
  readonly dim: number;
  readonly metric: Metric;
  readonly idType: IdType;
  /** ivf without a fixed number of lists: train() decides it. */
  readonly listsAtTraining: Note['listsAtTraining'];
  readonly underway: Underway;
  readonly gather: Gather;
  readonly auto: AutoTier | undefined;
  /** Single searches that go to a thread without being tried at once. */
  notInline: number;
  /** The close, once it was called: from then on no new call is let in. */
  closing: Promise<void> | undefined;
}

export function handleOf(native: NativeIndex): Handle {
  const { dim, metric, bigintIds, note: text } = native.stats();
  const note = parseNote(text);
  const underway = new Underway();
  return {
    native,
    dim,
    metric: metric as Metric,
    idType: bigintIds ? 'bigint' : 'number',
    listsAtTraining: note.listsAtTraining,
    underway,
    gather: new Gather(native, dim, underway),
    auto: note.auto && new AutoTier(native, note.auto, specOf({ dim, metric }, 'Flat')),
    notInline: 0,
    closing: undefined,
  };
}

/** E_CLOSED once it is closed. Calls made of several calls ask before each. */
export function checkOpen({ closing }: Handle): void {
  if (closing === undefined) return;
  throw new QuiverError('E_CLOSED', 'The index is closed.', { expected: 'an open index', actual: 'a closed one' });
}

/** What the addon makes an index of this shape from, with the defaults of its kind. */
export function specOf({ dim, metric }: { dim: number; metric: string }, factory: string): NativeSpec {
  return { dim, metric, metricArg: 2, factory, efConstruction: 0, efSearch: 0, nprobe: 0 };
}

/** Runs a synchronous native call; its failure becomes a QuiverError. */
export function now<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw fromNative(error);
  }
}

type Start = (native: NativeIndex, call: number) => void;

/** As call(), for what reads this index. */
export function readOn<T>({ native, underway }: Handle, start: Start, options?: LongCallOptions): Promise<T> {
  return underway.during(() => call((_, number) => start(native, number), options, true));
}

/** As call(), for what writes this index or must not meet a write. */
export function writeOn<T = undefined>(
  { native, underway }: Handle,
  start: Start,
  options?: LongCallOptions,
): Promise<T> {
  const prepared = (): Promise<void> => Promise.resolve();
  return underway.inTurn(prepared, () => call((_, number) => start(native, number), options));
}

/** Lets no new call in, waits for those under way, and frees the memory. */
export function close(handle: Handle): Promise<void> {
  const { native, underway } = handle;
  handle.closing ??= underway.settled().then(() => call((_, number) => native.close(number)));
  return handle.closing;
}
