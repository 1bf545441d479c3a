/** `type: 'auto'`: which kind the index should be at its size, and moving it there in the background. */
import { call } from './calls.js';
import type { NativeIndex, NativeSpec } from './native.js';
import type { Note } from './options.js';
import { recommend } from './recommend.js';
import type { Metric } from './types.js';

export interface Tier {
  spec: NativeSpec;
  reason: string;
}

const FAST_METRICS = ['l2', 'ip', 'cosine'];

/** The preset of the performance guide: flat < 1,000 <= ivf with sqrt(n) lists < 10,000 <= hnsw 32/200/100. */
export function guideTier(n: number, base: NativeSpec): Tier {
  if (!FAST_METRICS.includes(base.metric)) {
    return { spec: { ...base, factory: 'Flat' }, reason: `FAISS knows the metric ${base.metric} on flat indexes only` };
  }
  if (n < 1_000) return { spec: { ...base, factory: 'Flat' }, reason: 'guide: under 1,000 vectors' };
  if (n < 10_000) {
    const nlist = Math.floor(Math.sqrt(n));
    return {
      spec: { ...base, factory: `IVF${String(nlist)},Flat`, nprobe: Math.max(1, Math.round(nlist / 8)) },
      reason: 'guide: under 10,000 vectors',
    };
  }
  return {
    spec: { ...base, factory: 'HNSW32,Flat', efConstruction: 200, efSearch: 100 },
    reason: 'guide: 10,000 vectors and more',
  };
}

export function defaultTier(n: number, base: NativeSpec, auto: NonNullable<Note['auto']>): Tier {
  const choice = recommend({
    n,
    dim: base.dim,
    metric: base.metric as Metric,
    memory: auto.memory,
    recall: auto.recall,
  });
  return {
    spec: {
      ...base,
      factory: choice.factory,
      efConstruction: choice.efConstruction ?? 0,
      efSearch: choice.efSearch ?? 0,
      nprobe: choice.nprobe ?? 0,
    },
    reason: choice.reason,
  };
}

/** Lists that grew by less than this are not worth a new training. */
const REGROW = 2;
/** After a failed move the index must grow by this before the next try: each try costs as much as the move. */
const RETRY_GROWTH = 1.25;

/** The factory string but for its number of lists. */
const kindOf = (factory: string): string => factory.replace(/^IVF\d+/, 'IVF');
const listsOf = (factory: string): number => Number(/^IVF(\d+)/.exec(factory)?.[1] ?? 0);

/** Whether `wanted` is another kind than `current`, or the same with many more lists. */
export function shouldMove(current: string, wanted: string): boolean {
  if (kindOf(current) !== kindOf(wanted)) return true;
  return listsOf(wanted) > 0 && listsOf(wanted) >= listsOf(current) * REGROW;
}

export class AutoTier {
  readonly policy: 'default' | 'guide';
  readonly #native: NativeIndex;
  readonly #auto: NonNullable<Note['auto']>;
  readonly #base: NativeSpec;
  #moving: Promise<void> | undefined;
  #reason: string;
  #failure: { message: string; count: number } | undefined;

  constructor(native: NativeIndex, auto: NonNullable<Note['auto']>, base: NativeSpec) {
    this.#native = native;
    this.#auto = auto;
    this.#base = base;
    this.policy = auto.policy;
    const { factory, count } = native.stats();
    const { spec, reason } = this.#tier(count);
    // Opened, it is what it was saved as: perhaps on its way to another kind, or once larger than now.
    this.#reason = shouldMove(factory, spec.factory) ? `opened as ${factory}` : reason;
  }

  get rebuilding(): boolean {
    return this.#moving !== undefined;
  }
  /** Why it is the kind that it is, and what the last move failed on, if it did. */
  get reason(): string {
    return this.#failure === undefined ? this.#reason : `${this.#reason} (${this.#failure.message})`;
  }

  #tier(n: number): Tier {
    return this.policy === 'guide' ? guideTier(n, this.#base) : defaultTier(n, this.#base, this.#auto);
  }

  /** Called after each write. Starts a move when the index has outgrown its kind; searches and writes go on. */
  grow(): void {
    if (this.#moving !== undefined) return;
    const { factory, count } = this.#native.stats();
    const tier = this.#tier(count);
    if (factory === tier.spec.factory) this.#reason = tier.reason;
    // Growing only: an index that shrinks for a while keeps its kind.
    if (tier.spec.factory === 'Flat' || !shouldMove(factory, tier.spec.factory)) return;
    if (this.#failure !== undefined && count < this.#failure.count * RETRY_GROWTH) return;
    this.#moving = this.#move(tier, count).then(() => {
      this.#moving = undefined;
      this.#growIfOpen(); // more may have come meanwhile
    });
  }

  #growIfOpen(): void {
    try {
      this.grow();
    } catch {
      // Closed meanwhile.
    }
  }

  async #move({ spec, reason }: Tier, count: number): Promise<void> {
    const native = this.#native;
    try {
      // One rebuild at a time: a compaction, or a move that another thread began, goes first.
      await call((_, number) => native.whenQuiet(number));
      if (native.stats().factory !== spec.factory) await call((_, number) => native.rebuild(number, spec));
      this.#reason = reason;
      this.#failure = undefined;
    } catch (error) {
      // The index goes on as it is.
      const why = error instanceof Error ? error.message : String(error);
      this.#failure = { message: `could not become ${spec.factory}: ${why}`, count };
    }
  }

  /** Waits until no move is under way. */
  async settled(): Promise<void> {
    while (this.#moving !== undefined) await this.#moving;
  }
}
