/** What the calls of one index share. `Index` keeps it to itself; the files that do the work are given it. */
import { AutoTier } from './auto.js';
import { fromNative } from './errors.js';
import { Gather } from './gather.js';
import type { NativeIndex, NativeSpec } from './native.js';
import { parseNote, type Note } from './options.js';
import type { IdType, Metric } from './types.js';

export interface Handle {
  /** The addon's object. */
  readonly native: NativeIndex;
  readonly dim: number;
  readonly metric: Metric;
  readonly idType: IdType;
  /** ivf without a fixed number of lists: train() decides it. */
  readonly listsAtTraining: Note['listsAtTraining'];
  readonly gather: Gather;
  readonly auto: AutoTier | undefined;
  /** The close, once it was called: from then on no new call is let in. */
  closing: Promise<void> | undefined;
}

export function handleOf(native: NativeIndex): Handle {
  const { dim, metric, bigintIds, note: text } = native.stats();
  const note = parseNote(text);
  return {
    native,
    dim,
    metric: metric as Metric,
    idType: bigintIds ? 'bigint' : 'number',
    listsAtTraining: note.listsAtTraining,
    gather: new Gather(native, dim),
    auto: note.auto && new AutoTier(native, note.auto, specOf({ dim, metric }, 'Flat')),
    closing: undefined,
  };
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
