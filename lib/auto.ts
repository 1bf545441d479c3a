/** `type: 'auto'`: which kind the index should be at its size, and moving it there in the background. */
import { call } from './calls.js';
import { QuiverError } from './errors.js';
import type { NativeIndex, NativeSpec } from './native.js';
import type { Note } from './options.js';
import { recommend } from './recommend.js';
import type { Metric } from './types.js';

export interface Tier {
  spec: NativeSpec;
  reason: string;
}

/** The preset of the performance guide: flat < 1,000 <= ivf with sqrt(n) lists < 10,000 <= hnsw 32/200/100. */
export function guideTier(n: number, base: NativeSpec): Tier {
  const plain = { ...base, efConstruction: 0, efSearch: 0, nprobe: 0 };
  if (n < 1_000) return { spec: { ...plain, factory: 'Flat' }, reason: 'guide: under 1,000 vectors' };
  if (n < 10_000) {
    const nlist = Math.floor(Math.sqrt(n));
    return {
      spec: { ...plain, factory: `IVF${String(nlist)},Flat`, nprobe: Math.max(1, Math.round(nlist / 8)) },
      reason: 'guide: under 10,000 vectors',
    };
  }
  return {
    spec: { ...plain, factory: 'HNSW32,Flat', efConstruction: 200, efSearch: 100 },
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

const kindOf = (factory: string): string => /^(Flat|HNSW|IVF)/.exec(factory)?.[0] ?? factory;

/** A number in a factory string grown by less than this is not worth a new training. */
const REGROW = 2;

/** Whether `wanted` is another kind than `current`, or the same with many more lists. */
export function shouldMove(current: string, wanted: string): boolean {
  if (current === wanted) return false;
  if (kindOf(current) !== kindOf(wanted)) return true;
  if (kindOf(current) !== 'IVF') return current !== wanted;
  const lists = (factory: string): number => Number(/^IVF(\d+)/.exec(factory)?.[1] ?? 0);
  return lists(wanted) >= lists(current) * REGROW;
}

export class AutoTier {
  readonly policy: 'default' | 'guide';
  readonly #native: NativeIndex;
  readonly #auto: NonNullable<Note['auto']>;
  readonly #base: NativeSpec;
  #moving: Promise<void> | undefined;
  #reason = '';

  constructor(native: NativeIndex, auto: NonNullable<Note['auto']>, base: NativeSpec) {
    this.#native = native;
    this.#auto = auto;
    this.#base = base;
    this.policy = auto.policy;
    this.#reason = this.#tier(native.count()).reason;
  }

  get rebuilding(): boolean {
    return this.#moving !== undefined;
  }
  get reason(): string {
    return this.#reason;
  }

  #tier(n: number): Tier {
    return this.policy === 'guide' ? guideTier(n, this.#base) : defaultTier(n, this.#base, this.#auto);
  }

  /** Called after each write. Starts a move when the index has outgrown its kind; searches and writes go on. */
  grow(): void {
    if (this.#moving !== undefined) return;
    const { spec, reason } = this.#tier(this.#native.count());
    // Growing only: an index that shrinks for a while keeps its kind.
    const current = this.#native.stats().factory;
    if (spec.factory === 'Flat' || !shouldMove(current, spec.factory)) {
      if (current === spec.factory) this.#reason = reason;
      return;
    }
    this.#moving = call((_, number) => this.#native.rebuild(number, spec)).then(
      () => {
        this.#moving = undefined;
        this.#reason = reason;
        this.#growIfOpen(); // more may have come meanwhile
      },
      (error: unknown) => {
        this.#moving = undefined;
        // The index goes on as it is. A closed one, or one that another thread moves, needs no word.
        if (error instanceof QuiverError)
          this.#reason = `${this.#reason} (could not become ${spec.factory}: ${error.message})`;
      },
    );
  }

  #growIfOpen(): void {
    try {
      this.grow();
    } catch {
      // Closed meanwhile.
    }
  }

  /** Waits until no move is under way. */
  async settled(): Promise<void> {
    while (this.#moving !== undefined) await this.#moving;
  }
}
