/** What is planned for, checked once for both ways of planning. */
import { checkInteger, checkObject, outOfRange, QuiverError, wrongArgument } from '../../lib/errors.js';

export interface Need {
  documents: number;
  /** Queries a second, on average. */
  qps: number;
  /** How many times the average the busiest moment is. Default 3. */
  peak?: number;
}

const MOST_DOCUMENTS = 1e12;
const MOST_QPS = 1e9;
const MOST_PEAK = 1e3;

export function checkNumber(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  const expected = `a number from ${min.toLocaleString('en')} to ${max.toLocaleString('en')}`;
  throw (typeof value === 'number' ? outOfRange : wrongArgument)(name, expected, value);
}

/** Errors: E_ARGUMENT, E_RANGE. `known` are the names that may be there. */
export function checkNeed(options: Need, known: readonly string[]): Required<Need> {
  checkObject('options', options);
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const expected = known.join(', ');
    throw new QuiverError('E_ARGUMENT', `There is no option "${key}". Known are ${expected}.`, {
      expected,
      actual: key,
    });
  }
  return {
    documents: checkInteger('documents', options.documents, 1, MOST_DOCUMENTS),
    qps: checkNumber('qps', options.qps, 0, MOST_QPS),
    peak: checkNumber('peak', options.peak ?? 3, 1, MOST_PEAK),
  };
}
