/** Random numbers from a seed: the same seed gives the same model on every machine. */
export interface Random {
  /** In [0, 1). */
  next: () => number;
  /** An integer in [0, below). */
  below: (below: number) => number;
  /** Puts the array into random order, in place. */
  shuffle: <T extends { length: number; [index: number]: unknown }>(values: T) => T;
}

/** mulberry32: 32 bits of state, ample for picking texts and their order. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  const shuffle: Random['shuffle'] = (values) => {
    for (let i = values.length - 1; i > 0; i--) {
      const j = below(i + 1);
      const kept = values[i];
      values[i] = values[j];
      values[j] = kept;
    }
    return values;
  };
  return { next, below, shuffle };
}
