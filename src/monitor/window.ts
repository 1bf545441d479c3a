/** What a window knows of its samples. Percentiles are samples themselves: the smallest that at least that share does not exceed. */
export interface WindowStats {
  /** Samples in the window. */
  count: number;
  /** Samples ever recorded. */
  total: number;
  min: number;
  max: number;
  avg: number;
  median: number;
  p95: number;
  p99: number;
}

/** The last samples of one metric. Recording writes one number; sorting waits until somebody asks. */
export class Window {
  readonly #samples: Float64Array;
  #total = 0;

  constructor(size: number) {
    this.#samples = new Float64Array(size);
  }

  record(value: number): void {
    this.#samples[this.#total % this.#samples.length] = value;
    this.#total++;
  }

  /** Samples that there is room for. */
  get size(): number {
    return this.#samples.length;
  }

  get count(): number {
    return Math.min(this.#total, this.#samples.length);
  }

  get total(): number {
    return this.#total;
  }

  /** The share of samples above `bound`; 0 of an empty window. */
  shareAbove(bound: number): number {
    const { count } = this;
    let above = 0;
    for (let place = 0; place < count; place++) if ((this.#samples[place] ?? 0) > bound) above++;
    return count === 0 ? 0 : above / count;
  }

  /** Undefined while there is no sample: an average of nothing is not 0. */
  stats(): WindowStats | undefined {
    const { count } = this;
    if (count === 0) return undefined;
    const sorted = this.#samples.slice(0, count).sort();
    const at = (place: number): number => sorted[place] ?? Number.NaN;
    // In whole percents the product is exact; 0.95 * 20 need not be 19.
    const percentile = (percent: number): number => at(Math.ceil((percent * count) / 100) - 1);
    const sum = sorted.reduce((total, value) => total + value, 0);
    const half = Math.floor(count / 2);
    return {
      count,
      total: this.#total,
      min: at(0),
      max: at(count - 1),
      avg: sum / count,
      median: count % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2,
      p95: percentile(95),
      p99: percentile(99),
    };
  }
}
