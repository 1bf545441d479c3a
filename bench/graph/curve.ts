/** Recall against speed, and what a curve says between its points. */

export interface Point {
  ef: number;
  /** On the half of the queries by which settings are chosen. */
  chosenOn: number;
  /** On the other half. */
  shown: number;
  qps: number;
}

/** A setting between two that were measured: `part` of the way from the one to the other. */
export interface Between {
  low: number;
  high: number;
  part: number;
}

/** Where the curve reaches a recall, by the half for choosing; undefined where it never does. */
export function reaching(points: readonly Point[], target: number): Between | undefined {
  const at = points.findIndex(({ chosenOn }) => chosenOn >= target);
  const high = points[at];
  if (high === undefined) return undefined;
  const low = points[at - 1];
  if (low === undefined) return { low: high.ef, high: high.ef, part: 0 };
  return { low: low.ef, high: high.ef, part: (target - low.chosenOn) / (high.chosenOn - low.chosenOn) };
}

/** Of two recalls: along a straight line. */
export function mixed(low: number, high: number, part: number): number {
  return low + (high - low) * part;
}

/** Of two speeds: along a line that is straight in the logarithm. */
export function mixedSpeed(low: number, high: number, part: number): number {
  return Math.exp(mixed(Math.log(low), Math.log(high), part));
}

/** The least recall that all systems can be narrowed to, those left out that are at `most` even then. */
export function commonLeast(curves: readonly (readonly Point[])[], most: number): number {
  return Math.max(...curves.map((points) => points[0]?.chosenOn ?? 0).filter((least) => least < most));
}
