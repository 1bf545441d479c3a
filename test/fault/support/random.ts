/** Random numbers that a seed brings back: QUIVER_SEED replays a run, QUIVER_TRIALS makes it longer. */

/** The seed of this run. A child process gets its parent's by the environment. */
export const seed = Number(process.env.QUIVER_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** How many trials a test makes: `usual` of them, times QUIVER_TRIALS (default 1). */
export function trials(usual: number): number {
  return Math.max(1, Math.round(usual * factor));
}
export const factor = Number(process.env.QUIVER_TRIALS ?? 1);

/** mulberry32: 32 bits of state, good enough to choose where to break things. */
export class Random {
  #state: number;

  constructor(start: number) {
    this.#state = start >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number in [0, end). */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }
}

/** n * dim numbers in [-1, 1). */
export function vectors(n: number, dim: number, start: number): Float32Array {
  const random = new Random(start);
  return Float32Array.from({ length: n * dim }, () => random.next() * 2 - 1);
}
